# SPDX-License-Identifier: GPL-2.0
"""Check that the headers of the userspace ABI are those of Linux, plus the project's.

Usage: python3 -m objgate.uapi BASE TREE

BASE is a pristine kernel tree, TREE the tree with the overlay. Userspace may rely on
everything in these headers, and no later kernel may change it. So Linux's headers must
stay unchanged, and the added ones must not define a count that can grow: KVM once
exposed the number of bits in its bitmap registers, and had to hide it again.

Prints a line for each problem.
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
    """The problems of the headers in a tree."""
    before, after = _headers(base), _headers(tree)
    if not before:
        yield f"there are no headers in {base}"
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield f"{name}: is missing"
        elif name not in before:
            if name not in ADDED:
                yield f"{name}: is new, but not in the list of the project's headers"
            for what in dict.fromkeys(found.group() for found in
                                      _GROWS.finditer(after[name].read_text())):
                yield f"{name}: {what} is a count that can grow; do not expose it to userspace"
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
