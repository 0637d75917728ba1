# SPDX-License-Identifier: GPL-2.0
"""The configurations of the kernel: what is asked for is checked, and each build counts."""

import contextlib
import io
import re
import subprocess
import tempfile
import unittest
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest import mock

from driver import builds
from driver.place import ROOT, Place, Ran
from driver.programs import Doing
from driver.settings import Settings, Wrong
from driver.variables import GOOD
from vm import matrix

_, *NAMES = GOOD["CONFIG"]


def lines(text: str) -> dict[str, str]:
    """The symbols of a fragment, or of a kernel's configuration."""
    return {found[1]: found[2] for found in re.finditer(r"^(CONFIG_\w+)=(.*)$", text, re.M)}


def fragment(name: str) -> dict[str, str]:
    return lines((ROOT / f"configs/{name}.config").read_text(encoding="utf-8"))


class Configurations(Place):
    def ask(self, config: str, command: str, *words: str) -> Ran:
        return self.run_it("bash", "-c", f". scripts/lib.sh; . scripts/config.sh; {command}",
                           "test", *words, CONFIG=config)

    def merged(self, config: str) -> str:
        ran = self.ask(config, "merged")
        self.assertEqual((ran.status, ran.err), (0, ""))
        return ran.out

    def dotconfig(self, asked: dict[str, str]) -> Path:
        """As kbuild writes it."""
        path = self.dir / "dotconfig"
        path.write_text("".join(f"# {name} is not set\n" if value == "n" else f"{name}={value}\n"
                                for name, value in asked.items()), encoding="utf-8")
        return path

    def test_each_name_has_a_file_and_the_reverse(self) -> None:
        self.assertEqual({path.stem for path in (ROOT / "configs").iterdir()}, {"base", *NAMES})
        self.assertEqual(["debug", *builds.NAMES], NAMES)

    def test_the_last_line_about_a_symbol_counts(self) -> None:
        for name in NAMES:
            merged = self.merged(name)
            self.assertEqual(lines(merged), fragment("base") | fragment(name), name)
            asked = re.findall(r"^CONFIG_\w+(?==)", merged, re.M)
            self.assertEqual(len(asked), len(set(asked)), name)
        base = (ROOT / "configs/base.config").read_text(encoding="utf-8")
        self.assertEqual(self.merged("base"), base)

    # Kconfig does not set a symbol that it does not know, either.
    def test_what_is_switched_off_is_known_to_be_a_symbol(self) -> None:
        base = fragment("base")
        for name in builds.NAMES:
            for symbol, value in fragment(name).items():
                self.assertTrue(value != "n" or base[symbol] == "y", (name, symbol))

    def test_each_line_is_looked_at(self) -> None:
        for name in NAMES:
            asked = lines(self.merged(name))
            path = self.dotconfig(asked)
            self.assertEqual(self.ask(name, 'configured "$1"', str(path)).status, 0)
            for symbol, value in fragment(name).items():
                path = self.dotconfig(asked | {symbol: "y" if value == "n" else "n"})
                ran = self.ask(name, 'configured "$1"', str(path))
                self.assert_died(ran, f" {symbol}={value}")
                self.assertFalse(path.exists(), (name, symbol))
                if name == "debug":
                    break

    def test_the_runner_hears_what_the_kernel_is(self) -> None:
        repo = self.repository()
        (repo / "scripts/vm/__main__.py").write_text("import sys\nprint(*sys.argv[1:])\n",
                                                      encoding="utf-8")
        special = {"--debug", "--stock", "--default-abi"}
        for config, words in (("base", ""), ("debug", "--debug"), ("off", "--stock"),
                              ("default-c", "--default-abi c"), ("outline", ""), ("cfi", ""),
                              ("default-check", "--default-abi check")):
            ran = self.run_it("scripts/steps.sh", "--only", "run", repo=repo, CONFIG=config)
            self.assertEqual(ran.status, 0, ran)
            self.assertIn(words, ran.out)
            self.assertIn(f"/kernel{'' if config == 'base' else f'-{config}'}/", ran.out)
            self.assertEqual(special.intersection(ran.out.split()), set(words.split()[:1]))
        ran = self.run_it("scripts/steps.sh", "--only", "run", repo=repo, CONFIG="default-c",
                          ABI="rust")
        self.assertNotIn("--default-abi", ran.out)


