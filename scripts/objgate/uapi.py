# SPDX-License-Identifier: GPL-2.0
"""The headers of the userspace ABI are Linux's, but for those that the project adds.

Usage: python3 -m objgate.uapi BASE TREE

BASE is a pristine kernel tree, TREE the one with the overlay on it. What userspace
sees in a header it may rely on for ever. So nothing in Linux's own changes, and
what is added must not tell how many there are of something that may become more:
KVM once showed the number of bits in its bitmap registers, and had to hide it again.

What it prints is what is wrong, a line for each.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

DIRECTORIES = ("include/uapi", "arch/arm64/include/uapi")
ADDED = ("arch/arm64/include/uapi/asm/kvm_migration.h",)

_GROWS = re.compile(r"\b\w+_(COUNT|BIT_MAX|LAST|MAX|END)\b")


def _headers(tree: Path) -> dict[str, Path]:
    return {str(path.relative_to(tree)): path
            for directory in DIRECTORIES for path in sorted((tree / directory).rglob("*"))
            if path.is_file()}


def findings(base: Path, tree: Path) -> Iterator[str]:
    """What is wrong with the headers of a tree."""
    before, after = _headers(base), _headers(tree)
    if not before:
        yield f"there are no headers in {base}"
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"{name}: is gone"
        elif name not in before:
            if name not in ADDED:
                yield f"{name}: is not among the headers that the project adds"
            for what in dict.fromkeys(found.group() for found in
                                      _GROWS.finditer(after[name].read_text())):
                yield f"{name}: {what} tells how many there are of what may become more"
        elif before[name].read_bytes() != after[name].read_bytes():
            yield f"{name}: differs from Linux's"


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: python3 -m objgate.uapi BASE TREE", file=sys.stderr)
        return 2
    found = list(findings(Path(sys.argv[1]), Path(sys.argv[2])))
    for line in found:
        print(line)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
