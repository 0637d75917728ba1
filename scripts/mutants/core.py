# SPDX-License-Identifier: GPL-2.0
"""Run cargo-mutants over the core crate, with its tests in one program.

A copy of the crate has all its tests in one program: it builds in a tenth of the time that a
program for each file takes, and it ends with the first test that fails. The mutants of a source
file, such as fw_reg/bitmap.rs, are first tested with the tests of the same name,
fw_reg_bitmap.rs; all tests then run on the ones they miss.
"""

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
EQUIVALENT = HERE / "equivalent"
# Limits for mutants that do not end. The tests take a second, but the machine may be busy.
TEST_SECONDS = 60
BUILD_SECONDS = 1200

# Slightly optimised, since some tests try every value, and without debug information, which is not
# used. Without LTO among the units of a crate: with it, incremental builds were linked wrongly.
PROFILE = {"CARGO_PROFILE_DEV_OPT_LEVEL": "1", "CARGO_PROFILE_DEV_DEBUG": "0",
           "CARGO_PROFILE_DEV_LTO": "off", "CARGO_TERM_COLOR": "never",
           "RUSTFLAGS": "-Clinker=clang-22 -Clink-arg=--ld-path=/usr/bin/ld.lld-22"}

_FIRST = re.compile(r"^first failure: ([\w:]+): panicked at (\S+?):?$", re.MULTILINE)
_DOC = re.compile(r"^test (src/\S+ - .*) \.\.\. FAILED$", re.MULTILINE)
_COMPILE_ERROR = re.compile(r"^error\[E\d+\]", re.MULTILINE)
# In "src/fw_reg/bitmap.rs:41:9: replace ...": without line and column a name survives other changes.
_PLACE = re.compile(r"^(src/[\w/]+\.rs):\d+:\d+: ")


class Broken(Exception):
    """A problem that must be fixed before mutants can be judged; the message says which."""


def _one_program(crate: Path, only: str) -> dict[Path, str]:
    """The files of a crate whose tests (all, or those of one file) are modules of one program."""
    manifest = (crate / "Cargo.toml").read_text(encoding="utf-8")
    if "[[test]]" in manifest or "[lib]" in manifest:
        raise Broken(f"{crate}/Cargo.toml: scripts/mutants/core.py does not support [lib] and "
                     "[[test]]")
    files = {Path("Cargo.toml"): manifest + "\n# The library has no tests.\n[lib]\ntest = false\n"}
    for path in (crate / "Cargo.lock", *sorted((crate / "src").rglob("*.rs"))):
        files[path.relative_to(crate)] = path.read_text(encoding="utf-8")

    tests = crate / "tests"
    shared = sorted(path.parent.name for path in tests.glob("*/mod.rs"))
    names = sorted(path.stem for path in tests.glob("*.rs"))
    program = Path("tests/all")
    for path in sorted(tests.rglob("*.rs")):
        text = path.read_text(encoding="utf-8")
        for name in shared:
            text = re.sub(rf"^mod {name};$", f"use crate::{name};", text, flags=re.MULTILINE)
        files[program / path.relative_to(tests)] = text
    files[program / "first_failure.rs"] = (HERE / "first_failure.rs").read_text(encoding="utf-8")
    modules = ["first_failure", *shared, *(name for name in names if only in ("", name))]
    files[program / "main.rs"] = "".join(f"mod {name};\n" for name in modules)
    return files


def copy(crate: Path, to: Path, only: str = "") -> None:
    """Make or update the copy; unchanged files keep their times."""
    files = _one_program(crate, only)
    for path in [p for top in ("src", "tests") for p in (to / top).rglob("*.rs")]:
        if path.relative_to(to) not in files:
            path.unlink()
    for path, text in files.items():
        there = to / path
        if not there.is_file() or there.read_text(encoding="utf-8") != text:
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_text(text, encoding="utf-8")


def tests_of(file: str) -> str:
    """The name of the tests of a source file; those of fw_reg/mod.rs are fw_reg."""
    return file.removesuffix(".rs").removesuffix("/mod").replace("/", "_")


