# SPDX-License-Identifier: GPL-2.0
"""No symbol of the project is exported to modules.

Usage: python3 -m objgate.exported KOUT

KOUT is the build of a kernel with CONFIG_KVM_ARM64_RUST. rust/exports.c exports each function and
static of the kernel's crate that is neither generic nor inlined everywhere. KVM has no users in
modules, so its part of the crate must be all of this kind: what needs an object of its own belongs
into arch/arm64/kvm/rust. The lists are there without CONFIG_MODULES as well.

Prints a line for each symbol that is exported.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from findings import report
from objgate.without import OURS

# One list for each crate
LISTS = "exports_*_generated.h"
# What the list of the kernel's crate is known by. Without it the lists are useless.
KERNEL = re.compile(r"_R\w*6kernel")

_SYMBOL = re.compile(r"^EXPORT_SYMBOL_RUST_GPL\((\w+)\);$", re.MULTILINE)


def findings(kout: Path) -> Iterator[str]:
    """What is exported."""
    listed = {symbol for path in (kout / "rust").glob(LISTS)
              for symbol in _SYMBOL.findall(path.read_text(encoding="utf-8"))}
    if not any(KERNEL.match(symbol) for symbol in listed):
        yield f"{LISTS}: nothing of the kernel's crate is exported: is Rust in this kernel?"
    for symbol in sorted(listed):
        if OURS.search(symbol):
            yield f"{symbol} is exported to modules"


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python3 -m objgate.exported KOUT", file=sys.stderr)
        return 2
    return report(lambda: findings(Path(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main())
