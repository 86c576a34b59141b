"""Options that several commands have, said in one way wherever they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]

# Of a session's music.
Without = Annotated[
    list[str] | None, typer.Option("--without", metavar="TAG", help="Leave pieces out.")
]
ClosingFile = Annotated[
    Path | None, typer.Option("--closing", metavar="FILE", help="The patient's own last piece.")
]

# Of a broker.
Username = Annotated[str | None, typer.Option(help="The broker's user.")]
PasswordFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Its first line is the password.")
]
Ca = Annotated[Path | None, typer.Option(metavar="FILE", help="The broker's authority, PEM.")]
Cert = Annotated[Path | None, typer.Option(metavar="FILE", help="Our certificate.")]
PrivateKey = Annotated[Path | None, typer.Option(metavar="FILE", help="Its key.")]

# Of a window.
Language = Annotated[str | None, typer.Option(help="en, de; else the login's.")]
Darkness = Annotated[int, typer.Option(min=0, max=2, help="How far the screen is dimmed.")]
Full = Annotated[bool, typer.Option("--full", help="The full screen.")]
Size = Annotated[str, typer.Option(metavar="WxH", help="Of the window, in pixels.")]
Display = Annotated[int, typer.Option(metavar="N", help="Which screen, from 0.")]
Screenshot = Annotated[
    Path | None, typer.Option(metavar="FILE", help="What it shows as a PNG, without a screen.")
]
Tour = Annotated[Path | None, typer.Option(metavar="DIR", help="A PNG of every state there is.")]
