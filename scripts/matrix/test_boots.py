# SPDX-License-Identifier: GPL-2.0
"""Which boots are made, what is kept of them, and what happens to those that fail."""

import contextlib
import io
import json
import tempfile
import unittest
import unittest.mock
from dataclasses import replace
from pathlib import Path

from matrix import boots, store
from matrix.boots import Boots, Place
from matrix.fake import NEW, OLD, FakeBoots, FakeKernel
from matrix.jobs import Programs
from matrix.machines import MACHINES, Kernel
from matrix.states import DEFAULT

N1, V1, _, _, A72, _ = MACHINES
MADE = {"default", "ssbs-hidden", "psci-1.0", "trng-off"}


class Booting(unittest.TestCase):
    def setUp(self) -> None:
        self.place = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("busybox", "kvmfit", "old", "new", "other"):
            (self.place / name).write_text(name, encoding="utf-8")
        self.fake = FakeBoots({"old": OLD, "new": NEW, "other": replace(NEW, release="7.2.0")})
        self.said = ""

    def kernel(self, image: str, name: str = "") -> Kernel:
        return Kernel(name or image, self.place / image)

    def run_all(self, *kernels: Kernel, machines: tuple = (N1,), qemu: str = "10") -> list[Place]:
        programs = Programs(self.place / "busybox", self.place / "kvmfit")
        runner = Boots(self.place / "out", programs, qemu, 2, self.fake)
        places = runner.places(machines, kernels)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            runner.all(places)
        self.said = said.getvalue()
        return places

    def booted(self) -> list[str]:
        """What was booted since the last call."""
        found, self.fake.booted = sorted(self.fake.booted), []
        return found

    def test_two_boots_each(self) -> None:
        old, new = self.run_all(self.kernel("old"), self.kernel("new"))
        self.assertEqual(self.booted(), [
            "neoverse-n1 new checked", "neoverse-n1 new measured",
            "neoverse-n1 old checked", "neoverse-n1 old measured"])
        assert old.measured and new.measured
        self.assertEqual(set(old.measured.states), MADE)
        # Each kernel answers for the states of both, and for each VMM.
        for place in (old, new):
            self.assertEqual(len(place.answers), 2 * len(MADE) * 2)
            for (name, vmm), answer in place.answers.items():
                self.assertEqual((answer["file"], answer["vmm"]), (name, vmm))

    def test_what_is_there_is_not_booted_again(self) -> None:
        first = self.run_all(self.kernel("old"), self.kernel("new"))
        self.booted()
        again = self.run_all(self.kernel("old"), self.kernel("new"))
        self.assertEqual(self.booted(), [])
        self.assertEqual([place.answers for place in again], [place.answers for place in first])
        self.assertEqual([place.measured for place in again],
                         [place.measured for place in first])

    def test_a_further_kernel_is_asked_of_all_and_all_of_it_alone(self) -> None:
        self.run_all(self.kernel("old"), self.kernel("new"))
        self.booted()
        asked: list[int] = []
        inner = self.fake.__class__.__call__

        def counting(fake: FakeBoots, job: object, *rest: object) -> object:
            states = [name for name in job.files if name.startswith("states/")]  # type: ignore
            asked.append(len(states))
            return inner(fake, job, *rest)  # type: ignore[arg-type]

        with unittest.mock.patch.object(FakeBoots, "__call__", counting):
            places = self.run_all(self.kernel("old"), self.kernel("new"),
                                  self.kernel("other"))
        self.assertEqual(len(self.booted()), 4)
        # other: measured and asked for three times four; old and new only for the new four
        self.assertEqual(sorted(asked), [0, len(MADE), len(MADE), 3 * len(MADE)])
        self.assertEqual({len(place.answers) for place in places}, {3 * len(MADE) * 2})

    def test_equal_states_are_asked_for_once(self) -> None:
        self.fake.known["other"] = NEW
        self.run_all(self.kernel("old"), self.kernel("new"))
        self.booted()
        self.run_all(self.kernel("old"), self.kernel("new"), self.kernel("other"))
        self.assertEqual(self.booted(), ["neoverse-n1 other checked", "neoverse-n1 other measured"])

    def test_what_a_result_depends_on_makes_it_stale(self) -> None:
        self.run_all(self.kernel("old"))
        for change in ("old", "kvmfit", "busybox"):
            self.booted()
            (self.place / change).write_text("changed", encoding="utf-8")
            store.file_digest.cache_clear()
            self.run_all(self.kernel("old"))
            self.assertEqual(len(self.booted()), 2, change)
        self.run_all(self.kernel("old"), qemu="11")
        self.assertEqual(len(self.booted()), 2)

    def test_what_is_not_whole_is_booted_again(self) -> None:
        self.run_all(self.kernel("old"))
        here = self.place / "out" / N1.slug / "old"
        state = next((self.place / "out/states").iterdir())
        for damage in (lambda: (here / "measured.json").write_text('{"key"', encoding="utf-8"),
                       lambda: (here / "dump.json").unlink(), state.unlink):
            self.booted()
            damage()
            self.run_all(self.kernel("old"))
            self.assertIn("neoverse-n1 old measured", self.booted())
        (here / "answers.json").write_text("[]", encoding="utf-8")
        self.run_all(self.kernel("old"))
        self.assertEqual(self.booted(), ["neoverse-n1 old checked"])

    def test_a_kernel_that_fails_is_named_and_the_others_go_on(self) -> None:
        self.fake.known["old"] = FakeKernel("6.12", {}, hangs=True)
        self.fake.known["other"] = FakeKernel("6.12", {}, broken="kvmfit: there is no /dev/kvm")
        old, new, other = self.run_all(self.kernel("old"), self.kernel("new"),
                                       self.kernel("other"))
        self.assertIn("timeout: killed after", old.problem)
        self.assertEqual(other.problem, "kvmfit: there is no /dev/kvm")
        self.assertEqual((new.problem, len(new.answers)), ("", 2 * len(MADE)))
        for words in ("neoverse-n1 GICv3 vhe, old: timeout", "other: kvmfit: there is no"):
            self.assertIn(words, self.said)
        self.assertNotIn("neoverse-n1 old checked", self.booted())

    def test_a_failure_is_not_kept(self) -> None:
        self.fake.known["old"] = FakeKernel("6.12", {}, hangs=True)
        self.run_all(self.kernel("old"))
        self.fake.known["old"] = OLD
        old, = self.run_all(self.kernel("old"))
        self.assertTrue(old.measured and old.answers)

    def test_between_cpus_only_new_vms_move(self) -> None:
        n1, v1, a72 = self.run_all(self.kernel("old"), machines=(N1, V1, A72))
        for place, other in ((n1, "neoverse-v1"), (v1, "neoverse-n1")):
            there = {name for name, _ in place.answers if name.startswith(other)}
            self.assertEqual([name.split("+")[2] for name in there], [f"{DEFAULT}.json"])
        self.assertEqual({name.split("-gic")[0] for name, _ in a72.answers}, {"cortex-a72"})

    def test_an_interruption_keeps_what_is_finished(self) -> None:
        def interrupted(job: object, place: Path, name: str, timeout: float) -> object:
            if name == "checked":
                raise KeyboardInterrupt
            return self.fake(job, place, name, timeout)  # type: ignore[arg-type]

        programs = Programs(self.place / "busybox", self.place / "kvmfit")
        runner = Boots(self.place / "out", programs, "10", 1, interrupted)  # type: ignore[arg-type]
        with unittest.mock.patch.object(boots.qemu, "stop_all") as stopped, \
                contextlib.redirect_stdout(io.StringIO()), self.assertRaises(KeyboardInterrupt):
            runner.all(runner.places((N1,), (self.kernel("old"),)))
        stopped.assert_called_once()
        self.booted()
        self.run_all(self.kernel("old"))
        self.assertEqual(self.booted(), ["neoverse-n1 old checked"])


class Keys(unittest.TestCase):
    def test_texts_do_not_run_into_each_other(self) -> None:
        self.assertNotEqual(store.digest("ab", "c"), store.digest("a", "bc"))

    def test_a_file_is_replaced_as_a_whole(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place, "a/b.json")
            store.write(path, "1")
            store.write(path, json.dumps([2]))
            self.assertEqual([one.name for one in path.parent.iterdir()], ["b.json"])
            self.assertEqual(path.read_text(encoding="utf-8"), "[2]")


if __name__ == "__main__":
    unittest.main()
