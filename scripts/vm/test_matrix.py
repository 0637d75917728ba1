# SPDX-License-Identifier: GPL-2.0
"""Which boots there are, and which tests run in each."""

import unittest
from collections import Counter

from vm import matrix
from vm.matrix import (ABI_MODES, HOST_STATES, MAIN, MULTI, RACING, SINGLE, TABLE, TEST_NAMES,
                       BadSelection, Boot, Config, Options)

BASE_TESTS = matrix.check_tests(None, debug=False)


def everything() -> list[Boot]:
    return matrix.boots(TABLE + HOST_STATES, ABI_MODES, BASE_TESTS)


class Boots(unittest.TestCase):
    def test_no_two_boots_write_the_same_files(self) -> None:
        slugs = Counter(boot.slug for boot in everything())
        self.assertEqual([slug for slug, n in slugs.items() if n > 1], [])

    def test_each_test_runs_once_on_a_machine_in_check(self) -> None:
        for config in TABLE:
            ran = Counter(test for boot in everything() for test in boot.tests
                          if boot.config == config and boot.abi == "check")
            here = {t for t in BASE_TESTS if "check" in matrix.ONLY_IN[t]}
            self.assertEqual(ran, Counter(here), config.name)

    def test_tests_that_race_run_in_a_separate_boot_with_threads(self) -> None:
        for boot in everything():
            racing = RACING.intersection(boot.tests)
            self.assertEqual(racing, set(boot.tests) if boot.threads == MULTI else set(), boot.name)

    def test_a_single_test_that_races_needs_only_one_boot(self) -> None:
        found = matrix.boots(MAIN[:1], ("check",), ("abi_flip",))
        self.assertEqual([boot.threads for boot in found], [MULTI])

    def test_each_mode_runs_on_a_machine_with_a_gicv2_and_one_with_a_gicv3(self) -> None:
        for abi in ABI_MODES:
            gics = {boot.config.gic for boot in everything() if boot.abi == abi and boot.tests
                    and boot.config in MAIN}
            self.assertEqual(gics, {2, 3})

    def test_mode_rust_counts_nowhere_on_the_main_machines(self) -> None:
        for boot in everything():
            self.assertEqual(boot.counted, boot.abi != "rust" or boot.config not in MAIN)
            self.assertIn(f"kvm-arm.abi_count={int(boot.counted)}", boot.kernel_params)

    def test_an_invalid_mode_of_a_host_state_is_not_overridden(self) -> None:
        bad = [boot for boot in everything()
               if boot.config.params.split("=")[0] == "kvm-arm.abi"]
        self.assertEqual(len(bad), 2)
        for boot in bad:
            self.assertNotIn("kvm-arm.abi=", boot.kernel_params)
            self.assertEqual((boot.abi, boot.tests), ("rust", ("kvm-uuid",)))

    def test_another_parameter_of_a_host_state_leaves_the_mode(self) -> None:
        boots = [boot for boot in everything() if "kvm-arm.abi_opt_in=0" in boot.config.params]
        self.assertTrue(boots)
        for boot in boots:
            self.assertIn(f"kvm-arm.abi={boot.abi} ", boot.kernel_params)

    def test_a_mode_by_default_is_not_asked_for(self) -> None:
        for abi in ABI_MODES:
            boot = Boot(MAIN[0], abi, ("hypercalls",), by_default=True)
            self.assertEqual((boot.kernel_params, boot.counted), ("", False))
            self.assertEqual(boot.name, f"neoverse-n1 GICv3 vhe {abi} (default)")
            self.assertEqual(boot.slug, f"neoverse-n1-gicv3-vhe-{abi}-default")

    def test_without_kvm_there_is_a_boot_and_no_test(self) -> None:
        bare = [boot for boot in everything() if boot.config.expected_kvm is None]
        self.assertEqual({(boot.config.kvm, boot.tests) for boot in bare},
                         {("none", ()), ("no-el2", ())})
        named = matrix.boots(TABLE + HOST_STATES, ABI_MODES, ("hypercalls",), bare=False)
        self.assertTrue(all(boot.tests for boot in named))

    def test_tests_that_keep_the_mode_come_first(self) -> None:
        boot = Boot(MAIN[0], "check", ("hypercalls", "abi_roundtrip", "psci_test"))
        self.assertEqual(boot.order, "hypercalls,psci_test abi_roundtrip")
        self.assertEqual(Boot(MAIN[0], "check", ("hypercalls",)).order, "hypercalls -")
        self.assertEqual(Boot(MAIN[0], "check", ()).order, "- -")

    def test_options_go_to_the_tests_that_take_them(self) -> None:
        boot = Boot(MAIN[0], "check", ("abi_flip", "fault_kill", "abi_fuzz"),
                    Options(7, "0x123"), MULTI)
        self.assertEqual(boot.order, "- abi_flip,fault_kill,abi_fuzz fault_kill=-s,0x123 "
                                     "abi_fuzz=-t,7,-s,0x123")


