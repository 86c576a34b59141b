"""A process in which a Python thread never rests: ``spinning.py daemon``, ``client SOCKET``.

The daemon is the real one, its loop on the main thread as ever. The client watches the
room as a console does.
"""

import sys
import threading
from pathlib import Path


def _spin() -> None:
    while True:
        pass


def _client(socket: Path) -> None:
    from kaproom.intercom import Client

    for _ in Client(socket, "bench").watch():
        pass


if __name__ == "__main__":
    threading.Thread(target=_spin, daemon=True).start()
    if sys.argv[1] == "daemon":
        from kaproom.cli import main

        sys.argv = ["kaproom", "daemon"]
        main()
    else:
        _client(Path(sys.argv[2]))
