"""The two kinds of failure that reach a person, and the one that reaches nobody.

Each carries one line that says what, where and how to mend it. What is neither of
these is our own mistake: nobody catches it, the process ends and is restarted.
"""

MORE_INTENSE = "more-intense"
"""Why `advance` is refused that was not sure: it goes to a more intense phase."""


class Mend(Exception):  # noqa: N818 - a person is asked to mend something; it reads as that
    """Someone must fix a file, a setting or an argument. Exit status 2."""


class WorldFailed(Exception):  # noqa: N818
    """The world failed (no device, disk full, nobody listening). Exit status 1."""


class Refused(Exception):  # noqa: N818
    """The command would be wrong now; nothing was changed. Exit status 1.

    Args:
        line: For a person.
        reason: One word for a program that can ask further, where there is such a way.
    """

    def __init__(self, line: str, reason: str | None = None) -> None:
        super().__init__(line)
        self.reason = reason
