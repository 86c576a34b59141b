"""What MQTT 5 adds; on MQTT 3.1.1 everything works without."""

from __future__ import annotations

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

# The last will waits so long, and our session a little longer: a short interruption is
# not seen as an end.
WILL_DELAY_S = 4
SESSION_S = 10


def connect_properties(largest_bytes: int, keep_session: bool) -> Properties:
    """Keep the session for a while, or not at all; send us nothing larger."""
    properties = _of(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_S if keep_session else 0
    properties.MaximumPacketSize = largest_bytes
    return properties


def will_properties() -> Properties:
    """Wait before the last will is published; we may be back."""
    properties = _of(PacketTypes.WILLMESSAGE)
    properties.WillDelayInterval = WILL_DELAY_S
    return properties


def expiring(expiry_s: int) -> Properties:
    """What the broker still holds after so long is of no use to anybody."""
    properties = _of(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = expiry_s
    return properties


def without_session() -> Properties:
    """Goodbye: nothing is kept for us."""
    properties = _of(PacketTypes.DISCONNECT)
    properties.SessionExpiryInterval = 0
    return properties


def _of(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]
