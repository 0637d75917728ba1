# SPDX-License-Identifier: GPL-2.0
"""Write the parts of the pages that are made from something else.

Usage: python3 -m docs REPOSITORY RESULTS [architecture|results|bench|matrix|vmm]...

RESULTS is where `make run`, `make bench`, `make matrix` and `make vmm` leave their results. What is
named has to be there; without a name all of it is written that can be.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from docs import costs, drawing, moves, results
from docs.block import NoBlock
from docs.drawing import CannotDraw
from docs.results import NotWhole

PARTS: dict[str, Callable[[Path, Path], None]] = {
    "architecture": lambda root, _: drawing.write(root / "docs"),
    "results": results.write,
    "bench": costs.write,
    "matrix": moves.write,
    "vmm": moves.write_vmms,
}


def main() -> int:
    root, out, *names = sys.argv[1:]
    for name in names or PARTS:
        if name not in PARTS:
            print(f"no part '{name}'; good values: {', '.join(PARTS)}", file=sys.stderr)
            return 2
        try:
            PARTS[name](Path(root), Path(out))
        except (CannotDraw, NoBlock) as why:
            print(f"{name}: {why}", file=sys.stderr)
            return 1
        except NotWhole as why:
            print(f"      {name}: left as it is: {why}", file=sys.stderr if names else sys.stdout)
            if names:
                return 1
        else:
            print(f"      {name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
