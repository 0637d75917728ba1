# SPDX-License-Identifier: GPL-2.0
"""The steps: what each goal consists of, and how they are run one after the other."""

import fcntl
import os
import re
import signal
import subprocess
import time
import unittest
from collections.abc import Mapping, Sequence
from pathlib import Path

from driver import steps
from driver.place import ROOT, Place, Ran
from driver.settings import SCRIPTS, Settings

TREE = "setup source lay"
BUILT = f"{TREE} kernel selftests"
GOALS = {
    "run": f"{BUILT} run",
    "quick": f"{TREE} kernel objgate selftests quick",
    "test": "setup kernels vmms test-host fuzz-kvmfit source lay kernel objgate selftests kunit "
            "judge run kvmfit matrix vmm",
    "test-debug": f"{BUILT} debug-kernel debug-kunit debug-judge debug-run",
    "setup": "setup source test-kernels vmms",
    "kernel": f"{TREE} kernel",
    "selftests": BUILT,
    "boot": f"{BUILT} boot",
    "test-host": "setup test-host",
    "test-vm": f"{BUILT} kunit run",
    "fuzz": "setup fuzz-core fuzz-kvmfit source lay kernel selftests fuzz",
    "mutants": "setup source mutants",
    "flips": f"{BUILT} flips",
    "builds": f"{BUILT} builds",
    "bench": f"{BUILT} bench-kernel bench-plugin bench-build bench",
    "coverage": f"{BUILT} coverage-host coverage-kernel coverage",
    "kvmfit": "setup kvmfit",
    "matrix": f"{TREE} kernel kernels kvmfit matrix",
    "vmm": f"{TREE} kernel vmms kvmfit vmm",
    "deb": f"{TREE} deb-setup deb-config deb",
    "test-deb": f"setup deb-root source lay deb-setup deb-config deb kernel selftests kvmfit "
                "test-deb",
    "lint": f"{TREE} lint",
    "series": f"{TREE} series",
}


def settings(**more: str) -> Settings:
    return Settings({"OUT": "/nonexistent/out", "CACHE": "/nonexistent", "BASE_VERSION": "7.3.4-1",
                     "DEBIAN_TREE": "/nonexistent/tree", "CONFIG": "base", **more})


def done(step: str, status: int = 0, **more: str) -> list[list[str]]:
    """The programs that a step runs, which all end with this status, and their arguments."""
    called: list[list[str]] = []

    def start(argv: Sequence[str], _place: Path, _env: Mapping[str, str]) -> int:
        called.append([argv[0].removeprefix(f"{SCRIPTS}/"), *argv[1:]])
        return status

    steps.do(step, settings(**more), start)
    return called


