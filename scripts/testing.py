# SPDX-License-Identifier: GPL-2.0
"""What the unit tests of several packages do in the same way."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from unittest import mock


def written(path: Path, text: str) -> Path:
    """The path of a file that has this text now; its directories are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def said_by(main: Callable[[], int], *arguments: str | Path) -> tuple[int, str]:
    """The exit status of a program with these arguments, and what it prints."""
    out = io.StringIO()
    with mock.patch("sys.argv", ["program", *map(str, arguments)]), \
            contextlib.redirect_stdout(out):
        return main(), out.getvalue()
