# SPDX-License-Identifier: GPL-2.0
"""Check that the planted mutants fit the current code: each patch applies, and each test that it
names exists.

Usage: python3 -m mutants.check REPOSITORY TREE

TREE is the kernel tree with the overlay. This takes a second; `make mutants`, which would find
the same problems, takes an hour. Prints a line for each problem.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from findings import report
from mutants import planted
from mutants.core import Broken
from mutants.planted import Planted

_RUST_SUITE = re.compile(r"#\[kunit_tests\((\w+)\)\]")
_RUST_TEST = re.compile(r"#\[test\](?:\s*#\[[^\n]+\])*\s*fn (\w+)")
_C_CASE = re.compile(r"\bKUNIT_CASE\w*\((\w+)")
_C_SUITE = re.compile(r"^\t\.name = \"(\w+)\"", re.MULTILINE)


def suites(tree: Path) -> dict[str, set[str]]:
    """Our KUnit suites, and their cases."""
    found: dict[str, set[str]] = {}
    for path in sorted((tree / "arch" / "arm64" / "kvm" / "rust" / "tests").glob("*kunit*.[cr]*")):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".rs":
            parts = _RUST_SUITE.split(text)
            found |= {name: set(_RUST_TEST.findall(body))
                      for name, body in zip(parts[1::2], parts[2::2], strict=True)}
        else:
            # Each suite comes after its cases.
            rest = text
            while suite := _C_SUITE.search(rest):
                found[suite.group(1)] = set(_C_CASE.findall(rest[:suite.start()]))
                rest = rest[suite.end():]
    return found


def missing(mutant: Planted, repo: Path, tree: Path, cases: dict[str, set[str]]) -> Iterator[str]:
    """The tests that a mutant names but that do not exist."""
    for test in mutant.tests["Host"]:
        file, _, name = test.partition("::")
        path = repo / "rust" / "kvm_abi" / "tests" / f"{file}.rs"
        if not path.is_file() or not re.search(rf"\bfn {re.escape(name)}\(", path.read_text("utf-8")):
            yield test
    for test in mutant.tests["KUnit"]:
        suite, _, name = test.partition(".")
        if name not in cases.get(suite, set()):
            yield test
    for test in mutant.tests["Kselftest"]:
        selftests = tree / "tools" / "testing" / "selftests" / "kvm"
        if not any((selftests / place / f"{test}.c").is_file() for place in ("arm64", ".")):
            yield test


def applies(patch: Path, repo: Path) -> str | None:
    """Why a patch does not apply."""
    done = subprocess.run(
        ["git", "-C", str(repo), "apply", "--check", str(patch.resolve())], check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(repo.resolve().parent)})
    return done.stdout.strip() or "git apply failed" if done.returncode else None


def findings(mutants: Iterable[Planted], repo: Path, tree: Path) -> Iterator[str]:
    """The problems of the mutants."""
    cases = suites(tree)
    none = True
    for mutant in mutants:
        none = False
        if why := applies(mutant.patch, repo):
            yield f"{mutant.patch.name} no longer applies; update the patch: {why}"
        for test in missing(mutant, repo, tree, cases):
            yield f"{mutant.patch.name} names {test}, which does not exist"
    if none:
        yield f"there are no patches in {planted.PLANTED}"


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: python3 -m mutants.check REPOSITORY TREE", file=sys.stderr)
        return 2
    repo, tree = map(Path, sys.argv[1:])
    return report(lambda: findings(planted.read(), repo, tree), Broken, OSError)


if __name__ == "__main__":
    sys.exit(main())
