# SPDX-License-Identifier: GPL-2.0
"""What `python3 -m PACKAGE` does."""

import sys
from importlib import import_module
from typing import NoReturn

from rows import BadRow


def run(package: str, complaint: str) -> NoReturn:
    """Call main() of a package's main.py, which reads tables as soon as it is imported. A wrong row
    ends it with the complaint and the place of the row."""
    try:
        main = import_module(f"{package}.main").main
    except BadRow as bad:
        sys.exit(f"{complaint}: {bad}")
    sys.exit(main())
