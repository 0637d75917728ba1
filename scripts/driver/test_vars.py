# SPDX-License-Identifier: GPL-2.0
"""Variables: valid values and their source; invalid ones are rejected before anything is done."""

import os
import re
import time
import unittest
from pathlib import Path

from driver.place import ROOT, Place
from driver.variables import GOOD
from kernels import pins
from vm import tables

# Prints the variables that a script gets, whatever the step.
PRINT = """#!/bin/bash
for name in ABI GIC CPU MODE TESTS CMDLINE CONFIG O SEED BRIEF FUZZ_SECONDS; do
	[[ -z ${!name:-} ]] || echo "$name=${!name}"
done
"""
BAD = (
    ({"ABI": "C"}, "good values: c, rust, check"),
    ({"GIC": "4"}, "good values: 2, 3"),
    ({"CPU": "x86_64"}, "good values: max, "),
    ({"CONFIG": "Release"}, "good values: base, debug"),
    ({"FIXES": "yes"}, "good values: 0, 1"),
    ({"ONLY": "kernel"}, "good values: selftests, fixes"),
    ({"TESTS": "a;b"}, "names of tests"),
    ({"JOBS": "0"}, "a number from 1"),
    ({"FUZZ_SECONDS": "1h"}, "a number from 1"),
    ({"KERNEL_SRC": "/nonexistent"}, "is not a directory"),
    ({"KERNEL_SRC": "/etc"}, "not a Linux source tree"),
    ({"KERNEL_SRC": "/etc", "KERNEL_DEB": "/etc/os-release"}, "give one"),
    ({"KERNEL_SRC": "/etc", "BASE_UPDATE": "1"}, "give one of them"),
    ({"KERNEL_DEB": "/nonexistent"}, "is not a file"),
    ({"BASE_UPDATE": "yes"}, "good values: 0, 1"),
    ({"BUILD": "2"}, "good values: 0, 1"),
    ({"KERNELS": "6.1 6.2"}, "KERNELS=6.2 is not known; good values: 6.1, "),
    ({"DEBIAN_MIRROR": "debian"}, "not the URI"),
    ({"DEBIAN_MIRROR": "http://m.invalid/debian x main\ndeb file:/y"}, "DEBIAN_MIRROR="),
    ({"DEBIAN_MIRROR": "[trusted=yes] http://m.invalid/debian"}, "not the URI"),
    ({"XDG_CACHE_HOME": "relative"}, "not an absolute path"),
    ({"HOME": None}, "neither HOME nor XDG_CACHE_HOME is set"),
    ({"O": "/etc/os-release"}, "is a file"),
    ({"O": "build"}, "lies within this repository"),
    ({"O": "scripts/vm/build"}, "lies within this repository"),
    ({"O": "."}, "holds this repository"),
    ({"O": "/"}, "holds this repository"),
)
SEEDS = ("0", "1", "42", "0x0", "0x2a33bdfd", "0XFFFFFFFFFFFFFFFF", "9999999999999999999",
         "18446744073709551615")
NO_SEEDS = ("-1", "1e3", "x", "0x", "007", "18446744073709551616", "99999999999999999999",
            "0x10000000000000000", "1 2")


