# SPDX-License-Identifier: GPL-2.0
"""What `make test` does with a real VMM, and what it finds wrong."""

import unittest
from pathlib import Path

from vmm import tour
from vmm.boots import Parts
from vmm.test_guests import NEW

HEAD = "surface c rust mismatches unjudged\n"


def uart(n: int, booted: int) -> str:
    low, high = 10 * n, 10 * n + 5
    return (booted * NEW + f"counts {low} {low}\nend\nview 1\nend\noff 1\nend\n"
            f"counts {high} {high}\nend\n")


def files() -> dict[str, bytes]:
    """As a good kernel leaves them."""
    found: dict[str, bytes] = {}
    for guest in ("probe", "debian"):
        for n, mode in enumerate(tour.MODES):
            c = 5 * ("c" in tour.SERVING[mode])
            rust = 5 * ("rust" in tour.SERVING[mode])
            booted = 0 if n else 4 if guest == "debian" else 1
            found |= {f"{guest}/{n}-{mode}/{name}": text.encode() for name, text in (
                ("uart", uart(n, booted)), ("status", "0\n"), ("said", ""),
                ("before", f"{HEAD}smccc 1 1 0 0\nfw_reg 0 0 0 0\n"),
                ("stats", f"{HEAD}smccc {1 + c} {1 + rust} 0 0\nfw_reg 0 0 0 0\n"))}
    return found


def small_files() -> dict[str, bytes]:
    """What the small VMM leaves on a good kernel."""
    found = {"small/saved/uart": uart(0, 1), "small/saved/status": "0\n", "small/saved/said": ""}
    for mode in tour.SMALL_MODES:
        for way in tour.WAYS:
            place = f"small/{mode}-{way}"
            as_set = way == "set"
            said = "kvmfit-vmm: 38 registers were set as a set\n" if as_set else ""
            names = tour.DAMAGED if as_set else tour.DAMAGED[:1]
            found |= {f"{place}/uart": uart(1, 0), f"{place}/status": "0\n", f"{place}/said": said,
                      f"{place}-damaged/uart": "", f"{place}-damaged/status": "1\n",
                      f"{place}-damaged/said": f"kvmfit-vmm: {' '.join(names)}\n"}
    found |= {"example/uart": "257 registers, as a set\nPSCI 1.4: 0x3 would be taken\n",
              "example/said": "", "example/status": "0\n"}
    return {name: text.encode() for name, text in found.items()}


class Small(unittest.TestCase):
    def problems(self, name: str = "", text: str = "") -> list[str]:
        changed = small_files() | ({name: text.encode()} if name else {})
        return [f"{verdict.what}: {problem}" for verdict in tour.judge_small(changed)
                for problem in verdict.problems]

    def test_a_good_kernel(self) -> None:
        self.assertEqual(self.problems(), [])
        self.assertEqual(len(tour.judge_small(small_files())), 14)

    def test_each_mistake(self) -> None:
        for words, name, text in (
                ("saves a guest: the guest: 0 answers", "small/saved/uart", ""),
                ("saves a guest: timeout", "small/saved/problem", "timeout: run\n"),
                ("resumed in mode rust by way of set: it ended with 1", "small/rust-set/status",
                 "1\n"),
                ("resumed in mode rust by way of set: it was written another way",
                 "small/rust-set/said", ""),
                ("resumed in mode c by way of registers: it was written another way",
                 "small/c-registers/said", f"3 {tour.AS_SET}"),
                ("the count went back", "small/check-set/uart", uart(0, 0).replace("0 0", "1 1")),
                ("+ view 2", "small/check-set/uart", uart(1, 0).replace("view 1", "view 2")),
                ("refused in mode rust by way of set: not named: KVM_REG_ARM_PSCI_VERSION",
                 "small/rust-set-damaged/said", tour.DAMAGED[0]),
                ("refused in mode c by way of registers: named: KVM_REG_ARM_PSCI_VERSION",
                 "small/c-registers-damaged/said", " ".join(tour.DAMAGED)),
                ("refused in mode c by way of set: it ended with 0", "small/c-set-damaged/status",
                 "0\n"),
                ("the example of the documentation restores a VM: it ended with 1",
                 "example/status", "1\n"),
                ("restores a VM: it ended with 0", "example/uart", "one by one")):
            with self.subTest(words):
                self.assertIn(words, "; ".join(self.problems(name, text)))

    def test_a_kernel_that_leaves_nothing(self) -> None:
        self.assertTrue(all(verdict.problems for verdict in tour.judge_small({})))


class Judging(unittest.TestCase):
    def problems(self, **changes: bytes) -> list[str]:
        changed = files() | {name.replace("__", "/").replace("_", "-"): data
                             for name, data in changes.items()}
        return [f"{verdict.what}: {problem}" for verdict in tour.judge(changed)
                for problem in verdict.problems]

    def test_a_good_kernel(self) -> None:
        self.assertEqual(self.problems(), [])
        self.assertEqual([verdict.what for verdict in tour.judge(files())][4:], [
            "debian boots, reboots 3 times in mode c", "debian moves from c to rust",
            "debian moves from rust to check", "debian moves from check to c"])

    def test_each_mistake_of_a_kernel(self) -> None:
        for words, name, data in (
                ("debian boots, reboots 3 times in mode c: the guest: 6 answers instead of 8",
                 "debian__0_c__uart", uart(0, 2)),
                ("- view 1", "probe__2_check__uart", uart(2, 0).replace("view 1", "view 2")),
                ("+ view 2", "probe__2_check__uart", uart(2, 0).replace("view 1", "view 2")),
                ("went back", "probe__1_rust__uart", uart(0, 0)),
                ("QEMU ended with 1: load failed", "probe__1_rust__status", "1\n"),
                ("5 hypercalls were served by c in mode rust", "probe__1_rust__stats",
                 f"{HEAD}smccc 6 6 0 0\n"),
                ("0 hypercalls were served by rust in mode check", "probe__2_check__stats",
                 f"{HEAD}smccc 6 1 0 0\n"),
                ("C and Rust differ in 3 calls of fw_reg", "probe__2_check__stats",
                 f"{HEAD}smccc 6 6 0 0\nfw_reg 1 1 3 0\n"),
                ("not readable", "probe__2_check__stats", ""),
                ("timeout", "debian__3_c__problem", "timeout: runs\n")):
            changes = {name: data.encode()}
            if words.startswith("QEMU"):
                changes["probe__1_rust__said"] = b"load failed\n"
            found = "; ".join(self.problems(**changes))
            self.assertIn(words, found)

    def test_a_kernel_that_leaves_nothing(self) -> None:
        self.assertTrue(all(verdict.problems for verdict in tour.judge({})))

    def test_tap(self) -> None:
        lines = tour.tap([tour.Verdict("a", ()), tour.Verdict("b", ("x # y", "z"))])
        self.assertEqual(lines[1:], ["1..2", "ok 1 - a", "not ok 2 - b: x  y; z"])

    def test_the_job(self) -> None:
        parts = Parts(*map(Path, ("busybox", "kvmfit", "vmms", "small", "probe", "debian", "initrd", "api",
                                  "example")))
        script = tour.job(Path("Image"), parts).script
        for guest in ("probe", "debian"):
            self.assertIn(f"\ntour {guest} qemu-10 3 {guest} c rust check c\n", script)
        self.assertIn("\nsmall_tour small 3 rust check c\n", script)
        self.assertIn("\n/vmm/example >example/uart", script)


if __name__ == "__main__":
    unittest.main()
