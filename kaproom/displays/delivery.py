"""How a note reaches the room: sent until it is answered, with the same id each time.

So a daemon that is killed meanwhile neither loses nor doubles it. Every client that takes
notes sends them through here.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, NoReturn

from kaproom.displays.notepad import Outcome, Wish
from kaproom.errors import Mend, Refused, WorldFailed
from kaproom.intercom import Client

RETRY_S: Final = 0.2


def deliver(
    wishes: SimpleQueue[Wish], connect: Callable[[], Client], tell: Callable[[Outcome], None]
) -> NoReturn:
    """Send one wish after another, each until it is answered; a thread's whole life."""
    client: Client | None = None
    while True:
        wish = wishes.get()
        outcome = None
        while outcome is None:
            try:
                client = client or connect()
                outcome = Outcome(wish.id, True, client.call(wish.do, wish.args, wish.id))
            except (Refused, Mend) as error:
                outcome = Outcome(wish.id, False, {"line": str(error)})
            except WorldFailed as error:
                if str(error).startswith("done, not recorded"):
                    outcome = Outcome(wish.id, False, {"line": str(error)})
                else:
                    client = None
                    select.select([], [], [], RETRY_S)
        tell(outcome)
