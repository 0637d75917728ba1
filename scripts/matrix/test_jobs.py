# SPDX-License-Identifier: GPL-2.0
"""The two jobs: their scripts, run here with a program in place of kvmfit, and their results."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from kernels.boot import Result
from matrix import jobs
from matrix.jobs import Failed, Mutated, Programs
from matrix.machines import MACHINES, Kernel
from matrix.states import KINDS

# Writes down how it was called. A VM with SVE is refused, and so is the template of MIDR.
KVMFIT = """\
#!/bin/sh
echo "$*" >>"$CALLS"
case $* in
dump*)	[ -z "$BROKEN" ] || { echo "kvmfit: no /dev/kvm" >&2; exit 2; }
	echo dump >dump.json ;;
state*sve*|*templates/midr-changed*)
	echo "kvmfit: refused" >&2; exit 2 ;;
state*)	for last; do :; done; echo state >"$last" ;;
agree*)	echo '{"vms": '$5', "cannot_tell": 1, "disagree": 0, "as_set": '${SETS:-0}'}' ;;
check*--way*) echo "$*" ;;
check*)	shift 7; for file; do echo "{\\"file\\": \\"$file\\"}"; done; exit 1 ;;
esac
"""
N1, A72 = MACHINES[0], MACHINES[4]


class Scripts(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("bin", "out", "states", "templates"):
            (self.place / name).mkdir()
        program = self.place / "bin/kvmfit"
        program.write_text(KVMFIT, encoding="utf-8")
        program.chmod(0o755)
        self.calls = self.place / "calls"
        self.programs = Programs(program, program)
        self.kernel = Kernel("6.1", program, "a=b")

    def run_job(self, job: jobs.Job, **more: str) -> Result:
        """As init does, with the guest's paths below a directory."""
        for name, content in job.files.items():
            if isinstance(content, str):
                (self.place / name).write_text(content, encoding="utf-8")
        script = job.script
        for name in ("kinds", "templates", "states", "dump.json"):
            script = script.replace(f" /{name}", f" {self.place}/{name}")
            script = script.replace(f'"/{name}', f'"{self.place}/{name}')
            script = script.replace(f"</{name}", f"<{self.place}/{name}")
        done = subprocess.run(["sh", "-c", script], cwd=self.place / "out", check=False,
                              capture_output=True, env={
                                  **os.environ, "CALLS": str(self.calls), **more,
                                  "PATH": f"{self.place}/bin:/usr/bin:/bin"})
        self.assertEqual(done.stderr, b"")
        files = {str(path.relative_to(self.place / "out")): path.read_bytes()
                 for path in (self.place / "out").rglob("*") if path.is_file()}
        return Result(1.0, None, {**files, "status": str(done.returncode).encode()})

    def called(self) -> list[str]:
        return self.calls.read_text(encoding="utf-8").replace(f"{self.place}/", "/").splitlines()

    def test_a_host_is_measured_and_makes_each_state(self) -> None:
        job = jobs.measure(self.programs, self.kernel, A72)
        self.assertEqual((job.params, job.config, job.cpus), ("a=b", A72, 1))
        found = jobs.measured(self.run_job(job), self.kernel)
        self.assertEqual(found.dump, "dump\n")
        self.assertTrue(found.release)
        refused = {kind.name for kind in KINDS if "sve" in kind.features} | {"midr-changed"}
        self.assertEqual(set(found.states), {kind.name for kind in KINDS} - refused)
        self.assertEqual(found.lacks, dict.fromkeys(refused, "refused"))
        self.assertEqual(found.mutated, Mutated(200, 1))
        self.assertIn("agree --host dump.json --count 200 --seed 1", self.called())
        self.assertIn("state --features vgic_v2 --output states/default", self.called())
        self.assertIn("state --features pmu,vgic_v2 --output states/pmu", self.called())
        self.assertIn("state --features vgic_v2 --template /templates/psci-1.0 "
                      "--output states/psci-1.0", self.called())

    def test_a_kernel_is_given_as_many_vms_as_its_row_says(self) -> None:
        own = Kernel("rust", self.programs.busybox, mutated=2500)
        job = jobs.measure(self.programs, own, A72)
        found = jobs.measured(self.run_job(job, SETS="2500"), own)
        self.assertEqual(found.mutated, Mutated(2500, 1, 2500))
        self.assertIn("agree --host dump.json --count 2500 --seed 1", self.called())

    def test_a_host_that_cannot_be_measured(self) -> None:
        result = self.run_job(jobs.measure(self.programs, self.kernel, N1), BROKEN="y")
        self.assertEqual(result.status, jobs.NO_DUMP)
        with self.assertRaisesRegex(Failed, "no /dev/kvm"):
            jobs.measured(result, self.kernel)

    def test_each_state_is_checked_for_each_vmm(self) -> None:
        states = {}
        for name in ("a.json", "b.json"):
            states[name] = self.place / "states" / name
            states[name].touch()
        job = jobs.check(self.programs, self.kernel, N1, self.place / "x", states)
        self.assertEqual(job.files["states/a.json"], states["a.json"])
        found = jobs.checked(self.run_job(job), ["a.json", "b.json"], self.kernel)
        self.assertEqual([Path(answer["file"]).name for answer in found],
                         ["a.json", "b.json"] * 2)
        self.assertEqual([line.split()[6] for line in self.called()], list(jobs.VMMS))
        for line in self.called():
            self.assertTrue(line.startswith("check --json --quiet --host /dump.json --vmm "))
            self.assertTrue(line.endswith(" /states/a.json /states/b.json"))

    def test_this_kernel_is_asked_in_both_ways(self) -> None:
        states = {"a.json": self.place / "states/a.json"}
        states["a.json"].touch()
        for name, ways in (("c", ["registers", "set", "registers"]), ("6.1", [])):
            self.calls.unlink(missing_ok=True)
            kernel = Kernel(name, self.programs.busybox)
            self.run_job(jobs.check(self.programs, kernel, N1, self.place / "x", states))
            called = [line.split() for line in self.called() if " --way " in line]
            self.assertEqual([words[words.index("--way") + 1] for words in called], ways)

    def test_a_kernel_that_is_not_there(self) -> None:
        with self.assertRaisesRegex(Failed, "gone"):
            jobs.measure(self.programs, Kernel("6.1", "gone"), N1)


