# SPDX-License-Identifier: GPL-2.0
"""The drawing of the architecture: docs/architecture.svg, made from docs/architecture.dot.

Usage: python3 -m docs.drawing DIRECTORY

Prints a line for each way in which the drawing in DIRECTORY is not what its source says. A
comment in the drawing holds the checksum of its source and the version of Graphviz. Another
version places the same boxes elsewhere, so that the drawing is drawn again, and compared, by
the version that made it alone.
"""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

from findings import report

DOT, DPKG_QUERY = "/usr/bin/dot", "/usr/bin/dpkg-query"
SOURCE, DRAWING = "architecture.dot", "architecture.svg"
# The font is DejaVu Sans where it is installed, else one that is as wide.
FONTS = "DejaVu Sans,Verdana,sans-serif"
_MADE = re.compile(r"Graphviz (\S+) from (\S+), SHA256 ([0-9a-f]{64})")


class CannotDraw(Exception):
    """dot or its version is missing, or it refuses the source."""


def _run(*argv: str, text: str = "") -> str:
    try:
        done = subprocess.run(argv, check=False, capture_output=True, text=True, input=text)
    except OSError as why:
        raise CannotDraw(f"{argv[0]}: {why.strerror}: run 'make setup'") from None
    if done.returncode:
        raise CannotDraw(f"{argv[0]}: {done.stderr.strip()}")
    return done.stdout


def version() -> str:
    """Debian's, without its revision: dot -V says 2.43.0 in several releases of Debian."""
    return _run(DPKG_QUERY, "-W", "-f", "${source:Upstream-Version}", "graphviz").strip()


def checksum(source: Path) -> str:
    return hashlib.sha256(source.read_bytes()).hexdigest()


def draw(source: Path) -> str:
    made = _run(DOT, "-Tsvg", text=source.read_text(encoding="utf-8"))
    # What dot says about itself differs between builds of one version.
    picture = made[made.index("<svg"):].replace('"DejaVu Sans"', f'"{FONTS}"')
    return ('<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
            f"<!-- Drawn by Graphviz {version()} from {source.name}, SHA256 {checksum(source)} -->\n"
            f"{picture}")


def write(directory: Path) -> None:
    text = draw(directory / SOURCE)
    temp = directory / f".{DRAWING}.new"
    temp.write_text(text, encoding="utf-8")
    temp.replace(directory / DRAWING)


def problems(directory: Path) -> list[str]:
    source, drawing = directory / SOURCE, directory / DRAWING
    text = drawing.read_text(encoding="utf-8")
    again = f"'make docs' draws {drawing.name}"
    if not (made := _MADE.search(text)):
        return [f"{drawing} does not say what it was made from: {again}"]
    if (made[2], made[3]) != (source.name, checksum(source)):
        return [f"{source} has changed since {drawing.name} was drawn: {again}"]
    if made[1] == version() and draw(source) != text:
        return [f"{drawing} is not what Graphviz {made[1]} draws: {again}"]
    return []


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python3 -m docs.drawing DIRECTORY", file=sys.stderr)
        return 2
    return report(lambda: problems(Path(sys.argv[1])), CannotDraw, OSError)


if __name__ == "__main__":
    sys.exit(main())