class Table(unittest.TestCase):
    def test_the_steps_of_each_goal(self) -> None:
        for goal, names in GOALS.items():
            self.assertEqual(" ".join(steps.goal(goal, settings())), names, goal)
        self.assertNotIn("bench-build", steps.goal("bench", settings(BUILD="0")))
        self.assertEqual(" ".join(steps.goal("series", settings(BUILD="1"))),
                         f"{TREE} kernel series")

    def test_each_goal_of_the_makefile_is_listed_here(self) -> None:
        text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", "")
        listed = [re.findall(rf"^(.*):\n\t@.*\$\(steps\) \$@$", text, re.M)]
        self.assertEqual(set(" ".join(*listed).split()), set(GOALS))

    def test_each_step_has_its_program_and_comes_after_what_it_needs(self) -> None:
        for number, step in enumerate(steps.STEPS):
            before = {one.name for one in steps.STEPS[:number]}
            self.assertLessEqual(set(step.needs), before, step.name)
            if not callable(step.run):
                name, *_ = step.run or (f"{step.name}.sh",)
                self.assertTrue(os.access(SCRIPTS / name, os.X_OK), name)
            self.assertTrue(steps.title(step.name, settings()))

    def test_a_step_of_the_debug_kernel(self) -> None:
        self.assertEqual(" ".join(steps.expand(["debug-run"])), f"{BUILT} debug-kernel debug-run")
        self.assertEqual(steps.title("debug-kernel", settings()),
                         "building the debug kernel (20 minutes or more on 2 cores the first time)")
        self.assertEqual(steps.title("kernel", settings(CONFIG="cfi")),
                         "building the kernel (10 minutes or more on 2 cores the first time)")
        _, there = steps.of("debug-run", settings())
        self.assertEqual((there["CONFIG"], str(there.results), str(there.image)),
                         ("debug", "/nonexistent/out/results/debug",
                          "/nonexistent/out/kernel-debug/arch/arm64/boot/Image"))

    def test_what_a_step_costs_is_said_until_it_was_done(self) -> None:
        there = settings(OUT=str(ROOT), DEBIAN_TREE=str(ROOT), CACHE=str(SCRIPTS))
        self.assertEqual(steps.title("kernels", settings()),
                         "getting stock kernels (25 MB for each, once)")
        self.assertEqual(steps.title("kernels", there), "getting stock kernels")
        self.assertEqual(steps.title("source", settings()),
                         "getting the kernel source 7.3.4-1 (170 MB, once)")
        self.assertEqual(steps.title("source", there), "getting the kernel source 7.3.4-1")
        self.assertEqual(steps.title("source", settings(KERNEL_SRC="/a{b}")),
                         "using the kernel source /a{b}")
        self.assertEqual(steps.title("matrix", there), "moving VMs between kernels in QEMU "
                         "(15 minutes on 2 cores for all kernels and CPUs)")
        self.assertEqual(steps.title("matrix", there.brief()), "moving VMs between kernels in QEMU")
        self.assertIn("guests on the kernel", steps.title("vmm", there.brief()))

    def test_the_words_of_a_command(self) -> None:
        self.assertEqual(done("fuzz-core"), [["fuzz-host.sh", "core", "60"]])
        self.assertEqual(done("fuzz-kvmfit", FUZZ_SECONDS="7", SEED="0x1"),
                         [["fuzz-host.sh", "kvmfit", "7", "0x1"]])
        self.assertEqual(done("test-kernels"), [["kernels.sh", "6.12", "6.18"]])
        self.assertEqual(done("kernels", BRIEF="y"), [["kernels.sh", "6.12", "6.18"]])
        self.assertEqual(done("kernels"), [["kernels.sh"]])

    def test_only_the_step_that_makes_the_series_builds_it(self) -> None:
        self.assertEqual(steps.of("series", settings(BUILD="1"))[1]["BUILD"], "1")
        self.assertEqual(steps.of("lint", settings(BUILD="1"))[1]["BUILD"], "")


class Paths(Place):
    def test_those_of_a_kernel_are_those_of_the_scripts(self) -> None:
        for config, fixes in (("base", "0"), ("debug", "0"), ("default-c", "0"), ("base", "1"),
                              ("debug", "1")):
            ran = self.run_it("bash", "-c", '. scripts/lib.sh; echo "$OUT $KOUT $IMAGE $RESULTS"',
                              CONFIG=config, FIXES=fixes)
            out, *paths = ran.out.split()
            there = settings(OUT=out, CONFIG=config, FIXES=fixes)
            self.assertEqual([str(there.kernel), str(there.image), str(there.results)], paths)


