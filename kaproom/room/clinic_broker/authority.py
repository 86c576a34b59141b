"""The clinic's certificate authority: the one door to the ``cryptography`` package.

It knows keys and certificates as PEM and nothing of files. Keys are EC P-256. A client's
certificate cannot pass for the server's, nor the server's for a client's.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kaproom import clock
from kaproom.errors import Mend

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
except ModuleNotFoundError as missing:
    raise Mend(
        f"the package 'cryptography' is missing; run `{sys.executable} -m pip install cryptography`"
    ) from missing

if TYPE_CHECKING:
    from cryptography.x509.oid import ObjectIdentifier

# A clinic that renews nothing loses its stations on that day: long, and `list` says it early.
AUTHORITY_DAYS = 20 * 365
# The longest that browsers (Apple's) take of a private authority's server.
CERTIFICATE_DAYS = 825
# A room PC's clock may be behind ours when it is set up.
_BACKDATED = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, PEM."""

    serial: int
    until: datetime
    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True)
class Authority:
    """The clinic's authority, at work."""

    _key: ec.EllipticCurvePrivateKey
    _certificate: x509.Certificate

    @classmethod
    def new(cls, name: str) -> Authority:
        """A new one, called ``name`` in every certificate that it signs."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        certificate = (
            _unsigned(subject, subject, key, AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @classmethod
    def of(cls, certificate: bytes, key: bytes) -> Authority:
        """The one that these PEM files hold.

        Raises:
            ValueError: They hold none.
        """
        loaded = serialization.load_pem_private_key(key, None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError("the key is not an EC key")
        return cls(loaded, x509.load_pem_x509_certificate(certificate))

    @property
    def certificate(self) -> bytes:
        """What everybody checks with, PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key(self) -> bytes:
        """What must never leave the clinic's hands, PEM."""
        return _key_pem(self._key)

    @property
    def until(self) -> datetime:
        """When it, and all that it signed, ends."""
        return self._certificate.not_valid_after_utc

    def client(self, name: str) -> Issued:
        """A certificate for whom the broker shall call ``name``."""
        return self._issue(name, ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def server(self, hosts: Iterable[str]) -> Issued:
        """A certificate for the broker under these names and addresses."""
        names = [_host(host) for host in hosts]
        return self._issue(
            "kaproom broker", ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(names)
        )

    def revocations(self, revoked: Iterable[tuple[int, datetime]]) -> bytes:
        """The list of revoked serials and when, PEM.

        It stays good as long as the authority: an outdated list makes OpenSSL refuse
        everybody, and no clinic shall go dark for want of a monthly chore.
        """
        now = clock.utc()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(now - _BACKDATED)
            .next_update(self.until)
            .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
            .add_extension(self._issuer_key(), critical=False)
        )
        for serial, when in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(when).build()
            )
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _issue(
        self, name: str, purpose: ObjectIdentifier, hosts: x509.SubjectAlternativeName | None
    ) -> Issued:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _unsigned(_name(name), self._certificate.subject, key, CERTIFICATE_DAYS, self.until)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(self._issuer_key(), critical=False)
        )
        if hosts is not None:
            builder = builder.add_extension(hosts, critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        return Issued(
            signed.serial_number,
            signed.not_valid_after_utc,
            signed.public_bytes(serialization.Encoding.PEM),
            _key_pem(key),
        )

    def _issuer_key(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())


def _unsigned(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    days: int,
    latest: datetime | None = None,
) -> x509.CertificateBuilder:
    now = clock.utc()
    until = now + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until if latest is None else min(until, latest))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
