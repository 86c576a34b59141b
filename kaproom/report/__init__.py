"""What a session leaves behind: its sheet for the therapist, its page for the patient, its rows.

Everything here is told from the record, which is read and never written. What the record
does not say is said to be unknown; what was corrected stands beside its correction. A
predicted curve is drawn only where it is asked for, with its words.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaproom.record import Record
    from kaproom.session.roomfile import RoomFile

__all__ = ["write_sheet"]


def write_sheet(record: Record, session: str, folder: Path, room: RoomFile | None = None) -> Path:
    """Write a session's sheet into a folder; on disk, whole, for its owner alone.

    Args:
        record: The room's, open to read; by whichever thread calls this.
        session: The session's whole id.
        folder: Must be there. A sheet of this session that is there is replaced.
        room: The room file, for the room's name and its calibration.

    Returns:
        The file: ``kaproom-2026-11-22-1405-5e555e55.html``, by the session's own day, time
        and id.

    Raises:
        Mend: There is no such session, or no such folder.
        WorldFailed: The record cannot be read, or the sheet not be written.
    """
    # Whoever signs off has been running for hours and has not loaded these.
    from kaproom.report.page import sheet
    from kaproom.report.reading import read
    from kaproom.report.writing import name_of, write

    account = read(record, session, room, curve=False)
    name = name_of(session, account.opened_utc, ".html")
    return write(folder / name, sheet(account).encode())
