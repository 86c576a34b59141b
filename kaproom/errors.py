"""The two kinds of failure that reach a person, and the one that reaches nobody.

Each carries one line that says what, where and how to mend it. What is neither of
these is our own mistake: nobody catches it, the process ends and is restarted.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a command is refused, for a program that asks further or says it in its own words.

    What has none is said in the refusal's own line.
    """

    MORE_INTENSE = "more-intense"
    """`advance` that was not sure: it goes to a more intense phase."""
    NO_SESSION = "no-session"
    SESSION_OPEN = "session-open"
    ENDING = "ending"
    ENDED = "ended"
    SIGNED = "signed"
    INTERRUPTED = "interrupted"
    AWAY = "away"
    NOT_AWAY = "not-away"
    CALM = "calm"
    DUCKED = "ducked"
    FADED = "faded"
    PLAN_PLAYS = "plan-plays"
    LOUDEST = "loudest"
    SOFTEST = "softest"
    NOTHING_SOUNDS = "nothing-sounds"
    NOTHING_ELSE = "nothing-else"
    HELD = "held"
    LAST_PHASE = "last-phase"
    JUST_BEGUN = "just-begun"
    COMES_ALREADY = "comes-already"
    WAITS_FOR_INFUSION = "waits-for-infusion"
    INFUSION_NOT_STARTED = "infusion-not-started"
    INFUSION_RUNNING = "infusion-running"
    INFUSION_PAUSED = "infusion-paused"
    INFUSION_STOPPED = "infusion-stopped"
    INFUSION_CONTRADICTED = "infusion-contradicted"
    LIES_AHEAD = "lies-ahead"
    NO_CALL = "no-call"
    STILL_FADES = "still-fades"
    NOT_REACHED = "not-reached"
    NOT_PLAYED = "not-played"


class Mend(Exception):  # noqa: N818 - a person is asked to mend something; it reads as that
    """Someone must fix a file, a setting or an argument. Exit status 2."""


class WorldFailed(Exception):  # noqa: N818
    """The world failed (no device, disk full, nobody listening). Exit status 1."""


class Refused(Exception):  # noqa: N818
    """The command would be wrong now; nothing was changed. Exit status 1.

    Args:
        line: For a person.
        reason: Why, for a program that can ask further or speaks another language.
    """

    def __init__(self, line: str, reason: str | None = None) -> None:
        super().__init__(line)
        self.reason = reason
