"""Pieces fitted to a stretch of time, so that it ends on music and not in the middle of it.

``search`` says what the best filling is and how it is found; ``reach`` where a list can
lead at all; ``placing`` puts what was found in its place. ``seams`` and ``joins`` know how
one piece follows another, ``fillings`` the values that all of them pass on.
"""

from kaproom.session.fit.fillings import Before, Ending, From, Playing, Unit
from kaproom.session.fit.joins import ENTRANCE_MIN_S, PLAYED_MIN_S
from kaproom.session.fit.search import BOUNDARY_MAX_S, fitted

__all__ = [
    "BOUNDARY_MAX_S",
    "ENTRANCE_MIN_S",
    "PLAYED_MIN_S",
    "Before",
    "Ending",
    "From",
    "Playing",
    "Unit",
    "fitted",
]
