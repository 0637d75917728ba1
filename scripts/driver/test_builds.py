# SPDX-License-Identifier: GPL-2.0
"""The configurations of the kernel: what is asked for is checked, and each build counts."""

import re
import shutil
import unittest
from pathlib import Path

from driver.place import ROOT, Place, Ran
from driver.variables import GOOD

_, *NAMES = GOOD["CONFIG"]
BUILDS = re.findall(r"^BUILDS=\((.*)\)$", (ROOT / "scripts/builds.sh").read_text(), re.M)[0].split()


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
        self.assertEqual(["debug", *BUILDS], NAMES)

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
        for name in BUILDS:
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


# The scripts that builds.sh calls: each leaves a line, and does what its test wants.
KERNEL = """#!/bin/bash
. "$(dirname "$0")/lib.sh"
out_dir
echo "kernel $CONFIG" >>"$CALLS"
mkdir -p "$LOGS"
[[ " $WARNED " != *" $CONFIG "* ]] || echo "a.c:1:1: warning: planted" >"$LOGS/kernel-$CONFIG.log"
[[ -e $LOGS/kernel-$CONFIG.log ]] || echo "CC a.o" >"$LOGS/kernel-$CONFIG.log"
[[ " $BROKEN " != *" $CONFIG "* ]]
"""
GUEST = """#!/bin/bash
[[ $1 == --only ]] || exit
echo "$2 $CONFIG $CPU ${ABI:-default} $TESTS" >>"$CALLS"
. "$(dirname "$0")/lib.sh"
out_dir
case " $MUTE $RED $EMPTY " in
*" $CONFIG "*)	;;
*)		echo "3 0 1" >"$RESULTS/vm.count"; exit ;;
esac
[[ " $EMPTY " != *" $CONFIG "* ]] || { echo "0 0 4" >"$RESULTS/vm.count"; exit; }
[[ " $RED " != *" $CONFIG "* ]] || echo "2 2 0" >"$RESULTS/vm.count"
exit 1
"""
WITHOUT = """
import os, sys
print(sys.argv[1].rpartition("/")[2], *sys.argv[2:])
sys.exit(os.path.exists(sys.argv[1] + "/planted"))
"""


class Builds(Place):
    def setUp(self) -> None:
        super().setUp()
        self.repo = self.repository()
        for name, text in (("kernel.sh", KERNEL), ("steps.sh", GUEST),
                           ("objgate/without.py", WITHOUT)):
            (self.repo / "scripts" / name).write_text(text, encoding="utf-8")
        self.out = self.dir / "out"
        for name in BUILDS:
            (self.out / f"kernel-{name}").mkdir(parents=True)
        (self.out / ".kvm-arm64-rust").touch()

    def builds(self, *names: str, **changes: str) -> Ran:
        settings = dict.fromkeys(("BROKEN", "WARNED", "MUTE", "RED", "EMPTY"), "") | changes
        return self.run_it("scripts/builds.sh", *names, repo=self.repo, O=str(self.out), **settings)

    def count(self, ran: Ran, passed: int, failed: int, skipped: int) -> None:
        self.assertEqual(ran.status, int(failed > 0), ran)
        self.assertEqual((self.out / "results/builds.count").read_text(encoding="utf-8"),
                         f"{passed} {failed} {skipped}\n")
        self.assertIn(f"{passed} passed, {failed} failed, {skipped} skipped; logs: ", ran.out)

    def test_all_is_built_looked_at_and_booted(self) -> None:
        ran = self.builds()
        # Five kernels, and what is not in one of them; seven boots of three tests and a skip
        self.count(ran, 5 + 1 + 7 * 3, 0, 7)
        self.assertIn("kernel-off", ran.err)
        booted = [line.split()[:4] for line in self.called() if line.startswith("run")]
        self.assertEqual([(config, abi) for _, config, _, abi in booted],
                         [("off", "default"), ("default-c", "default"),
                          ("default-check", "default"), ("outline", "rust"), ("outline", "check"),
                          ("cfi", "rust"), ("cfi", "check")])
        self.assertEqual({cpu for *_, cpu, _ in booted}, {"neoverse-n1"})
        self.assertEqual([line for line in self.called() if line.startswith("kernel")],
                         [f"kernel {name}" for name in BUILDS])

    def test_one_that_does_not_build_is_not_booted_and_the_others_are(self) -> None:
        ran = self.builds(BROKEN="off cfi")
        self.count(ran, 3 + 4 * 3, 2, 4 + 4)
        self.assertFalse([line for line in self.called() if re.match("run (off|cfi)", line)])
        self.assertIn("FAILED  cfi: vmlinux", ran.out)
        self.assertIn("skipped off: nothing of the project in vmlinux", ran.out)

    def test_a_warning_fails_the_build_and_the_next_one_prints_it_again(self) -> None:
        ran = self.builds("off", "cfi", WARNED="cfi")
        self.count(ran, 1 + 1 + 3, 1, 1 + 2)
        self.assertIn("a.c:1:1: warning: planted", ran.err)
        self.assertFalse((self.out / "kernel-cfi").exists())
        self.assertTrue((self.out / "kernel-off").exists())

    def test_failures_of_tests_count(self) -> None:
        self.count(self.builds("default-c", RED="default-c"), 1 + 2, 2, 0)

    def test_a_run_without_an_end_or_a_test_is_a_failure(self) -> None:
        (self.out / "results/off").mkdir(parents=True)
        (self.out / "results/off/vm.count").write_text("7 0 0\n", encoding="utf-8")
        self.count(self.builds("off", MUTE="off"), 2, 1, 0)
        self.count(self.builds("off", EMPTY="off"), 2, 1, 4)

    def test_a_symbol_that_is_left_is_a_failure(self) -> None:
        (self.out / "kernel-off/planted").touch()
        ran = self.builds("off")
        self.count(ran, 1 + 3, 1, 1)
        self.assertIn("FAILED  off: nothing of the project in vmlinux", ran.out)

    def test_the_module_that_looks_is_the_real_one(self) -> None:
        shutil.copy(ROOT / "scripts/objgate/without.py", self.repo / "scripts/objgate")
        ran = self.builds("off")
        self.count(ran, 1 + 3, 1, 1)
        self.assertIn("vmlinux", ran.err)

    def test_the_tests_are_known_and_bring_no_state_of_a_host(self) -> None:
        from vm import matrix
        self.builds("default-c", "cfi")
        for line in self.called():
            if line.startswith("run"):
                *_, abi, tests = line.split()
                names = matrix.check_tests(tests, debug=False)
                self.assertEqual(set(names), set(tests.split(",")))
                for config in matrix.HOST_STATES:
                    self.assertEqual(config.wanted(names), () if config.only else names)
                opt_in = set(names).intersection(matrix.OPT_IN_TESTS)
                self.assertEqual(bool(opt_in), abi != "default")

    def test_a_misspelt_name_is_refused_before_anything_is_built(self) -> None:
        self.assert_died(self.builds("off", "cif"), "good values: off, default-c")
        self.assertEqual(self.called(), [])


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
