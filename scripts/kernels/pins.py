# SPDX-License-Identifier: GPL-2.0
"""The stock kernels of the file pinned, and where scripts/kernels.sh has put them."""

from dataclasses import dataclass
from pathlib import Path

from rows import read_rows

HERE = Path(__file__).resolve().parent
COLUMNS = "name | suite | package | version | filename | SHA256"


@dataclass(frozen=True)
class Pin:
    """A stock kernel by its exact version."""
    # The series, such as 6.12
    name: str
    suite: str
    package: str
    version: str
    # In the pool of the archive
    filename: str
    sha256: str


def read(path: Path = HERE / "pinned") -> tuple[Pin, ...]:
    """The stock kernels, the oldest first."""
    found: dict[str, Pin] = {}
    for where, words in read_rows(path, COLUMNS):
        pin = Pin(*words)
        if pin.name in found:
            raise where.bad(f"{pin.name} is listed twice")
        found[pin.name] = pin
    return tuple(found.values())


def image(cache: Path, name: str) -> Path | str:
    """The kernel in the cache, or why it is not there."""
    path = cache / name / "vmlinuz"
    if path.is_file():
        return path
    gone = cache / f"{name}.gone"
    if gone.is_file():
        return gone.read_text(encoding="utf-8").strip()
    return f"there is no {path}: run scripts/kernels.sh"