class Selection(unittest.TestCase):
    def test_only_the_main_machines(self) -> None:
        self.assertEqual(matrix.select(None, None, None, main=True), MAIN)
        found = matrix.boots(MAIN, ABI_MODES, BASE_TESTS)
        self.assertEqual(set(matrix.left_out(found)),
                         {c.name for c in TABLE + HOST_STATES if c not in MAIN})

    def test_a_run_of_everything_leaves_nothing_out(self) -> None:
        self.assertEqual(matrix.left_out(everything()), ())

    def test_a_host_state_runs_what_it_names_in_its_modes(self) -> None:
        found = {(boot.config.params, boot.abi): boot.tests for boot in everything()}
        self.assertEqual(found["kvm-arm.compat=6.12", "rust"], ("compat_boot",))
        self.assertEqual(found["kvm-arm.compat=6.1", "check"], ("compat_boot",))

    def test_a_selected_machine_comes_with_its_host_states(self) -> None:
        found = matrix.select("neoverse-n1", None, None, main=True)
        self.assertEqual({c.cpu for c in found}, {"neoverse-n1"})
        self.assertTrue(set(found) & set(HOST_STATES))

    def test_a_machine_that_is_not_in_the_table(self) -> None:
        self.assertEqual(matrix.select("cortex-a76", 2, "nvhe"),
                         (Config("cortex-a76", 2, "nvhe"),))

    def test_an_impossible_machine(self) -> None:
        for cpu, gic, mode in (("cortex-a72", None, "vhe"), ("a64fx", None, "nested"),
                               ("max", 2, "protected")):
            with self.assertRaises(BadSelection):
                matrix.select(cpu, gic, mode)

    def test_a_misspelt_test(self) -> None:
        with self.assertRaisesRegex(BadSelection, "no test 'hypercall'"):
            matrix.check_tests("hypercall")
        with self.assertRaisesRegex(BadSelection, "debug"):
            matrix.check_tests("fault_alloc", debug=False)
        self.assertEqual(matrix.check_tests("arm64/psci_test, hypercalls"),
                         ("hypercalls", "psci_test"))

    def test_kunit_runs_on_each_cpu_and_gic_and_with_nested_virtualization(self) -> None:
        found = matrix.kunit_machines(TABLE + HOST_STATES)
        kinds = Counter((c.cpu, c.gic, c.kvm == "nested") for c in found)
        self.assertEqual(set(kinds.values()), {1})
        self.assertIn(("max", 3, True), kinds)
        self.assertIn(("max", 3, False), kinds)
        self.assertIn(("cortex-a53", 2, False), kinds)
        self.assertTrue(all(not c.params and c.expected_kvm for c in found))


class Brief(unittest.TestCase):
    def brief(self, debug: bool = False) -> list[Boot]:
        machines, modes = (MAIN, matrix.DEBUG_MODES) if debug else (TABLE + HOST_STATES, ABI_MODES)
        found = matrix.boots(machines, modes, matrix.check_tests(None, debug))
        return matrix.briefly(matrix.alone(found) if debug else found, debug)

    def test_each_configuration_is_booted(self) -> None:
        self.assertEqual(matrix.left_out(self.brief()), ())

    def test_each_test_runs_somewhere(self) -> None:
        there = {test for boot in self.brief() + self.brief(debug=True) for test in boot.tests}
        self.assertEqual(set(TEST_NAMES) - there, set())

    def test_long_tests_run_only_on_the_main_machines_and_where_they_are_named(self) -> None:
        for test in matrix.LONG:
            ran = {boot.config for boot in self.brief() if test in boot.tests}
            named = {config for config in HOST_STATES if test in (config.only or ())}
            self.assertEqual(ran, set(MAIN) | named, test)

    def test_main_machines_run_every_mode(self) -> None:
        for config in MAIN:
            modes = {boot.abi for boot in self.brief() if boot.config == config}
            self.assertEqual(modes, set(ABI_MODES))

    def test_on_the_debug_kernel_the_main_machines_run_mode_rust_too(self) -> None:
        rust = [boot for boot in self.brief(debug=True) if boot.abi == "rust"]
        self.assertEqual({boot.config for boot in rust}, set(MAIN))
        self.assertTrue(all(boot.tests and not boot.counted for boot in rust))

    def test_tests_that_need_the_debug_kernel_run_on_it(self) -> None:
        there = {test for boot in self.brief(debug=True) for test in boot.tests}
        self.assertEqual(matrix.DEBUG - there, set())


if __name__ == "__main__":
    unittest.main()
