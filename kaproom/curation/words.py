"""Numbers as people in the room say them."""


def minutes(length_s: float) -> str:
    """As on a record's sleeve: ``4:05``, and ``1:02:30`` from an hour."""
    whole, seconds = divmod(round(length_s), 60)
    hours, left = divmod(whole, 60)
    return f"{hours}:{left:02}:{seconds:02}" if hours else f"{left}:{seconds:02}"


def some(count: int, thing: str) -> str:
    """``1 piece``, ``3 pieces``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