class Builds(unittest.TestCase):
    """What the programs do is made up: a kernel that is built leaves a log, a boot counts three
    passed tests and a skipped one."""

    def setUp(self) -> None:
        self.out = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in builds.NAMES:
            (self.out / f"kernel-{name}").mkdir()
        (self.out / "log").mkdir()
        self.broken: set[str] = set()
        self.warned: set[str] = set()
        # What a boot counts, and whether it fails
        self.counts: dict[str, str | None] = {}
        self.left = 0
        self.built: list[str] = []
        self.booted: list[tuple[str, ...]] = []
        self.looked: list[str] = []

    def start(self, argv: Sequence[str], _place: Path, env: Mapping[str, str]) -> int:
        if argv[0].endswith("/kernel.sh"):
            name = env["CONFIG"]
            self.built.append(name)
            text = "a.c:1:1: warning: planted\n" if name in self.warned else "CC a.o\n"
            (self.out / f"log/kernel-{name}.log").write_text(text, encoding="utf-8")
            return int(name in self.broken)
        if "objgate.without" in argv:
            self.looked.append(argv[-1])
            return self.left
        return self.guest(argv[argv.index("run") + 1:], env["CONFIG"])

    def guest(self, words: Sequence[str], name: str) -> int:
        def given(option: str) -> str:
            return words[words.index(option) + 1] if option in words else ""
        self.booted.append((name, given("--abi"), given("--cpu"), given("--tests")))
        count = Path(given("--out"), "vm.count")
        count.parent.mkdir(parents=True, exist_ok=True)
        text = self.counts.get(name, "3 0 1")
        if text:
            count.write_text(f"{text}\n", encoding="utf-8")
        return int(name in self.counts)

    def builds(self, *names: str) -> str:
        settings = Settings({"OUT": str(self.out), "KSELFTEST": "/s", "BUSYBOX": "/b", "JOBS": "1",
                             "ABI": "c", "CPU": "max", "ALL": "1"})
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            self.status = builds.builds(Doing(settings, self.start), names or builds.NAMES)
        return said.getvalue()

    def count(self, said: str, passed: int, failed: int, skipped: int) -> None:
        self.assertEqual(self.status, int(failed > 0), said)
        self.assertEqual((self.out / "results/builds.count").read_text(encoding="utf-8"),
                         f"{passed} {failed} {skipped}\n")
        self.assertIn(f"{passed} passed, {failed} failed, {skipped} skipped; logs: ", said)

    def test_all_is_built_looked_at_and_booted(self) -> None:
        # Five kernels, and what is not in one of them; seven boots of three tests and a skip
        self.count(self.builds(), 5 + 1 + 7 * 3, 0, 7)
        self.assertEqual(self.looked, [f"{self.out}/kernel-off"])
        self.assertEqual([(config, abi) for config, abi, *_ in self.booted],
                         [("off", ""), ("default-c", ""), ("default-check", ""),
                          ("outline", "rust"), ("outline", "check"), ("cfi", "rust"),
                          ("cfi", "check")])
        self.assertEqual({cpu for _, _, cpu, _ in self.booted}, {"neoverse-n1"})
        self.assertEqual(self.built, builds.NAMES)

    def test_one_that_does_not_build_is_not_booted_and_the_others_are(self) -> None:
        self.broken = {"off", "cfi"}
        said = self.builds()
        self.count(said, 3 + 4 * 3, 2, 4 + 4)
        self.assertFalse(self.broken & {name for name, *_ in self.booted})
        self.assertIn("FAILED  cfi: vmlinux", said)
        self.assertIn("skipped off: nothing of the project in vmlinux", said)

    def test_a_warning_fails_the_build_and_the_next_one_prints_it_again(self) -> None:
        self.warned = {"cfi"}
        said = self.builds("off", "cfi")
        self.count(said, 1 + 1 + 3, 1, 1 + 2)
        self.assertIn("a.c:1:1: warning: planted\n", said)
        self.assertFalse((self.out / "kernel-cfi").exists())
        self.assertTrue((self.out / "kernel-off").exists())

    def test_failures_of_tests_count(self) -> None:
        self.counts = {"default-c": "2 2 0"}
        self.count(self.builds("default-c"), 1 + 2, 2, 0)

    def test_a_run_without_an_end_or_a_test_is_a_failure(self) -> None:
        (self.out / "results/off").mkdir(parents=True)
        (self.out / "results/off/vm.count").write_text("7 0 0\n", encoding="utf-8")
        self.counts = {"off": None}
        self.count(self.builds("off"), 2, 1, 0)
        self.counts = {"off": "0 0 4"}
        self.count(self.builds("off"), 2, 1, 4)
        self.counts = {"off": "many"}
        self.count(self.builds("off"), 2, 1, 0)

    def test_a_symbol_that_is_left_is_a_failure(self) -> None:
        self.left = 1
        said = self.builds("off")
        self.count(said, 1 + 3, 1, 1)
        self.assertIn("FAILED  off: nothing of the project in vmlinux", said)

    def test_the_module_that_looks_is_the_real_one(self) -> None:
        made_up = self.start

        def start(argv: Sequence[str], place: Path, env: Mapping[str, str]) -> int:
            if "objgate.without" not in argv:
                return made_up(argv, place, env)
            done = subprocess.run(argv, check=False, cwd=place, env=env, capture_output=True,
                                  text=True)
            print(done.stdout)
            return done.returncode
        with mock.patch.object(self, "start", start):
            said = self.builds("off")
        self.count(said, 1 + 3, 1, 1)
        self.assertIn("vmlinux", said)

    def test_a_disk_that_is_too_small(self) -> None:
        (self.out / "kernel-cfi").rmdir()
        with (mock.patch("shutil.disk_usage", return_value=mock.Mock(free=799 << 20)),
              self.assertRaisesRegex(Wrong, "has room for 799 MiB, but the kernel cfi takes 800")):
            self.builds("off", "cfi")

    def test_the_tests_are_known_and_bring_no_state_of_a_host(self) -> None:
        self.builds("default-c", "cfi")
        for _, abi, _, tests in self.booted:
            names = matrix.check_tests(tests, debug=False)
            self.assertEqual(set(names), set(tests.split(",")))
            for config in matrix.HOST_STATES:
                self.assertEqual(config.wanted(names), () if config.only else names)
            opt_in = set(names).intersection(matrix.OPT_IN_TESTS)
            self.assertEqual(bool(opt_in), bool(abi))


class Make(Place):
    def test_a_goal_that_has_its_own_configurations_takes_no_other(self) -> None:
        repo = self.repository()
        (repo / "scripts/steps.sh").write_text('#!/bin/bash\necho "$CONFIG $*"\n', encoding="utf-8")
        for goal in ("test", "builds"):
            for config in ("debug", "cfi"):
                ran = self.run_it("make", goal, f"CONFIG={config}", repo=repo)
                self.assertIn(f"CONFIG={config} is for kernel,", ran.err)
                self.assertNotEqual(ran.status, 0)
        ran = self.run_it("make", "kernel", "CONFIG=cfi", repo=repo)
        self.assertEqual((ran.status, ran.out), (0, "cfi kernel\n"))
        ran = self.run_it("make", "builds", repo=repo)
        self.assertEqual((ran.status, ran.out), (0, " builds\n"))


if __name__ == "__main__":
    unittest.main()