class Variables(Place):
    def script(self, **changes: str | None) -> tuple[int, str]:
        ran = self.run_it("bash", "-c", ". scripts/lib.sh", **changes)
        return ran.status, ran.err

    def test_an_invalid_one_is_rejected_and_nothing_is_done(self) -> None:
        before = sorted(ROOT.iterdir())
        for changes, words in BAD:
            with self.subTest(changes):
                ran = self.run_it("bash", "-c", ". scripts/lib.sh; out_dir", **changes)
                self.assert_died(ran, words)
        self.assertEqual((list(self.home.iterdir()), sorted(ROOT.iterdir())), ([], before))

    def test_each_good_value_is_taken(self) -> None:
        good = {**GOOD, "CPU": tables.CPUS, "KERNELS": tuple(pin.name for pin in pins.read())}
        for name, values in good.items():
            for value in values:
                self.assertEqual(self.script(**{name: value}), (0, ""), (name, value))
            if values and name != "KERNELS":
                status, said = self.script(**{name: values[0] + "x"})
                self.assertEqual(status, 1, name)
                self.assertIn(f"good values: {', '.join(values)}\n", said)

    def test_seeds(self) -> None:
        for seed in SEEDS:
            self.assertEqual(self.script(SEED=seed), (0, ""), seed)
        for seed in NO_SEEDS:
            status, said = self.script(SEED=seed)
            self.assertEqual((status, "up to 64 bits" in said), (1, True), (seed, said))

    def test_libfuzzer_gets_32_bits_of_each_seed_and_never_zero(self) -> None:
        functions = "".join(re.findall(r"^libfuzzer_seed\(\)\n{\n.*?^}\n",
                                       (ROOT / "scripts/fuzz-host.sh").read_text(), re.M | re.S))
        ran = self.run_it("bash", "-ec", functions + 'for s; do libfuzzer_seed "$s"; done',
                          "seeds", *SEEDS, "5", "0x100000001")
        found = [int(word) for word in ran.out.split()]
        self.assertEqual(len(found), len(SEEDS) + 2, ran)
        self.assertTrue(all(0 < n < 1 << 32 for n in found), found)
        self.assertEqual((found[1], found[2], found[4], found[-2]), (1, 42, 0x2a33bdfd, 5))

    def test_the_fuzz_targets_are_found(self) -> None:
        functions = "".join(re.findall(r"^(?:package|targets)\(\)\n{\n.*?^}\n",
                                       (ROOT / "scripts/fuzz-host.sh").read_text(), re.M | re.S))
        for what, crate, some in (("core", "rust/kvm_abi", "fw_writes"),
                                  ("kvmfit", "tools/kvmfit", "cloud_hypervisor")):
            ran = self.run_it("bash", "-ec", f'{functions}package "$0"; targets', what,
                              ROOT=str(ROOT), OUT="")
            text = (ROOT / crate / "fuzz/src/lib.rs").read_text(encoding="utf-8")
            listed = re.search(r"^pub const TARGETS: \[Target; (\d+)\]", text, re.M)
            assert listed
            self.assertEqual(len(set(ran.out.split())), int(listed[1]), ran)
            self.assertIn(some, ran.out.split())

    def test_home_is_not_needed_if_nothing_goes_there(self) -> None:
        status, said = self.script(HOME=None, XDG_CACHE_HOME=str(self.dir), O=f"{self.dir}/out")
        self.assertEqual((status, said), (0, ""))

    def test_a_directory_of_another_user(self) -> None:
        out = self.dir / "out"
        out.mkdir()
        (out / ".kvm-arm64-rust").touch()
        self.assertEqual(self.script(O=str(out)), (0, ""))
        if os.geteuid() == 0:
            os.chown(out / ".kvm-arm64-rust", 65534, 65534)
            other, words = str(out), "belongs to the user"
        else:
            other, words = "/mnt", "belongs to the user root"
        status, said = self.script(O=other)
        self.assertEqual((status, words in said), (1, True), said)

    def test_a_directory_with_other_files(self) -> None:
        (self.dir / "out").mkdir()
        (self.dir / "out/file").touch()
        self.assertIn("holds other files", self.script(O=f"{self.dir}/out")[1])

    def test_the_sum_names_the_part_that_ran(self) -> None:
        out = self.dir / "out"
        (out / "results/debug").mkdir(parents=True)
        (out / ".kvm-arm64-rust").touch()
        for stage in STAGES.split():
            count = "3 0 1\n" if stage == "vm" else "0 0 0\n"
            (out / f"results/{stage}.count").write_text(count, encoding="utf-8")
        for changes, part in (({}, ""), ({"MODE": "nested", "TESTS": "a b"},
                                         " (part: MODE=nested TESTS=a,b)")):
            ran = self.run_it("scripts/total.sh", O=str(out), **changes)
            self.assertEqual((ran.status, ran.out), (0, f"3 passed, 0 failed, 1 skipped{part}\n"))


class Make(Place):
    def setUp(self) -> None:
        super().setUp()
        self.repo = self.repository()
        (self.repo / "scripts/steps.sh").write_text(PRINT, encoding="utf-8")

    def make(self, *words: str, **changes: str | None) -> tuple[str, str]:
        ran = self.run_it("make", "-s", *words, repo=self.repo, **changes)
        self.assertEqual(ran.status, 0, ran)
        return ran.out, ran.err

    def test_variables_of_the_environment_are_ignored_and_named(self) -> None:
        environment = {"MODE": "nested", "TESTS": "a$b", "CPU": "x86_64", "CONFIG": "Release",
                       "CMDLINE": "x", "O": "/nonexistent", "SEED": "1", "BRIEF": "y"}
        for words in ((), ("-e",)):
            out, err = self.make(*words, "run", **environment)
            self.assertEqual(out, "")
            for name in environment.keys() - {"BRIEF"}:
                self.assertIn(f" {name}={environment[name]}", err)
            self.assertIn("on the command line only", err)

    def test_the_command_line_counts(self) -> None:
        out, err = self.make("run", "MODE=nested", "SEED=0x1", CPU="max")
        self.assertEqual(out.split(), ["MODE=nested", "SEED=0x1"])
        self.assertIn(" CPU=max", err)

    def test_without_a_cause_there_is_no_warning(self) -> None:
        self.assertEqual(self.make("run"), ("", ""))

    def test_base_update_is_for_setup(self) -> None:
        for goals in (("run",), ("setup", "run"), ()):
            ran = self.run_it("make", *goals, "BASE_UPDATE=1", repo=self.repo)
            self.assertIn("is for `make setup`", ran.err)
            self.assertNotEqual(ran.status, 0)

    def test_each_of_the_list_is_taken(self) -> None:
        for name in GOOD:
            ran = self.run_it("make", "-s", "help", f"{name}=x", repo=self.repo)
            self.assertEqual((ran.status, ran.err), (0, ""), name)

    def test_an_unknown_variable(self) -> None:
        ran = self.run_it("make", "run", "MODES=nested", repo=self.repo)
        self.assertIn("unknown variable: MODES", ran.err)
        self.assertNotEqual(ran.status, 0)


