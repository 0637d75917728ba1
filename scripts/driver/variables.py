# SPDX-License-Identifier: GPL-2.0
"""The file variables: what the user can set, and to what."""

import re
from pathlib import Path

from rows import read_rows

FILE = Path(__file__).resolve().parent / "variables"
# Listed in another file
ELSEWHERE = "(scripts/vm/cpus)"


def read(path: Path = FILE) -> dict[str, tuple[str, ...]]:
    """The good values of each variable, none if any may be good."""
    found: dict[str, tuple[str, ...]] = {}
    for where, (name, text) in read_rows(path, "variable | good values"):
        if not re.fullmatch(r"[A-Z][A-Z_]*", name):
            raise where.bad(f"'{name}' is not the name of a variable")
        if name in found:
            raise where.bad(f"{name} is listed twice")
        values = () if text in ("*", ELSEWHERE) else tuple(re.split(r", *", text))
        for value in values:
            # As scripts/vars.sh can read them
            if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", value):
                raise where.bad(f"'{value}' is not a value")
        found[name] = values
    return found


GOOD = read()
