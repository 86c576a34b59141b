"""What stands in the folder that is handed to a room, a station or a dashboard."""

from __future__ import annotations

from kaproom.room.clinic_broker.identity import Identity
from kaproom.room.clinic_broker.listening import Listening

_ROOM = """\
kaproom: room/1
# The first lines of this room's file, /etc/kaproom/room.yaml, with ca.crt, kaproom.crt and
# kaproom.key in /etc/kaproom/broker, the key readable by the account kaproom alone:
#   sudo install -d /etc/kaproom/broker
#   sudo install -m 0644 ca.crt kaproom.crt /etc/kaproom/broker/
#   sudo install -o kaproom -m 0600 kaproom.key /etc/kaproom/broker/
site: {site}
room: {room}
broker:
  url: mqtts://{host}:{port}
  ca: broker/ca.crt
  cert: broker/kaproom.crt
  key: broker/kaproom.key
"""

_CERTIFICATE = """\
{name} at the clinic's broker, mqtts://{host}:{port}

Its certificate is its user and its client id: two programs with the same one push each
other out, so each program gets its own. Keep kaproom.key readable by its program alone.

To try it:

mosquitto_sub -h {bare_host} -p {port} --cafile ca.crt --cert kaproom.crt --key kaproom.key \\
  -v -t 'kaproom/1/{listens}/#'
"""

_STATION = """
The station itself, from the folder of these files:

kaproom station --broker mqtts://{host}:{port} --site {site} --id {alias} \\
  --ca ca.crt --cert kaproom.crt --key kaproom.key
"""

_PASSWORD = """\
{name} at the clinic's broker, over WebSockets: {url}

The user is {name}, the password is in the file `password`. The user is its client id
as well: two dashboards with the same one push each other out, so each screen gets its own.

Subscribe to kaproom/1/{site}/#
"""


def broker_lines(identity: Identity, listening: Listening) -> str:
    """What the room's file says about itself and its broker."""
    return _ROOM.format(
        site=identity.site, room=identity.alias, host=_in_url(listening), port=listening.port
    )


def connect_lines(identity: Identity, listening: Listening, *, by_password: bool) -> str:
    """How to connect, for whoever sets it up."""
    if by_password:
        if listening.websockets == "tls":
            url = f"wss://{_in_url(listening)}:{listening.websockets_port}"
        else:
            url = f"ws://127.0.0.1:{listening.websockets_port} (on the broker's machine only)"
        return _PASSWORD.format(name=identity, url=url, site=identity.site)
    told = _CERTIFICATE + (_STATION if identity.kind == "station" else "")
    return told.format(
        name=identity,
        host=_in_url(listening),
        bare_host=listening.hosts[0],
        port=listening.port,
        listens=str(identity) if identity.kind == "room" else identity.site,
        site=identity.site,
        alias=identity.alias,
    )


def _in_url(listening: Listening) -> str:
    host = listening.hosts[0]
    return f"[{host}]" if ":" in host else host
