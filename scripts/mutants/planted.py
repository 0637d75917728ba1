# SPDX-License-Identifier: GPL-2.0
"""The mutants in scripts/mutants/planted: patches with mistakes typical of a port to Rust.

A patch begins with a description of the mistake and the tests that must all fail:

  Machine: <cpu> GICv<2|3> [<mode>] [<parameter>=<value>...]
                                    where the tests run (default: neoverse-n1 GICv3)
  Host: <file>::<test>, ...
  KUnit: <suite>.<case>, ...
  Kselftest: <test>, ...            in mode rust
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mutants import core
from mutants.core import Broken

PLANTED = Path(__file__).resolve().parent / "planted"
KINDS = ("Host", "KUnit", "Kselftest")
MACHINE = "neoverse-n1 GICv3"

_HEADER = re.compile(r"^(Machine|Host|KUnit|Kselftest): (.+)$")
_ASSERTION = re.compile(r"not ok |Bail out!|Test Assertion Failure|EXPECTATION FAILED|"
                        r"ASSERTION FAILED")


@dataclass(frozen=True)
class Planted:
    """A patch and the tests that must fail with it."""
    name: str  # M01, X07
    patch: Path
    what: str
    machine: str
    tests: dict[str, tuple[str, ...]]

    @property
    def booted(self) -> bool:
        return bool(self.tests["KUnit"] or self.tests["Kselftest"])


@dataclass
class Result:
    """The results of the tests on a mutant or on the unmutated tree."""
    # (kind, test) -> the message of its failure; None if it passed
    said: dict[tuple[str, str], str | None] = field(default_factory=dict)


def _parse(patch: Path) -> Planted:
    head = patch.read_text(encoding="utf-8").partition("\n--- ")[0]
    what, _, lines = head.partition("\n\n")
    found: dict[str, str] = {}
    for line in lines.strip().splitlines():
        if not (match := _HEADER.match(line)) or match.group(1) in found:
            raise Broken(f"{patch}: '{line}' is not a header, or the second one of its kind")
        found[match.group(1)] = match.group(2)
    tests = {kind: tuple(found.get(kind, "").replace(",", " ").split()) for kind in KINDS}
    if not what or not any(tests.values()):
        raise Broken(f"{patch}: the description of the mistake or the tests are missing")
    return Planted(patch.name.partition("-")[0], patch, " ".join(what.split()),
                   found.get("Machine", MACHINE), tests)


def read() -> list[Planted]:
    return [_parse(path) for path in sorted(PLANTED.glob("*.patch"))]


class Tree:
    """A copy of the repository to which patches are applied, and what is built from it."""

    def __init__(self, pristine: Path, work: Path, busybox: Path, base: str) -> None:
        self.pristine = pristine
        self.work = work
        self.repo = work / "repo"
        self.out = work / "out"
        self.busybox = busybox
        env = {k: v for k, v in os.environ.items()
               if k not in ("TESTS", "CMDLINE", "CPU", "GIC", "MODE", "ABI", "BASE", "CONFIG")}
        self.env = {**env, "O": str(self.out), "KERNEL_SRC": base}

    def restore(self) -> None:
        """Restore the unmutated sources: by content, so that only changed files get new times."""
        self.repo.mkdir(parents=True, exist_ok=True)
        subprocess.run(["rsync", "-rlp", "--checksum", "--delete", f"{self.pristine}/",
                        f"{self.repo}/"], check=True)

    def apply(self, patch: Path) -> None:
        done = subprocess.run(["git", "-C", str(self.repo), "apply", str(patch)], check=False,
                              env={**self.env, "GIT_CEILING_DIRECTORIES": str(self.work)},
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise Broken(f"{patch} no longer applies; update it:\n{done.stdout}")

    def _step(self, script: str) -> str:
        done = subprocess.run([self.repo / "scripts" / script], check=False, env=self.env,
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode:
            raise Broken(f"{script} failed:\n{done.stdout}")
        return done.stdout.strip()

    def kernel(self) -> None:
        self._step("lay.sh")
        self._step("kernel.sh")

    def selftests(self) -> None:
        self._step("selftests.sh")

    def host(self, tests: tuple[str, ...], result: Result) -> None:
        crate = self.work / "host"
        core.copy(self.repo / "rust" / "kvm_abi", crate)
        # One by one, since the test program ends at the first failure.
        for test in tests:
            passed, output = core.run_tests(crate, [test])
            result.said["Host", test] = None if passed else core.failing_test(output)
            if not passed and not core.failing_test(output):
                raise Broken(f"{test} fails without an assertion:\n{output[-2000:]}")

    def boot(self, task: str, machine: str, tests: tuple[str, ...]) -> list[dict[str, object]]:
        """The verdicts of boots on a machine."""
        cpu, gic, *more = machine.split()
        mode = [word for word in more if "=" not in word]
        params = [word for word in more if "=" in word]
        # One directory for each task, so that the initramfs in it is packed only once.
        results = self.work / "results" / task
        path = results / ("results.json" if task == "run" else "kunit.json")
        path.unlink(missing_ok=True)
        command = [sys.executable, "-B", "-m", "vm", task, "--cpu", cpu,
                   "--gic", gic.removeprefix("GICv"), "--busybox", self.busybox,
                   "--image", self._step("print-image.sh"), "--out", results]
        if mode:
            command += ["--mode", mode[0]]
        if task == "run":
            command += ["--abi", "rust", "--tests", ",".join(tests),
                        "--selftests", self.out / "kselftest_install"]
        elif len(tests) == 1:
            # This comes after the runner's own kunit.filter_glob, and the kernel takes the last one.
            params.append(f"kunit.filter_glob={tests[0]}")
        if params:
            command += ["--cmdline", " ".join(params)]
        done = subprocess.run(command, check=False, cwd=self.repo / "scripts", env=self.env,
                              text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if not path.is_file():
            raise Broken(f"the runner's {task} ended with {done.returncode}:\n{done.stdout[-2000:]}")
        return [test for boot in json.loads(path.read_text(encoding="utf-8"))
                for test in boot["tests"]]

    def vm(self, kind: str, machine: str, tests: tuple[str, ...], result: Result) -> None:
        task = "run" if kind == "Kselftest" else "kunit"
        verdicts = self.boot(task, machine, tests)
        for test in tests:
            found = [v for v in verdicts if v["name"] == test]
            if not found:
                raise Broken(f"{kind} {test} did not run on {machine}")
            result.said[kind, test] = failure(found)

    def run(self, tests: dict[str, tuple[str, ...]], machine: str) -> Result:
        result = Result()
        if tests["Host"]:
            self.host(tests["Host"], result)
        if tests["KUnit"] or tests["Kselftest"]:
            self.kernel()
        for kind in ("KUnit", "Kselftest"):
            if tests[kind]:
                self.vm(kind, machine, tests[kind], result)
        return result


def failure(verdicts: list[dict[str, object]]) -> str | None:
    """The message of a test's failure, None if it found nothing.

    A test that hung or did not run has found nothing: its failure does not show the cause.
    """
    for verdict in verdicts:
        log = [str(line).strip() for line in verdict["log"]]
        lines = [str(verdict["reason"]), *log]
        said = next((line for line in lines if _ASSERTION.search(line)), None)
        if verdict["status"] == "fail" and said:
            # The reason, if any, has the place of the assertion.
            return str(verdict["reason"]) or said.removeprefix("# ")
    return None


def _union(mutants: Iterable[Planted], kind: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(test for m in mutants for test in m.tests[kind]))


def unmutated(tree: Tree, mutants: list[Planted], say: Callable[[str], None]) -> None:
    """Check that all tests that must fail with a mutant pass without one."""
    say("planted: building the unmutated tree and running all tests that the mutants name")
    tree.restore()
    wrong = []
    machines = dict.fromkeys(m.machine for m in mutants if m.booted)
    if machines:
        tree.kernel()
        tree.selftests()
    host = {"Host": _union(mutants, "Host"), "KUnit": (), "Kselftest": ()}
    results = [("the host", tree.run(host, ""))]
    for machine in machines:
        here = [m for m in mutants if m.machine == machine]
        tests = {"Host": (), **{kind: _union(here, kind) for kind in ("KUnit", "Kselftest")}}
        results.append((machine, _passing(tree, tests, machine)))
    for where, result in results:
        wrong += [f"{test} on {where}: {said}" for (_, test), said in result.said.items() if said]
    if wrong:
        raise Broken("these tests fail without any mutant:\n  " + "\n  ".join(wrong))


def _passing(tree: Tree, tests: dict[str, tuple[str, ...]], machine: str) -> Result:
    """Tests on the unmutated tree: here a skip, a hang or a missing result is a failure, too."""
    result = Result()
    for kind, task in (("KUnit", "kunit"), ("Kselftest", "run")):
        if not tests[kind]:
            continue
        verdicts = tree.boot(task, machine, tests[kind])
        for test in tests[kind]:
            found = [v for v in verdicts if v["name"] == test]
            bad = [f"{v['status']}: {v['reason']}" for v in found if v["status"] != "pass"]
            result.said[kind, test] = bad[0] if bad else None if found else "did not run"
    return result


def mutate(tree: Tree, mutants: list[Planted], say: Callable[[str], None]
           ) -> list[tuple[Planted, Result]]:
    if not mutants:
        return []
    unmutated(tree, mutants, say)
    results = []
    for number, mutant in enumerate(mutants, 1):
        tree.restore()
        tree.apply(mutant.patch)
        result = tree.run(mutant.tests, mutant.machine)
        results.append((mutant, result))
        missed = [test for (_, test), said in result.said.items() if not said]
        say(f"planted: {number}/{len(mutants)} {mutant.name} "
            + (f"MISSED by {', '.join(missed)}" if missed else
               f"caught by {', '.join(test for _, test in result.said)}"))
    tree.restore()
    return results
