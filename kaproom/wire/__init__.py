"""The one door to MQTT: one connection to a broker, kept up; used by rooms and by screens.

Nothing waits here but whoever asks to: the link belongs to one thread, which turns it.
What was not sent is not queued, so a broker that is away costs no memory.
"""

from kaproom.wire.access import exposed
from kaproom.wire.faults import Fault
from kaproom.wire.link import (
    Acknowledged,
    Connected,
    Down,
    Heard,
    Link,
    Message,
    News,
    trial,
)

__all__ = [
    "Acknowledged",
    "Connected",
    "Down",
    "Fault",
    "Heard",
    "Link",
    "Message",
    "News",
    "exposed",
    "trial",
]