class Results(unittest.TestCase):
    stock, own = Kernel("6.12", "stock"), Kernel("c", "own")

    def answered(self, **files: str) -> Result:
        there = {"planned": '{"a": 1}\n', "planned.status": "1\n", "list-order": '{"a": 2}\n',
                 "list-order.status": "0\n", **files}
        return Result(1.0, None, {name: text.encode() for name, text in there.items()})

    def test_the_answers_of_all_vmms(self) -> None:
        found = jobs.checked(self.answered(), ["x"], self.stock)
        self.assertEqual(found, [{"a": 1}, {"a": 2}])

    def test_what_is_missing_fails(self) -> None:
        for files, words in (({"planned": ""}, "0 of 1 states"),
                             ({"planned.status": "2", "planned.err": "no room"}, "no room"),
                             ({"list-order": '{"a"'}, "list-order"),
                             ({"list-order.status": ""}, "list-order")):
            with self.assertRaisesRegex(Failed, words):
                jobs.checked(self.answered(**files), ["x"], self.stock)

    def test_both_ways_give_the_same_answers(self) -> None:
        def by(way: str, **more: object) -> str:
            return json.dumps({"file": "/states/x", "way": way, "fits": True, **more}) + "\n"

        good = {"planned": by("set", ioctls=1), "registers": by("registers", ioctls=2),
                "set.txt": "yes\n", "registers.txt": "yes\n"}
        self.assertEqual(len(jobs.checked(self.answered(**good), ["x"], self.own)), 2)
        # A stock kernel has one way.
        jobs.checked(self.answered(planned=by("registers")), ["x"], self.stock)
        for files, words in (
                ({"registers": by("registers", fits=False)}, "x has another answer as a set"),
                ({"registers": ""}, "answered for 0 of 1 states"),
                ({"registers": "{"}, "--way registers"),
                ({"planned": by("registers")}, "by way of set"),
                ({"registers": by("set"), "ways.err": "no set"}, "by way of registers: no set"),
                ({"set.txt": "no\n"}, "prints another text"),
                ({"set.txt": "", "registers.txt": ""}, "prints another text")):
            with self.assertRaisesRegex(Failed, words):
                jobs.checked(self.answered(**{**good, **files}), ["x"], self.own)

    def test_vms_that_were_changed(self) -> None:
        wrong = '{"changed": ["X"]}'
        counts = '{"vms": %d, "cannot_tell": %d, "disagree": %d, "as_set": %d}'
        for kernel, said, expected in (
                (self.stock, f"{wrong}\n{counts % (200, 0, 1, 0)}", Mutated(200, 0, 0, (wrong,))),
                (self.stock, counts % (200, 3, 0, 0), Mutated(200, 3)),
                (self.own, counts % (200, 0, 0, 200), Mutated(200, 0, 200))):
            result = self.answered(**{"dump.json": "{}", "mutated": said})
            self.assertEqual(jobs.measured(result, kernel).mutated, expected)
        # Nothing, too few, a line lost, no object, words of its own, and no set where one can be
        for kernel, said, error, words in (
                (self.stock, "", "", "agree printed ''"),
                (self.stock, counts % (199, 0, 0, 0), "", "199"),
                (self.stock, counts % (200, 0, 1, 0), "", '"disagree": 1'),
                (self.stock, "[]", "", r"\[\]"), (self.stock, "", "kvmfit: no room", "no room"),
                (self.own, counts % (200, 0, 0, 199), "", '"as_set": 199'),
                (self.stock, counts % (200, 0, 0, 1), "", '"as_set": 1')):
            result = self.answered(**{"dump.json": "{}", "mutated": said, "mutated.err": error})
            with self.assertRaisesRegex(Failed, words):
                jobs.measured(result, kernel)

    def test_a_boot_without_results_fails(self) -> None:
        hung = Result(900.0, "timeout: killed after 900 s", {})
        for read in (jobs.measured, lambda result, kernel: jobs.checked(result, [], kernel)):
            with self.assertRaisesRegex(Failed, "killed after 900 s"):
                read(hung, self.stock)

    def test_a_template_is_text_that_kvmfit_reads(self) -> None:
        job = jobs.measure(Programs(Path("a"), Path("b")), Kernel("6.1", Path("c")), N1)
        for kind in KINDS:
            self.assertEqual(f"templates/{kind.name}" in job.files, bool(kind.changes))
        self.assertTrue(json.loads(str(job.files["templates/midr-changed"])))


if __name__ == "__main__":
    unittest.main()
