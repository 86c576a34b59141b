"""What a session begins with: plan, music, people, and what was prepared for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kaproom.clock import Instant
from kaproom.errors import Mend
from kaproom.record import Entry
from kaproom.session import events as e
from kaproom.session.people import present
from kaproom.session.preparation import Preparation, preparation_from, ticked_from
from kaproom.session.profile import Profile
from kaproom.session.repertoire import Repertoire
from kaproom.session.state import REST_DB

PREPARED = "preparation"
IN_MAX_S = 6 * 3600.0


@dataclass(frozen=True, slots=True)
class Beginning:
    """A session to be begun.

    Attributes:
        who: Those present, by initials; empty when nobody was named.
        first: What is so from the first moment on.
        fields: For its first entry: all that is needed to plan it again, and how it was
            prepared.
    """

    profile: Profile
    repertoire: Repertoire
    who: str
    first: tuple[e.Event, ...]
    fields: Mapping[str, Any]


def beginning(args: Mapping[str, Any]) -> Beginning:
    """What `start` asked for.

    Raises:
        Mend: It is no profile and its music, or something that must be confirmed is not.
    """
    try:
        profile = Profile.model_validate(args["profile"])
        repertoire = Repertoire.model_validate(args["repertoire"])
    except (KeyError, ValidationError) as error:
        raise Mend(
            "that is not a profile and its music; begin with `kaproom start PROFILE`"
        ) from error
    named = args.get("who") or []
    if not isinstance(named, list):
        raise Mend("who is present is a list of initials, e.g. --who AB,CD")
    who = present(named) if named else ""
    prepared = None if args.get("prepared") is None else preparation_from(args["prepared"])
    must = profile.checklist.before.must if prepared is not None else ()
    ticked = ticked_from(args.get("checklist") or [], must)
    items = [one.model_dump(mode="json") for one in ticked]
    fields = {
        "profile": profile.model_dump(mode="json"),
        "repertoire": repertoire.model_dump(mode="json"),
        "without": args.get("without", []),
        "findings": args.get("findings", []),
    }
    if prepared is not None:
        fields |= {"ref": prepared.ref, "prepared": prepared.to_fields()}
    first = [*_first(profile, who, prepared, items), *_expected(args.get("infusion_in_s"))]
    return Beginning(profile, repertoire, who, tuple(first), fields)


def prepared_entry(args: Mapping[str, Any], now: Instant, command_id: str) -> Entry:
    """A preparation, for the record; it belongs to no session yet.

    Raises:
        Mend: It is none.
    """
    prepared = preparation_from(args.get("preparation"))
    return Entry(
        kind=PREPARED,
        at=now,
        entered=now,
        who=prepared.by,
        command_id=command_id,
        fields=prepared.to_fields(),
    )


def _expected(in_s: object) -> list[e.Event]:
    """When the infusion is expected, in seconds from now."""
    if in_s is None:
        return []
    if isinstance(in_s, bool) or not isinstance(in_s, int | float) or not 0 <= in_s <= IN_MAX_S:
        raise Mend(f"the infusion is expected within {IN_MAX_S / 3600:g} h; write e.g. 15m")
    return [e.Expected(0.0, 0.0, float(in_s))]


def _first(
    profile: Profile, who: str, prepared: Preparation | None, items: list[dict[str, Any]]
) -> list[e.Event]:
    first: list[e.Event] = [e.Present(0.0, 0.0, who)] if who else []
    if items:
        first.append(e.WorkedOff(0.0, 0.0, "before", items))
    if prepared is not None and prepared.level_db is not None:
        by_db = prepared.level_db - min(REST_DB, profile.limits.level_max_db)
        if by_db:
            first.append(e.Levelled(0.0, 0.0, by_db))
    return first
