"""A session as its record tells it: stepped through again, put beside its plan, drawn.

Nothing is measured or guessed here: what was entered, what followed from it by the rules
that ran the room, and what the machine said of its sound. A record holds no weight, so
none is known here unless whoever asks gives one.
"""

from kaproom.retold.happened import Happened, NoteMade, happened
from kaproom.retold.sheet import as_arc, drawn

__all__ = ["Happened", "NoteMade", "as_arc", "drawn", "happened"]
