# SPDX-License-Identifier: GPL-2.0
"""Mutation tests: put one bug at a time into the code, and check that a test finds each.

There are two kinds of mutants. cargo-mutants changes one function or operator of the core crate at
a time, and the host tests must find the change. The patches in scripts/mutants/planted are mistakes
that are typical of a port from C to Rust, each with a list of tests that must all find it.
"""

import argparse
from pathlib import Path

import entry
from mutants import core, planted, table
from mutants.core import Broken


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m mutants", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pristine", type=Path, required=True,
                        help="a copy of the repository that does not change during the run")
    parser.add_argument("--work", type=Path, required=True, help="where to change and to build")
    parser.add_argument("--busybox", type=Path, required=True, help="a static arm64 busybox")
    parser.add_argument("--base", default="", help="the kernel source (default: Debian's)")
    parser.add_argument("--out", type=Path, required=True, help="directory for the tables")
    parser.add_argument("--tests", default="", help="names separated by commas: M1, X7, a file of "
                        "the core such as field.rs, `core` or `planted`")
    return parser.parse_args()


def chosen(words: list[str], mutants: list[planted.Planted]
           ) -> tuple[list[planted.Planted], set[str] | None]:
    """The selected planted mutants, and files of the core. An empty set means the whole core, None
    that nothing of the core was selected."""
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
            raise Broken(f"no mutant '{word}'; good values: core, a file of the core such as "
                         f"field.rs, planted, {', '.join(m.name for m in mutants)}")
    wanted = [m for m in mutants if m in some]
    return wanted, set() if whole else files or None


def say(line: str) -> None:
    print(f"      {line}", flush=True)


def main() -> int:
    args = arguments()

    def do() -> int:
        wanted, files = chosen(args.tests.replace(",", " ").split(), planted.read())
        tree = planted.Tree(args.pristine, args.work, args.busybox, args.base)
        slips = planted.mutate(tree, wanted, say)
        made: list[core.CoreMutant] = []
        problems: list[str] = []
        if files is not None:
            crate = args.pristine / "rust" / "kvm_abi"
            made, problems = core.mutate(crate, args.work, files, say)
        return table.finish(args.out, slips, made, problems)

    return entry.command("mutants", do, Broken)
