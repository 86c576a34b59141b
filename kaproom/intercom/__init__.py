"""The room's local sockets: how console, commands, daemon and player talk on one machine.

Unix-domain, one JSON object a line, at most 1 MiB. The server greets::

    {"kaproom": "intercom/1", "role": "daemon", "version": "0.1.0"}

The client's first line is its own greeting, and it need not wait for the server's::

    {"kaproom": "intercom/1", "client": "console"}
    {"id": "5f3c…", "do": "note", "args": {"category": "tears"}}

Each request is answered once, by its id: ``{"id": …, "ok": {…}}``, or with one line for a
person under ``refused``, ``mend`` or ``failed``; where a program can ask further, ``refused``
has a word for it beside it, ``reason``. A request sent again with the same id gets
the first answer, so a client that lost its connection may simply ask again. After
``{"id": …, "do": "watch"}`` the server also pushes ``{"push": topic, …}``. A line with
``refused``, ``mend`` or ``failed`` and no id is the server's last word: it closes.

JSON has no infinity: a number that is none arrives as null.
"""

from kaproom.intercom.client import Client
from kaproom.intercom.server import Request, Server

__all__ = ["Client", "Request", "Server"]