# A fake `make` with the goals of .ci/run.
STAGES = re.findall(r"^stages=\((.*)\)$", (ROOT / "scripts/total.sh").read_text(), re.M)[0]
MAKE = f"""
tested()
{{
	mkdir -p "$RESULTS/debug"
	for stage in {STAGES}; do
		echo "0 0 0" >"$RESULTS/$stage.count"
	done
	echo "5 0 1" >"$RESULTS/vm.count"
}}
debug()
{{
	echo "3 0 0" >"$RESULTS/debug/vm.count"
}}
""" + """
case $DO in
pass)	case $1 in
	lint)		echo "10 0 0" >"$RESULTS/lint.count" ;;
	test)		tested ;;
	test-debug)	debug ;;
	esac ;;
fail)	case $1 in
	lint)		echo "9 1 0" >"$RESULTS/lint.count"; exit 1 ;;
	test)		tested ;;
	test-debug)	debug ;;
	esac ;;
die)	exit 2 ;;
hang)	[[ $1 != lint ]] || { echo "10 0 0" >"$RESULTS/lint.count"; exit; }
	echo $$ >"$TMPDIR/hanging"; exec sleep 90 ;;
esac
"""


class Ci(Place):
    def setUp(self) -> None:
        super().setUp()
        self.repo = self.repository()
        ran = self.run_it("bash", "-c", '. scripts/lib.sh; out_dir; echo "$RESULTS"', repo=self.repo)
        self.results = Path(ran.out.strip())
        self.fake("make", MAKE)

    def ci(self, do: str, **changes: str | None) -> tuple[int, str, str]:
        (self.results / "old.count").write_text("1000 0 0\n", encoding="utf-8")
        ran = self.run_it(".ci/run", repo=self.repo, DO=do, RESULTS=str(self.results), **changes)
        return ran.status, ran.out.splitlines()[-1], ran.err

    def test_the_sum_is_the_last_line(self) -> None:
        self.assertEqual(self.ci("pass"), (0, "18 passed, 0 failed, 1 skipped", ""))
        self.assertEqual(self.ci("fail"),
                         (1, "17 passed, 1 failed, 1 skipped", "failed in lint\n"))

    def test_a_goal_that_dies_is_a_failure(self) -> None:
        self.assertEqual(self.ci("die")[:2], (1, "0 passed, 1 failed, 0 skipped"))

    def test_the_callers_environment_has_no_effect(self) -> None:
        self.assertEqual(self.ci("pass", MODE="nested", O="/nonexistent", TESTS="x", CALLED="y")[:2],
                         (0, "18 passed, 0 failed, 1 skipped"))

    def test_no_variable_of_the_makefile_has_an_effect(self) -> None:
        self.assertEqual(self.ci("pass", **dict.fromkeys([*GOOD, "FUZZ_SECONDS"], "no such"))[:2],
                         (0, "18 passed, 0 failed, 1 skipped"))

    def test_the_debug_kernel_is_left_out_if_time_is_short(self) -> None:
        run = self.repo / ".ci/run"
        text = run.read_text(encoding="utf-8")
        run.write_text(text.replace("DEBUG_BEFORE * 60", "0"), encoding="utf-8")
        self.assertEqual(self.ci("pass"), (
            0, "15 passed, 0 failed, 2 skipped",
            "run: make test-debug is skipped: lint and test took 20 minutes or more\n"))

    def test_it_ends_by_itself_when_the_time_is_up(self) -> None:
        run = self.repo / ".ci/run"
        text = run.read_text(encoding="utf-8")
        self.assertIn("\nMINUTES=85\n", text)
        run.write_text(text.replace("MINUTES * 60", "3"), encoding="utf-8")
        status, last, said = self.ci("hang")
        self.assertEqual((status, last), (1, "10 passed, 1 failed, 0 skipped"))
        self.assertIn("make test was ended: the time limit of 85 minutes is up", said)

    def test_a_signal_ends_it_with_the_sum(self) -> None:
        child = self.start(".ci/run", repo=self.repo, DO="hang", RESULTS=str(self.results))
        hanging = self.dir / "tmp/hanging"
        while not (hanging.exists() and hanging.read_text()):
            self.assertIsNone(child.poll(), "it ended by itself")
            time.sleep(0.02)
        child.terminate()
        output, _ = child.communicate(timeout=60)
        self.assertIn("run: ended by a signal", output.splitlines())
        self.assertEqual(output.splitlines()[-1], "10 passed, 1 failed, 0 skipped")
        self.assertEqual(child.returncode, 1)
        with self.assertRaises(ProcessLookupError):
            os.kill(int(hanging.read_text()), 0)


if __name__ == "__main__":
    unittest.main()
