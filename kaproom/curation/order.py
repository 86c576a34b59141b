"""Whether a profile's phases keep their order whatever happens to the infusion.

As planned they do, or the profile could not be read; here every single disturbance is tried.
"""

from __future__ import annotations

from collections.abc import Iterator

from kaproom.files import LoadedProfile
from kaproom.session.disturbances import Disorder, disorders, remedy
from kaproom.surroundings import Finding


def of_order(loaded: LoadedProfile) -> Iterator[Finding]:
    """A line for each phase that some disturbance brings out of order."""
    for disorder in disorders(loaded.profile.timing):
        yield _told(loaded, disorder)


def _told(loaded: LoadedProfile, disorder: Disorder) -> Finding:
    phases, index = loaded.profile.phases, disorder.index
    earlier = phases[index - 1].name
    when = f"minute {disorder.minute:.0f}"
    before = f"'{earlier}', which then starts at minute {disorder.before_min:.0f}"
    if index < len(phases):
        where: tuple[str | int, ...] = ("phases", index, phases[index].way)
        told = (
            f"with {disorder.disturbance.words} it would start at {when}, before or too soon after"
        )
    else:
        where = ("session_end_min",)
        told = f"with {disorder.disturbance.words} the session would end at {when}, too soon for"
    bound = remedy(loaded.profile.timing, disorder)
    if bound is not None:
        mend = f"add `{bound.key}: {bound.minute:g}` to '{phases[bound.index].name}'"
    elif index == len(phases):
        mend = "give session_end_min more minutes"
    else:
        mend = f"give '{earlier}' and it starts that are further apart, or both in minutes"
    place = loaded.profile_source.place(where)
    return Finding("stop", place, f"{told} {before}; {mend}")