def failing_test(output: str) -> str | None:
    """The test that failed first, with the place of its assertion."""
    if found := _FIRST.search(output):
        return f"{found.group(1)} ({Path(found.group(2)).name})"
    if found := _DOC.search(output):
        return f"documentation of {found.group(1)}"
    return None


def run_tests(crate: Path, names: list[str]) -> tuple[bool, str]:
    """Whether these tests pass (all tests if none is named), and their output. A test that does not
    exist is an error."""
    done = subprocess.run(["nice", "cargo", "test", "--locked", "--test", "all", "--", "--exact", *names],
                          cwd=crate, env={**os.environ, **PROFILE}, check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ran = re.search(r"^running (\d+) tests?$", done.stdout, re.MULTILINE)
    if not ran:
        raise Broken("the core crate's tests do not build:\n" + done.stdout[-2000:])
    if names and int(ran.group(1)) != len(names):
        raise Broken(f"only {ran.group(1)} of these host tests exist: {', '.join(names)}")
    return done.returncode == 0, done.stdout


@dataclass(frozen=True)
class CoreMutant:
    """A change by cargo-mutants, and its outcome."""
    full: str  # the name that cargo-mutants prints
    status: str  # caught, timeout, missed, equivalent or unviable
    test: str

    @property
    def name(self) -> str:
        return _PLACE.sub(r"\1: ", self.full)

    @property
    def place(self) -> str:
        return self.full.split(": ")[0].removeprefix("src/")

    @property
    def file(self) -> str:
        return self.place.partition(":")[0]


_STATUS = {"CaughtMutant": "caught", "MissedMutant": "missed", "Timeout": "timeout",
           "Unviable": "unviable"}


def _read(out: Path) -> list[CoreMutant]:
    outcomes = json.loads((out / "outcomes.json").read_text(encoding="utf-8"))["outcomes"]
    mutants = []
    for outcome in outcomes:
        if outcome["scenario"] == "Baseline":
            continue
        full = outcome["scenario"]["Mutant"]["name"]
        status = _STATUS[outcome["summary"]]
        log = (out / outcome["log_path"]).read_text(encoding="utf-8", errors="replace")
        test = ""
        if status == "caught":
            test = failing_test(log) or "a test whose name is not in the log"
        elif status == "timeout":
            test = "does not end"
        elif status == "unviable" and not _COMPILE_ERROR.search(log):
            where = out / outcome["log_path"]
            raise Broken(f"{full} was not built, but it has no compile error; see {where}")
        mutants.append(CoreMutant(full, status, test))
    return mutants


def read_equivalent(path: Path = EQUIVALENT) -> dict[str, tuple[int, str]]:
    """name -> (number of places, reason why no test can find it)"""
    found: dict[str, tuple[int, str]] = {}
    name = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith((" ", "\t")):
            name = line.strip()
            continue
        places, _, reason = line.strip().partition(": ")
        if not name or not places.isdigit() or not reason or name in found:
            raise Broken(f"{path}:{number}: an entry must be the name of a mutant and, on the next "
                         "line, '<places>: <reason>'")
        found[name] = (int(places), reason)
        name = ""
    if name:
        raise Broken(f"{path}: the last entry, {name}, has no '<places>: <reason>'")
    return found


def excuse(mutants: list[CoreMutant], equivalent: dict[str, tuple[int, str]],
           files: set[str]) -> tuple[list[CoreMutant], list[str]]:
    """Turn missed mutants that are listed as equivalent into equivalent ones. An entry whose number
    of places differs from that of the missed mutants is an error."""
    missed = Counter(m.name for m in mutants if m.status == "missed")
    problems = []
    for name, (places, _) in equivalent.items():
        file = name.partition(":")[0].removeprefix("src/")
        if files and file not in files:
            continue
        if missed[name] != places:
            problems.append(f"{EQUIVALENT} lists {places} places, but {missed[name]} were missed: "
                            f"{name}")
    judged = [replace(m, status="equivalent", test=equivalent[m.name][1])
              if m.status == "missed" and missed[m.name] == equivalent.get(m.name, (0, ""))[0]
              else m for m in mutants]
    return judged, problems


class CargoMutants:
    """Runs cargo-mutants in a copy of the crate; a run repairs what a killed one left there."""

    def __init__(self, crate: Path, work: Path) -> None:
        self.crate = crate
        self.place = work / "core"
        self.work = work / "cargo-mutants"
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    def every(self, files: set[str]) -> list[str]:
        """The names of the mutants, as cargo-mutants prints them."""
        copy(self.crate, self.place)
        unknown = [name for name in sorted(files) if not (self.place / "src" / name).is_file()]
        if unknown:
            raise Broken(f"there is no file {unknown[0]} in rust/kvm_abi/src")
        chosen = [word for name in sorted(files) for word in ("--file", f"src/{name}")]
        done = subprocess.run(["cargo", "mutants", "--list", "--colors", "never", *chosen],
                              cwd=self.place, check=True, text=True, stdout=subprocess.PIPE)
        return done.stdout.splitlines()

    def run(self, name: str, only: str, mutants: list[str]) -> list[CoreMutant]:
        """Test these mutants with the tests of one file, or with all tests."""
        copy(self.crate, self.place, only)
        out = self.work / name
        out.mkdir()
        config = out / "config.toml"
        exactly = [f"^{re.escape(mutant)}$" for mutant in mutants]
        config.write_text(f"examine_re = {json.dumps(exactly)}\n", encoding="utf-8")
        log = out / "output.log"
        with log.open("wb") as sink:
            child = subprocess.Popen(
                ["nice", "cargo", "mutants", "--in-place", "--colors", "never", "--config",
                 str(config), "--output", str(out), "--baseline", "skip", "--timeout",
                 str(TEST_SECONDS), "--build-timeout", str(BUILD_SECONDS), "--cargo-arg=--locked"],
                cwd=self.place, env={**os.environ, **PROFILE}, stdout=sink,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            child.wait()
        except BaseException:
            child.terminate()
            child.wait()
            raise
        # 2: some mutants were missed; 3: some did not end. Both are in the outcomes.
        if child.returncode not in (0, 2, 3):
            end = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise Broken(f"cargo-mutants ended with {child.returncode}; the end of {log}:\n{end}")
        found = _read(out / "mutants.out")
        if len(found) != len(mutants):
            raise Broken(f"cargo-mutants tried only {len(found)} of {len(mutants)} mutants; "
                         f"see {log}")
        return found


def mutate(crate: Path, work: Path, files: set[str], say: Callable[[str], None]
           ) -> tuple[list[CoreMutant], list[str]]:
    """Run cargo-mutants over the crate, or some files of it."""
    runs = CargoMutants(crate, work)
    every = runs.every(files)
    say(f"core: {len(every)} mutants of {', '.join(sorted(files)) or 'rust/kvm_abi/src'}")
    # A missed mutant means something only if the tests pass without one.
    passed, output = run_tests(runs.place, [])
    if not passed:
        raise Broken(f"the core's tests fail without any mutant: {failing_test(output)}")

    found: dict[str, CoreMutant] = {}
    by_file: dict[str, list[str]] = {}
    for mutant in every:
        by_file.setdefault(mutant.partition(":")[0].removeprefix("src/"), []).append(mutant)
    for file, mutants in by_file.items():
        tests = tests_of(file)
        if (crate / "tests" / f"{tests}.rs").is_file():
            found.update({m.full: m for m in runs.run(tests, tests, mutants)})
        number = Counter(found[m].status if m in found else "missed" for m in mutants)
        say(f"core: {file}: {len(mutants)} mutants, {number['missed']} left for the tests of all "
            "files")
    rest = [m for m in every if m not in found or found[m].status == "missed"]
    if rest:
        say(f"core: testing {len(rest)} mutants with all tests")
        found.update({m.full: m for m in runs.run("all", "", rest)})
    return excuse([found[m] for m in every], read_equivalent(), files)
