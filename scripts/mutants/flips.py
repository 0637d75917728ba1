# SPDX-License-Identifier: GPL-2.0
"""Mutants of the selftests themselves: one expectation flipped in each file must be noticed.

Usage: python3 -m mutants.flips REPOSITORY WORK IMAGE BUSYBOX

Two builds of the selftests: one in which each test has a flipped expectation, which must fail,
and one in which each file of the library has, whose message must appear. A test or a file that
one machine skips is tried on the next one. The tests that need the debug kernel are left out.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vm import matrix, rules

KVM = Path("tools/testing/selftests/kvm")
MACHINES = (("neoverse-n1", "3", None), ("cortex-a72", "2", None), ("max", "3", "nested"),
            ("max", "3", "protected"))
# Programs without cases
PROGRAMS = re.compile(r"abi_bench|vm_keeper")
# What is flipped: the first of these in a file, as they come before others in worth
_CALLS = (re.compile(r"\btest_expect\(()"), re.compile(r"\b__test_expect\((line, )"),
          re.compile(r"\bTEST_ASSERT\(()"))
# Tests that only use expectations of the library: what they want there becomes something else
_WANTS = ((re.compile(r"(\w+_expect_mp_state\([^;]*?)KVM_MP_STATE_STOPPED"),
           r"\1KVM_MP_STATE_RUNNABLE"),
          (re.compile(r"(\w+_expect_set\([^;]*?, )0(\);)"), r"\1EINVAL\2"))


class NoExpectation(Exception):
    """A file has nothing to flip."""


class NoBoot(Exception):
    """A boot gave no result."""


@dataclass(frozen=True)
class Flip:
    path: Path
    line: int
    text: str


def _end_of_argument(text: str, begin: int) -> int:
    """Where the comma after the argument at `begin` is."""
    depth, at = 0, begin
    while at < len(text):
        char = text[at]
        if char == '"':
            at = text.index('"', at + 1)
            while text[at - 1] == "\\":
                at = text.index('"', at + 1)
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            if not depth:
                break
            depth -= 1
        elif char == "," and not depth:
            return at
        at += 1
    raise NoExpectation(f"an expectation without a message: {text[begin:begin + 60]}")


def _candidates(text: str, asserts: bool) -> Iterator[tuple[int, int]]:
    """Where the conditions of expectations begin and end, in the order in which to try them."""
    for pattern in _CALLS if asserts else _CALLS[:2]:
        for found in pattern.finditer(text):
            head = text[text.rfind("\n", 0, found.start()) + 1:found.start()]
            # Neither a definition nor a condition that is always false
            if not head.startswith("\t") or text.startswith("false", found.end()):
                continue
            try:
                end = _end_of_argument(text, found.end())
            except NoExpectation:
                continue
            if text[end + 1:].lstrip().startswith('"'):
                yield found.end(), end


def flip(path: Path, text: str, asserts: bool = True) -> Flip:
    """Flip an expectation, and put the name of the file into its message."""
    for begin, end in _candidates(text, asserts):
        rest = text[end + 1:].lstrip()
        changed = f'{text[:begin]}!({text[begin:end]}), "flipped {path}: " {rest}'
        return Flip(path, text.count("\n", 0, begin) + 1, changed)
    for pattern, want in _WANTS:
        if found := pattern.search(text):
            changed = text[:found.start()] + found.expand(want) + text[found.end():]
            return Flip(path, text.count("\n", 0, found.start()) + 1, changed)
    raise NoExpectation(f"{path} has no expectation that can be flipped")


class Lab:
    """A copy of the repository, the selftests built from it, and boots that run them."""

    def __init__(self, repo: Path, work: Path, image: Path, busybox: Path) -> None:
        self.pristine, self.image, self.busybox = repo, image, busybox
        self.repo, self.out, self.results = work / "repo", work / "out", work / "results"
        drop = ("TESTS", "CMDLINE", "CPU", "GIC", "MODE", "ABI", "BASE", "CONFIG")
        self.env = {**{k: v for k, v in os.environ.items() if k not in drop}, "O": str(self.out)}

    def restore(self) -> None:
        """Copy what git tracks or does not ignore."""
        git = ["git", "-C", str(self.pristine), "-c", "safe.directory=*", "ls-files", "-coz",
               "--exclude-standard"]
        listed = subprocess.run(git, check=True, stdout=subprocess.PIPE).stdout.split(b"\0")
        there = b"\0".join(name for name in listed
                           if name and (self.pristine / os.fsdecode(name)).exists())
        shutil.rmtree(self.repo, ignore_errors=True)
        self.repo.mkdir(parents=True)
        subprocess.run(["rsync", "-rlpt", "--from0", "--files-from=-", f"{self.pristine}/",
                        f"{self.repo}/"], check=True, input=there)

    def build(self, flips: list[Flip]) -> None:
        self.restore()
        for one in flips:
            (self.repo / KVM / one.path).write_text(one.text, encoding="utf-8")
        for script in ("lay.sh", "selftests.sh"):
            subprocess.run([self.repo / "scripts" / script], check=True, env=self.env,
                           stdin=subprocess.DEVNULL)

    def boot(self, machine: tuple[str, str, str | None], tests: list[str]) -> str:
        """The output of the tests."""
        cpu, gic, mode = machine
        command = [sys.executable, "-B", "-m", "vm", "run", "--cpu", cpu, "--gic", gic,
                   *(("--mode", mode) if mode else ()), "--abi", "check",
                   "--tests", ",".join(tests), "--selftests", self.out / "kselftest_install",
                   "--image", self.image, "--busybox", self.busybox, "--out", self.results]
        for stale in self.results.glob("run/*.results"):
            stale.unlink()
        done = subprocess.run(command, check=False, cwd=self.repo / "scripts", env=self.env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        found = sorted(self.results.glob("run/*.results"))
        if not found:
            raise NoBoot(f"the runner ended with {done.returncode}: {done.stdout[-1000:]}")
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in found)


def noticed(output: str, test: str, expected: frozenset[str] = frozenset()) -> bool:
    """Whether the test failed; one that is expected to fail must say that it is for the flip."""
    if test in expected and f"flipped arm64/{test}.c: " not in output:
        return False
    return re.search(rf"^not ok \d+ selftests: kvm: {test}\b", output, re.MULTILINE) is not None


def tests_of(repo: Path) -> list[str]:
    """The tests with cases, without those that need the debug kernel."""
    return sorted(path.stem for path in (repo / KVM / "arm64").glob("*.c")
                  if not PROGRAMS.match(path.stem) and path.stem not in matrix.DEBUG)


def library_of(repo: Path) -> list[Path]:
    root = repo / KVM
    return sorted(path.relative_to(root) for path in
                  (*root.glob("lib/arm64/abi/*.c"), *root.glob("arm64/abi/*/*.c"))
                  if path.parent.name != "bench")


def read_flips(repo: Path, paths: list[Path], asserts: bool) -> tuple[list[Flip], list[Path]]:
    """A flip for each file, and the files without an expectation."""
    flips, none = [], []
    for path in paths:
        try:
            flips.append(flip(path, (repo / KVM / path).read_text(encoding="utf-8"), asserts))
        except NoExpectation:
            none.append(path)
    return flips, none


def missed_tests(lab: Lab) -> list[str]:
    """The tests that pass, or are skipped everywhere, with a flipped expectation."""
    left = tests_of(lab.pristine)
    flips, none = read_flips(lab.pristine, [Path("arm64", f"{t}.c") for t in left], True)
    lab.build(flips)
    expected = frozenset(test for _, test in rules.read_expected())
    for machine in MACHINES:
        if left:
            output = lab.boot(machine, left)
            left = [test for test in left if not noticed(output, test, expected)]
    print(f"{len(flips) - len(left)} of {len(flips)} tests notice their flipped expectation")
    return [f"arm64/{test}.c" for test in left] + [f"{path}: nothing to flip" for path in none]


def missed_library(lab: Lab) -> list[str]:
    """The files of the library whose flipped expectation no test reports."""
    flips, none = read_flips(lab.pristine, library_of(lab.pristine), False)
    lab.build(flips)
    left = flips
    for machine in MACHINES:
        if left:
            output = lab.boot(machine, tests_of(lab.pristine))
            left = [one for one in left if f"flipped {one.path}: " not in output]
    print(f"{len(flips) - len(left)} of {len(flips)} flipped expectations of the library are "
          f"reported; {len(none)} files have none")
    return [f"{one.path}:{one.line}" for one in left]


def main() -> int:
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    repo, work, image, busybox = (Path(arg).resolve() for arg in sys.argv[1:])
    lab = Lab(repo, work, image, busybox)
    try:
        missed = missed_tests(lab) + missed_library(lab)
    except (NoBoot, OSError, subprocess.CalledProcessError) as why:
        print(f"flips: {why}", file=sys.stderr)
        return 2
    for one in missed:
        print(f"MISSED: {one}")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