# In place of each script and each package: a line in $CALLS, and what its test wants
STEP = """#!/bin/bash
. "$(dirname "${BASH_SOURCE[0]}")/LIB"
name=$(basename "$0" .sh)
[[ $name != package && $name != bench && $name != coverage ]] || name=$1
[[ $CONFIG == base ]] || name=$CONFIG-$name
echo "$name${BRIEF:+ brief}" >>"$CALLS"
out_dir
[[ " $SLOW " != *" $name "* ]] || sleep 2.2
if [[ " $HANGING " == *" $name "* ]]; then
	trap 'sleep 0.5; echo "$name ended"; exit 130' INT
	touch "$TMPDIR/hanging"
	sleep 60
fi
[[ " $BUSY " != *" $name "* ]] || flock -n "$OUT/lock" true || echo "$name: locked"
[[ " $RED " != *" $name "* ]] || { count "$name" 1 2 0; exit 1; }
[[ " $BROKEN " != *" $name "* ]]
"""
PACKAGE = """
import os, sys
os.execv("scripts/package.sh", ["package.sh", NAME])
"""
SCRIPT_STEPS = ("setup", "source", "lay", "kernel", "selftests", "objgate", "test-host",
                "fuzz-host", "kvmfit", "mutants", "kernels", "bench", "coverage", "lint", "series",
                "vmm/get", "vmm/parts", "deb/get", "deb/build", "package")
CALLED = {"fuzz-kvmfit": ("fuzz-host",), "vmms": ("get",), "vmm": ("kernels", "parts", "vmm")}


