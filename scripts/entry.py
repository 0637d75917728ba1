# SPDX-License-Identifier: GPL-2.0
"""How `python3 -m PACKAGE` begins, and how a command ends."""

import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from rows import BadRow, BadSelection


def run(package: str, complaint: str) -> NoReturn:
    """Call main() of a package's main.py, which reads tables as soon as it is imported. A wrong row
    ends it with the complaint and the place of the row."""
    try:
        main = import_module(f"{package}.main").main
    except BadRow as bad:
        sys.exit(f"{complaint}: {bad}")
    sys.exit(main())


def command(name: str, do: Callable[[], int], *reasons: type[Exception], kept: str = "") -> int:
    """Do what a command does, and say what is `kept` if it is interrupted. Returns its exit status:
    2 for a wrong selection and for one of the `reasons`."""
    # Treat SIGTERM as Ctrl-C: this program must not end before its VMs.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return do()
    except (BadSelection, *reasons) as why:
        print(f"{name}: {why}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted{kept and f'; {kept}'}", file=sys.stderr)
        return 130
