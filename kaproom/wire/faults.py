"""Why there is no connection, as one line: what, where, how to mend it."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from paho.mqtt.reasoncodes import ReasonCode

from kaproom.session.roomfile import Broker


@dataclass(frozen=True, slots=True)
class Fault:
    """One line. ``mend``: a person has to correct a setting; else it may pass by itself."""

    line: str
    mend: bool = False


def file_fault(key: str, path: str, error: OSError | ValueError, beside: str = "") -> Fault:
    """A file that the settings name cannot be used."""
    if isinstance(error, ssl.SSLError):
        if error.reason == "KEY_VALUES_MISMATCH":
            why = f"does not belong to the key in {beside}; make both anew"
        elif beside:
            why = f"and {beside} are no certificate and key in PEM; make both anew"
        else:
            why = "holds no certificate in PEM; name the broker's authority"
    elif isinstance(error, OSError) and error.strerror:
        why = f"cannot be read: {error.strerror.lower()}"
    else:
        why = "cannot be read: it is not text"
    return Fault(f"{key}: {path} {why}", mend=True)


def connect_fault(broker: Broker, where: str, error: OSError | ValueError) -> Fault:
    """No connection came about."""
    match error:
        case socket.gaierror():
            return Fault(
                f"broker.url: the name in {where} is not resolved to an address;"
                " correct it, or look at the network",
                mend=True,
            )
        case ssl.SSLCertVerificationError():
            return _not_trusted(broker, where, error)
        case ssl.SSLError():
            return tls_fault(broker, where, str(error))
        case ConnectionRefusedError():
            return Fault(
                f"broker.url: nobody listens at {where}; start the broker, or correct the port",
            )
        case ConnectionResetError() if broker.url.startswith("mqtts:"):
            return tls_fault(broker, where, "WRONG_VERSION_NUMBER")
        case TimeoutError():
            return Fault(f"broker.url: {where} does not answer; is it the right address?")
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Fault(f"broker.url: {where} is not reached: {(why or 'no reason given').lower()}")


def _not_trusted(broker: Broker, where: str, error: ssl.SSLCertVerificationError) -> Fault:
    why = (error.verify_message or "not valid").rstrip(".")
    if "ostname mismatch" in why or "IP address mismatch" in why:
        return Fault(
            f"broker.url: the certificate of {where} is for another name;"
            " write the name that it was made for",
            mend=True,
        )
    if "expired" in why or "not yet valid" in why:
        return Fault(
            f"broker: the certificate of {where} is not valid now ({why});"
            " renew it, or set the clock",
            mend=True,
        )
    named = f"broker.ca ({broker.ca})" if broker.ca else "the system's authorities"
    return Fault(
        f"broker.ca: the certificate of {where} is not trusted ({why}); {named} did not sign it",
        mend=True,
    )


# What the broker's TLS says when it is we whom it does not like, and what that means.
_ALERTS = (
    ("CERTIFICATE_REQUIRED", "the broker wants a certificate; add broker.cert and broker.key"),
    ("CERTIFICATE_REVOKED", "broker.cert was revoked at the broker; make a new one"),
    ("CERTIFICATE_EXPIRED", "broker.cert has expired; make a new one"),
    ("UNKNOWN_CA", "broker.cert is from an authority that the broker does not know"),
    ("BAD_CERTIFICATE", "broker.cert is not accepted by the broker; make a new one"),
    ("HANDSHAKE_FAILURE", "broker.cert is missing or not accepted by the broker"),
    ("WRONG_VERSION_NUMBER", "no TLS is spoken there; write mqtt://, or the port for TLS"),
    ("RECORD_LAYER_FAILURE", "no TLS is spoken there; write mqtt://, or the port for TLS"),
    ("PACKET_LENGTH_TOO_LONG", "no TLS is spoken there; write mqtt://, or the port for TLS"),
    ("UNEXPECTED_EOF", "the broker ended the connection during TLS"),
)


def tls_fault(broker: Broker, where: str, said: str) -> Fault:
    """TLS failed, before or after its handshake; ``said`` is OpenSSL's own text."""
    told = said.upper().replace(" ", "_")
    for word, line in _ALERTS:
        if word in told:
            return Fault(f"broker {where}: {line}", mend=word != "UNEXPECTED_EOF")
    return Fault(f"broker {where}: TLS failed ({said})")


def refused_fault(broker: Broker, where: str, code: ReasonCode) -> Fault:
    """The broker answered, and refused."""
    match code.value:
        case 133:
            return Fault(f"broker {where}: refuses the client id of this room", mend=True)
        case 134 | 135 if broker.username is None and broker.cert is None:
            line = "wants a user; add broker.username and broker.password_file"
        case 134 | 135 if broker.username is not None:
            line = (
                f"refuses user '{broker.username}'; correct broker.username or the password in"
                f" {broker.password_file or 'broker.password_file, which is missing'}"
            )
        case 134 | 135:
            line = f"refuses the certificate in {broker.cert}; it is not enrolled there"
        case _:
            return Fault(f"broker {where}: refuses the connection ({str(code).lower()})")
    return Fault(f"broker {where}: {line}", mend=True)


def ended_fault(broker: Broker, where: str, said: str, answered: bool) -> Fault:
    """The broker ended the connection; ``said`` is what it gave as a reason, if it did."""
    if "SSL" in said:
        return tls_fault(broker, where, said)
    if answered:
        return Fault(f"broker {where}: the connection was lost{f' ({said})' if said else ''}")
    tls = "" if broker.url.startswith("mqtts:") else "; does it want TLS (mqtts://)?"
    return Fault(f"broker {where}: ended the connection without an answer{tls}")