class Steps(Place):
    def setUp(self) -> None:
        super().setUp()
        self.repo = self.repository()
        self.out = self.dir / "out"
        for name in SCRIPT_STEPS:
            path = self.repo / f"scripts/{name}.sh"
            path.write_text(STEP.replace("LIB", "../lib.sh" if "/" in name else "lib.sh"),
                            encoding="utf-8")
            path.chmod(0o755)
        for name, called in (("vm", "sys.argv[1]"), ("matrix", "'matrix'"), ("vmm", "'vmm'"),
                             ("bench", "'bench'"), ("coverage", "'coverage'"),
                             ("docs", "'docs'")):
            text = PACKAGE.replace("NAME", called).replace("scripts/", f"{self.repo}/scripts/")
            (self.repo / f"scripts/{name}/__main__.py").write_text(text, encoding="utf-8")
        for name in ("vmm/vmms.cpio", "kernels/6.12/vmlinuz"):
            (self.cache / name).parent.mkdir(parents=True)
            (self.cache / name).touch()

    def environment(self, changes: dict[str, str | None]) -> dict[str, str]:
        what = dict.fromkeys(("SLOW", "HANGING", "BUSY", "RED", "BROKEN"), "")
        return super().environment({**what, "O": str(self.out), **changes})

    def steps(self, *words: str, **changes: str | None) -> Ran:
        return self.run_it("scripts/steps.sh", *words, repo=self.repo, **changes)

    def count(self, name: str) -> str:
        path = self.out / f"results/{name}.count"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def test_each_has_a_number_and_a_title(self) -> None:
        ran = self.steps("quick")
        self.assertEqual((ran.status, ran.err), (0, ""))
        titles = [line for line in ran.out.splitlines() if line.startswith("[")]
        self.assertEqual(titles[0], "[1/7] checking the tools")
        self.assertEqual(titles[6], "[7/7] running the short KVM selftests on the kernel in QEMU")
        self.assertEqual(self.called(), GOALS["quick"].split())
        self.assertNotIn("done in", ran.out)

    def test_how_long_it_took(self) -> None:
        self.assertIn("      done in 0:02\n", self.steps("test-host", SLOW="test-host").out)

    def test_one_that_breaks_ends_it_and_is_counted(self) -> None:
        ran = self.steps("run", BROKEN="kernel")
        self.assertEqual((ran.status, ran.err),
                         (1, "kernel failed; the remaining steps are not run\n"))
        self.assertEqual(self.called(), f"{TREE} kernel".split())
        self.assertEqual(self.count("kernel"), "0 1 0\n")

    def test_after_the_last_one_there_is_nothing_to_leave_out(self) -> None:
        ran = self.steps("run", RED="run")
        self.assertEqual((ran.status, ran.err, self.count("run")), (1, "", "1 2 0\n"))

    def test_a_count_of_another_run_does_not_stand_for_it(self) -> None:
        self.steps("test-host", RED="test-host")
        for what, count in (("RED", "1 2 0\n"), ("BROKEN", "0 1 0\n")):
            ran = self.steps("test-host", **{what: "test-host"})
            self.assertEqual((ran.status, self.count("test-host")), (1, count))

    def test_failed_tests_do_not_end_make_test(self) -> None:
        self.steps("test-host", RED="test-host")
        (self.out / "results/old.count").write_text("7 0 0\n", encoding="utf-8")
        (self.out / "results/lint.count").write_text("7 0 0\n", encoding="utf-8")
        (self.out / "results/debug").mkdir()
        (self.out / "results/debug/vm.count").write_text("7 0 0\n", encoding="utf-8")
        ran = self.steps("test", RED="kunit matrix")
        self.assertEqual((ran.status, self.count("old"), self.count("lint")), (1, "", "7 0 0\n"))
        self.assertEqual(self.called()[2:], [f"{one} brief" for name in GOALS["test"].split()
                                             for one in CALLED.get(name, (name,))])
        self.assertEqual(ran.out.splitlines()[-1], "2 passed, 4 failed, 0 skipped")
        # Those that gave none
        self.assertIn("test-host gave no count: it did not finish", ran.err)
        self.assertEqual(self.count("debug/vm"), "")

    def test_the_debug_kernel_is_tested_and_counted_alone(self) -> None:
        self.steps("test-host", RED="test-host")
        (self.out / "results/debug").mkdir()
        (self.out / "results/debug/old.count").write_text("7 0 0\n", encoding="utf-8")
        ran = self.steps("test-debug", RED="debug-kunit debug-run")
        self.assertEqual(self.called()[2:], [f"{one} brief" for one in GOALS["test-debug"].split()])
        self.assertEqual((ran.status, self.count("test-host"), self.count("debug/old")),
                         (1, "1 2 0\n", ""))
        self.assertEqual(ran.out.splitlines()[-1], "2 passed, 4 failed, 0 skipped")
        self.assertIn("debug/vm gave no count: it did not finish", ran.err)
        self.assertNotIn("test-host", ran.err)

    def test_a_step_that_breaks_ends_make_test_with_a_sum(self) -> None:
        ran = self.steps("test-debug", BROKEN="debug-kernel")
        self.assertEqual(self.called()[-1], "debug-kernel brief")
        self.assertIn("debug-kernel failed; the remaining steps are not run", ran.err)
        self.assertEqual((ran.status, self.count("debug-kernel")), (1, "0 1 0\n"))
        self.assertEqual(ran.out.splitlines()[-1], "0 passed, 1 failed, 0 skipped")

    def test_a_good_sum_does_not_hide_a_step_that_failed(self) -> None:
        total = self.repo / "scripts/total.sh"
        total.write_text("#!/bin/bash\necho sum\n", encoding="utf-8")
        self.assertEqual(self.steps("test").status, 0)
        for what in ("RED", "BROKEN"):
            ran = self.steps("test", **{what: "kunit"})
            self.assertEqual((ran.status, ran.out.splitlines()[-1]), (1, "sum"))

    def test_one_alone(self) -> None:
        ran = self.steps("--only", "run", CONFIG="cfi")
        self.assertEqual((ran.status, ran.out, self.called()), (0, "", ["cfi-run"]))
        self.assertEqual(self.steps("--only", "run", BROKEN="run").status, 1)

    def test_a_goal_that_is_none(self) -> None:
        for words in (("tset",), ("--only", "tset"), ("--only", "test")):
            ran = self.steps(*words)
            self.assertEqual(ran.status, 2)
            self.assertIn(f"there is no step '{words[-1]}'", ran.err)

    def refused(self, *words: str, said: str, **changes: str) -> None:
        ran = self.steps(*words, **changes)
        self.assertEqual((ran.status, self.called()), (1, []))
        self.assertIn(said, ran.err)
        self.assertEqual(len(ran.err.splitlines()), 1, ran.err)

    def test_a_mistake_is_found_before_the_first_step(self) -> None:
        self.refused("run", TESTS="hypercall",
                     said="steps.sh: error: TESTS: no test 'hypercall'; the tests are: get-reg-")
        self.refused("quick", TESTS="fault_alloc", said="needs the debug kernel: CONFIG=debug")
        self.refused("bench", BASE="/etc/os-release", said="is not JSON")
        for changes, said in (
                ({"MODE": "vhe", "CPU": "cortex-a72"}, "MODE=vhe: cortex-a72 is Armv8.0 and has no "
                 "VHE; good values with it: nvhe, protected"),
                ({"MODE": "nested", "CPU": "a64fx"}, "MODE=nested: a64fx has no nested "
                 "virtualization in QEMU; good value with it: CPU=max"),
                ({"MODE": "protected", "GIC": "2"}, "MODE=protected needs GIC=3"),
                ({"MODE": "nested", "GIC": "2"}, "MODE=nested needs GIC=3")):
            self.refused("kernel", said=f"steps.sh: error: {said}", **changes)
        for name, row in (("tests", "x | - | never | -"), ("machines", "max | 5 | vhe"),
                          ("skips", "a b")):
            path = self.repo / "scripts/vm" / name
            text = path.read_text(encoding="utf-8")
            path.write_text(f"{text}{row}\n", encoding="utf-8")
            number = len(text.splitlines()) + 1
            self.refused("run", said=f"/scripts/vm/{name}:{number}: ")
            path.write_text(text, encoding="utf-8")
        # It selects mutants in another goal.
        self.assertEqual(self.steps("mutants", TESTS="M1").status, 0)

    def test_a_second_one_waits(self) -> None:
        self.out.mkdir()
        (self.out / ".kvm-arm64-rust").touch()
        with (self.out / "lock").open("w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            child = self.start("scripts/steps.sh", "test-host", repo=self.repo)
            assert child.stdout
            self.assertIn(f"waiting for another make, which holds {self.out}/lock",
                          child.stdout.readline())
            self.assertEqual(self.called(), [])
        self.assertEqual((child.communicate(timeout=60)[1], child.returncode), (None, 0))
        self.assertEqual(self.called(), ["setup", "test-host"])

    def test_the_guest_of_make_boot_holds_no_lock(self) -> None:
        ran = self.steps("boot", BUSY="kernel boot")
        self.assertIn("kernel: locked", ran.out)
        self.assertNotIn("boot: locked", ran.out)

    def test_ctrl_c_is_reported_once_and_after_the_step_has_ended(self) -> None:
        child = self.start("scripts/steps.sh", "run", repo=self.repo, HANGING="kernel")
        while not (self.dir / "tmp/hanging").exists():
            self.assertIsNone(child.poll(), "it ended by itself")
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGINT)
        output, _ = child.communicate(timeout=60)
        self.assertEqual(child.returncode, -signal.SIGINT, output)
        said = "steps.sh: interrupted; completed work is kept, and the same command continues "
        self.assertEqual(output.count(said), 1, output)
        self.assertLess(output.index("kernel ended"), output.index(said))
        self.assertEqual(self.called()[-1], "kernel")
        self.assertEqual(subprocess.run(["flock", "-n", self.out / "lock", "true"],
                                        check=False).returncode, 0)

    def test_without_python_the_tools_are_installed_first(self) -> None:
        script, python = self.repo / "scripts/steps.sh", self.dir / "python3"
        script.write_text(script.read_text(encoding="utf-8").replace("/usr/bin/python3",
                                                                     str(python)), encoding="utf-8")
        setup = self.repo / "scripts/setup.sh"
        ran = self.steps("test-host", BROKEN="setup")
        self.assertEqual((ran.status, self.count("setup")), (1, "0 1 0\n"))
        setup.write_text(f"{STEP.replace('LIB', 'lib.sh')}ln -sf /usr/bin/python3 {python}\n",
                         encoding="utf-8")
        ran = self.steps("test-host")
        self.assertEqual((ran.status, self.called()[1:]), (0, ["setup", "setup", "test-host"]), ran)
        self.assertIn("installing the tools first", ran.out.splitlines()[0])


if __name__ == "__main__":
    unittest.main()
