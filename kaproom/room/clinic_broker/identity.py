"""Who may speak to a clinic's broker, and what each may say and hear.

An identity's name is the topic below ``kaproom/1/`` that is its own, so one word is the
certificate's name, the user and the client id at the broker, and the place on the wire.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import TypeAdapter, ValidationError

from kaproom.errors import Mend
from kaproom.places import legible
from kaproom.session.model import PATTERN_WORDS, Alias

Kind = Literal["room", "station", "dashboard"]
KINDS: tuple[Kind, ...] = get_args(Kind)

NAME_MAX = 64  # X.509: a common name holds no more (ub-common-name)
_ROOT = "kaproom/1"
_ALIAS: TypeAdapter[str] = TypeAdapter(Alias)


@dataclass(frozen=True, slots=True, order=True)
class Identity:
    """One room, station or dashboard of one site."""

    site: str
    kind: Kind
    alias: str

    @classmethod
    def read(cls, kind: Kind, written: str) -> Identity:
        """What a person wrote: ``SITE/NAME``, or the whole name.

        Raises:
            Mend: It can be no name of this kind.
        """
        words = written.split("/")
        if len(words) == 3 and words[1] == kind != "room":
            del words[1]
        if len(words) != 2:
            raise Mend(f"'{legible(written)}' is no {kind}; write SITE/NAME, as in clinic/one")
        site, alias = words
        for word in words:
            try:
                _ALIAS.validate_python(word)
            except ValidationError as error:
                pattern = str(error.errors()[0].get("ctx", {}).get("pattern"))
                raise Mend(
                    f"'{legible(word)}' in '{legible(written)}': {PATTERN_WORDS[pattern]}"
                ) from None
        if kind == "room" and alias == "station":
            raise Mend("'station' belongs to the nurse stations; call the room something else")
        identity = cls(site, kind, alias)
        if len(str(identity)) > NAME_MAX:
            raise Mend(
                f"'{identity}' has {len(str(identity))} characters and a certificate's name"
                f" at most {NAME_MAX}; choose shorter aliases"
            )
        return identity

    @classmethod
    def of_name(cls, name: str) -> Identity:
        """The identity with this whole name, as the folder's book keeps it."""
        site, *middle, alias = name.split("/")
        kind: Kind = next((kind for kind in KINDS if [kind] == middle), "room")
        return cls(site, kind, alias)

    def __str__(self) -> str:
        middle = "" if self.kind == "room" else f"{self.kind}/"
        return f"{self.site}/{middle}{self.alias}"

    def rights(self) -> list[str]:
        """What the broker lets it do, as lines of Mosquitto's ACL file."""
        site, own = f"{_ROOT}/{self.site}", f"{_ROOT}/{self}"
        match self.kind:
            case "room":
                return [f"topic readwrite {own}/#", f"topic read {site}/station/+"]
            case "station":
                return [
                    f"topic read {site}/#",
                    f"topic write {own}",
                    f"topic write {site}/+/replay/req",
                ]
            case "dashboard":
                return [f"topic read {site}/#"]


_HEAD = """\
# Who may do what. `kaproom broker` writes this file anew whenever somebody is added or
# revoked: changes made here are lost. Nobody else may read or write anything.
"""


def rights_file(identities: Iterable[Identity]) -> str:
    """Mosquitto's ACL file: each identity by name, nothing for anybody else."""
    parts = ["\n".join((f"user {identity}", *identity.rights())) for identity in sorted(identities)]
    return "\n\n".join((_HEAD.rstrip(), *parts)) + "\n"
