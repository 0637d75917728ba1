# SPDX-License-Identifier: GPL-2.0
"""Checking the counters of made-up guests in each mode."""

import unittest

from vm import rules
from vm.console import Calls
from vm.fake import FLOORS, Case, Guest, failed, guest, judged, passed
from vm.judge import BOOT
from vm.matrix import MAIN, TABLE, Boot
from vm.rules import Floors

V3, V2, N1, A72 = TABLE[:4]


class Counters(Case):
    def test_wrong_mode(self) -> None:
        for when in ("before", "after"):
            one = guest()
            one.notes = [f"# vm: mode {when} check"]
            written = one.results().replace(f"mode {when} check", f"mode {when} c")
            one.results = lambda text=written: text  # type: ignore[method-assign,misc]
            self.boot_fails(judged(one), f"mode is c {when} the tests, not check")

    def test_another_default_mode(self) -> None:
        for abi in ("c", "check"):
            one = Guest(Boot(N1, abi, ("hypercalls",), by_default=True),
                        said={"hypercalls": passed("a", "b")})
            self.good(judged(one))
            one.notes = ["# vm: mode before rust"]
            self.boot_fails(judged(one), f"mode is rust before the tests, not {abi}")

    def test_a_mismatch_at_any_time(self) -> None:
        for when in ("before", "after", "last"):
            with self.subTest(when):
                one = guest()
                one.put(when, "smccc", Calls(10, 10, 2))
                result = judged(one)
                self.assertIn("2 mismatches between C and Rust on smccc",
                              self.verdict(result, BOOT).reason)
        one = guest(N1, "rust")
        one.put("probe", "smccc", Calls(0, 10, 1))
        self.assertIn("1 mismatches", self.verdict(judged(one), BOOT).reason)

    def test_the_wrong_side_serves(self) -> None:
        for abi, calls, words in (("c", Calls(10, 1), "1 calls of id_reg served by rust"),
                                  ("rust", Calls(4, 9), "4 calls of id_reg served by c")):
            one = guest(V2, abi)
            one.put("after", "id_reg", calls)
            self.boot_fails(judged(one), f"{words} in mode {abi}")

    def test_a_called_surface_must_be_served_by_each_side_of_the_mode(self) -> None:
        for abi, calls, side in (("c", Calls(0, 0), "c"), ("rust", Calls(0, 0), "rust"),
                                 ("check", Calls(0, 10), "c"), ("check", Calls(10, 0), "rust")):
            with self.subTest(abi, side=side):
                one = guest(V2, abi)
                one.put("after", "fw_reg", calls)
                self.boot_fails(judged(one), f"no call of fw_reg served by {side} in mode {abi}")

    def test_one_call_is_enough(self) -> None:
        one = guest(V2, "rust")
        one.put("after", "fw_reg", Calls(0, 1))
        self.good(judged(one))

    def test_the_last_mode_may_be_any(self) -> None:
        one = guest()
        written = one.results().replace("mode last check", "mode last c")
        one.results = lambda: written  # type: ignore[method-assign]
        self.good(judged(one))

    def test_a_surface_that_no_test_called_need_not_be_served(self) -> None:
        one = guest(V2, "rust", psci_test=passed("a"))
        one.put("after", "fw_reg", Calls())
        self.good(judged(one))
        one = guest(V2, "rust", hypercalls=failed("no"))
        one.put("after", "fw_reg", Calls())
        self.assertEqual([v.name for v in judged(one).failed], ["hypercalls"])

    def test_calls_before_the_tests_do_not_count(self) -> None:
        one = guest(V2, "rust")
        one.put("before", "id_reg", Calls(7, 10))
        one.put("after", "id_reg", Calls(7, 20))
        self.good(judged(one))

    def test_both_sides_must_serve_calls_of_tests_that_flip(self) -> None:
        one = guest(abi_flip=passed("a"))
        self.good(judged(one))
        one.stats["last"] = dict(one.stats["after"])
        one.put("last", "smccc", Calls(11, 11))
        self.good(judged(one))
        for side in ("c", "rust"):
            one.stats["last"] = {name: Calls(calls.c + 5 * (side == "c"),
                                             calls.rust + 5 * (side == "rust"))
                                 for name, calls in one.stats["after"].items()}
            self.boot_fails(judged(one), "abi_flip passed, but not both sides served calls")

    def test_a_boot_without_counting_is_probed(self) -> None:
        for config in MAIN:
            with self.subTest(config.name):
                one = guest(config, "rust")
                self.good(judged(one))
                del one.stats["probe0"], one.stats["probe"]
                self.boot_fails(judged(one), "the surfaces were not probed before the tests")

    def test_a_boot_with_counting_may_be_probed_too(self) -> None:
        one = guest(V2, "rust")
        one.stats["probe0"] = one.stats["before"]
        one.stats["probe"] = dict(one.stats["after"])
        one.put("probe", "smccc", Calls(1, 10))
        self.boot_fails(judged(one), "1 calls of smccc served by c in mode rust (probe)")

    def test_half_a_probe(self) -> None:
        one = guest(A72, "rust")
        del one.stats["probe0"]
        self.assertIn("(probe0)", self.verdict(judged(one), BOOT).reason)

    def test_the_probe_finds_calls_served_by_c_in_mode_rust(self) -> None:
        for surface in rules.SURFACES:
            with self.subTest(surface):
                one = guest(A72, "rust")
                one.put("probe", surface, Calls(0, 0))
                self.boot_fails(judged(one), f"no call of {surface} served by rust in mode rust")
                one.put("probe", surface, Calls(3, 10))
                self.boot_fails(judged(one),
                                f"3 calls of {surface} served by c in mode rust (probe)")

    def test_the_probe_of_a_gicv3_host_need_not_call_the_gicv2_surface(self) -> None:
        one = guest(N1, "rust")
        one.put("probe", "vgic_v2", Calls())
        self.good(judged(one))
        one.put("probe", "id_reg", Calls())
        self.boot_fails(judged(one), "no call of id_reg served by rust in mode rust (probe)")

    def test_a_boot_without_counting_counts_nothing(self) -> None:
        one = guest(N1, "rust")
        one.put("after", "smccc", Calls(0, 11))
        self.boot_fails(judged(one), "calls of smccc were counted")
        one.put("after", "smccc", Calls(1, 10))
        self.boot_fails(judged(one), "calls of smccc were counted")

    def test_too_many_calls_that_were_not_judged(self) -> None:
        one = guest()
        for name in rules.SURFACES:
            one.put("last", name, Calls(1000, 1000, 0, 0))
        # The ceiling: 1 % of the calls that both sides served, plus three.
        one.put("last", "smccc", Calls(1000, 700, 0, 10))
        self.good(judged(one))
        one.put("last", "smccc", Calls(1000, 700, 0, 11))
        self.boot_fails(judged(one), "11 calls of smccc were not judged, at most 10 may be")
        del one.stats["last"]
        one.put("after", "smccc", Calls(1000, 700, 0, 11))
        self.assertIn("11 calls of smccc", self.verdict(judged(one), BOOT).reason)

    def test_surface_without_a_ceiling(self) -> None:
        one = guest()
        one.put("last", "smccc", Calls(1000, 1000, 0, 0))
        self.boot_fails(judged(one, floors=Floors(FLOORS.rows, {})),
                        "'unjudged | smccc | * | 1 % + 100'")

    def test_surfaces_that_only_rust_served(self) -> None:
        result = judged(guest(V2, "rust"))
        self.assertEqual(result.rust_alone, set(rules.SURFACES))
        self.assertEqual(judged(guest(A72, "rust")).rust_alone, set(rules.SURFACES))
        self.assertEqual(judged(guest(V2, "check")).rust_alone, set())
        one = guest(V2, "check")
        one.put("after", "smccc", Calls(0, 10))
        self.assertEqual(judged(one).rust_alone, set())
        one = guest(V2, "rust")
        one.put("after", "fw_reg", Calls(0, 1))
        one.put("after", "smccc", Calls(1, 10))
        one.put("after", "id_reg", Calls(0, 0))
        self.assertEqual(judged(one).rust_alone, set(rules.SURFACES) - {"smccc", "id_reg"})


if __name__ == "__main__":
    unittest.main()
