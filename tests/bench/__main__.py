"""``python -m tests.bench`` or ``python tests/bench``: see README.md beside this file."""

import sys
from pathlib import Path

# The tests' own parts are imported as in the tests: from their folder.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from bench.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
