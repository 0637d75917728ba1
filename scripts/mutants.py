#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Change the code by a slip at a time, and see that a test notices each.

Two kinds of mutants: those that cargo-mutants makes of the core crate, a function or an operator at
a time, which the tests on the host have to notice; and those in scripts/mutants/planted, slips that
a port from C to Rust can make, each with the tests that have to notice it.
"""

import argparse
import signal
import sys
from pathlib import Path
from typing import NoReturn

from mutants import core, planted, table
from mutants.core import Broken


def die(message: str) -> NoReturn:
    print(f"mutants.py: {message}", file=sys.stderr)
    sys.exit(2)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pristine", type=Path, required=True,
                        help="a copy of the repository that nobody changes meanwhile")
    parser.add_argument("--work", type=Path, required=True, help="where to change and to build")
    parser.add_argument("--busybox", type=Path, required=True, help="a static arm64 busybox")
    parser.add_argument("--base", default="", help="the kernel source, if not Debian's")
    parser.add_argument("--out", type=Path, required=True, help="directory for the tables")
    parser.add_argument("--tests", default="", help="names separated by commas: M1, X7, a file of "
                        "the core such as level.rs, all of `core` or all of `planted`")
    return parser.parse_args()


def chosen(words: list[str], mutants: list[planted.Planted]
           ) -> tuple[list[planted.Planted], set[str] | None]:
    """The planted mutants and the files of the core, the latter None if none are asked for."""
    if not words:
        return mutants, set()
    some: list[planted.Planted] = []
    files: set[str] = set()
    whole = False
    for word in words:
        # M1 is M01
        name = word[:1].upper() + word[1:].zfill(2)
        if word == "core":
            whole = True
        elif word == "planted":
            some += mutants
        elif word.endswith(".rs"):
            files.add(word.removeprefix("src/"))
        elif found := [m for m in mutants if m.name == name]:
            some += found
        else:
            raise Broken(f"no mutant '{word}'; good ones: core, a file of the core such as "
                         f"level.rs, planted, {', '.join(m.name for m in mutants)}")
    wanted = [m for m in mutants if m in some]
    return wanted, set() if whole else files or None


def say(line: str) -> None:
    print(f"      {line}", flush=True)


def main() -> int:
    args = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        wanted, files = chosen(args.tests.replace(",", " ").split(), planted.read())
        tree = planted.Tree(args.pristine, args.work, args.busybox, args.base)
        slips = planted.mutate(tree, wanted, say)
        made: list[core.CoreMutant] = []
        problems: list[str] = []
        if files is not None:
            crate = args.pristine / "rust" / "kvm_abi"
            made, problems = core.mutate(crate, args.work, files, say)
        return table.finish(args.out, slips, made, problems)
    except Broken as why:
        die(str(why))
    except KeyboardInterrupt:
        print("\nmutants.py: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
