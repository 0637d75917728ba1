# SPDX-License-Identifier: GPL-2.0
"""Reading the kernel's log and the tests' output."""

import unittest

from vm import console
from vm.console import Calls
from vm.fake import assertion, tap

SPLATS = (
    "WARNING: CPU: 1 PID: 70 at arch/arm64/kvm/arm.c:620 kvm_vcpu_load_debug+0x78/0x90",
    "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:283",
    "BUG kmalloc-64 (Not tainted): Poison overwritten",
    "Kernel panic - not syncing: Attempted to kill init!",
    "Internal error: Oops - BUG: 00000000f2000800 [#1] SMP",
    "SError Interrupt on CPU0, code 0x00000000be000000 -- SError",
    "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000",
    "WARNING: possible circular locking dependency detected",
    "INFO: trying to register non-static key.",
    "INFO: lockdep is turned off.",
    "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 1-.... } 21 jiffies",
    "rcu: rcu_preempt kthread starved for 2100 jiffies! g1 f0x0",
    "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [psci_test:70]",
    "INFO: task psci_test:70 blocked for more than 61 seconds.",
    "INFO: task psci_test:70 blocked in I/O wait for more than 61 seconds.",
    "UBSAN: array-index-out-of-bounds in arch/arm64/kvm/arm.c:1:1",
    "BUG: KASAN: slab-out-of-bounds in kvm_arm_set_fw_reg+0x70/0x90",
    "BUG: KFENCE: use-after-free read in kvm_arm_set_fw_reg+0x70/0x90",
    "KFENCE: internal error",
    "pagealloc: memory corruption",
    "pagealloc: single bit error",
    "page dumped because: nonzero _refcount",
    "kmemleak: Kernel memory leak detector disabled",
    "kmemleak: Memory pool empty, consider increasing CONFIG_DEBUG_KMEMLEAK_MEM_POOL_SIZE",
    "kmemleak: Cannot allocate a kmemleak_object structure",
    "rust_kernel: panicked at arch/arm64/kvm/rust/lib.rs:1:1:",
    "kvm [1]: nVHE hyp panic at: [<ffff8000800a1b2c>] __kvm_nvhe_x+0x1/0x2!",
    "Initramfs unpacking failed: write error",
)
HARMLESS = (
    "kfence: initialized - using 2097152 bytes for 255 objects",
    "kasan: KernelAddressSanitizer initialized (generic)",
    "kmemleak: Kernel memory leak detector initialized (mem pool available: 15868)",
    "kmemleak: Automatic memory scanning thread started",
    "FAULT_INJECTION: forcing a failure.",
    "rcu: Preemptible hierarchical RCU implementation.",
    "kvm [1]: Hyp nVHE mode initialized successfully",
)


class KernelLog(unittest.TestCase):
    def test_every_splat_of_the_kernel_is_found(self) -> None:
        for line in SPLATS:
            for stamp in ("", "[   12.345678] ", "[   12.345678][   T70] "):
                with self.subTest(line, stamp=stamp):
                    self.assertEqual(console.kernel_log([stamp + line]).splats, [line])

    def test_a_harmless_message_is_not_a_splat(self) -> None:
        for line in HARMLESS:
            with self.subTest(line):
                self.assertEqual(console.kernel_log([f"[    1.000000] {line}"]).splats, [])

    def test_a_mismatch_in_mode_check_is_not_a_splat(self) -> None:
        line = "kvm: KVM: fw_reg 0x6030000000140000: C gives 0, 0x1; Rust gives -22, 0x0"
        log = console.kernel_log([f"[    1.000000] {line}"])
        self.assertEqual((log.splats, log.differences), ([], [line]))

    def test_mode_and_gic_are_read(self) -> None:
        log = console.kernel_log(["[    1.0] kvm [1]: vgic interrupt IRQ9",
                                  "[    1.0] kvm [1]: Hyp nVHE mode initialized successfully"])
        self.assertEqual((log.kvm, log.gic), ("Hyp nVHE", 2))
        log = console.kernel_log(["[    1.0] kvm [1]: GIC system register CPU interface enabled",
                                  "[    1.0] kvm [1]: vgic interrupt IRQ9",
                                  "[    1.0] kvm [1]: VHE+NV2 mode initialized successfully"])
        self.assertEqual((log.kvm, log.gic), ("VHE+NV2", 3))

    def test_an_empty_log_has_no_kvm(self) -> None:
        self.assertEqual(console.kernel_log([]), console.KernelLog(None, None, [], []))


def one(output: list[str], end: str = "ok 1 selftests: kvm: it") -> console.RawTest:
    lines = ["# selftests: kvm: it", *(f"# {line}" for line in output), end]
    return console.results(lines).tests["it"]


class Tests(unittest.TestCase):
    def test_cases_are_counted(self) -> None:
        raw = one(tap("one", "two: with a colon", "~three: four, five: not here, at all"))
        self.assertEqual((raw.status, raw.count("pass"), raw.count("skip")), ("pass", 2, 1))
        self.assertEqual(raw.cases[1].name, "two: with a colon")
        self.assertEqual(raw.cases[2],
                         console.Case("three: four, five", "skip", "not here, at all"))

    def test_every_spelling_of_a_skipped_case_is_understood(self) -> None:
        for line, case in (
                ("ok 1 # SKIP MOPS hidden, not supported", ("MOPS hidden", "not supported")),
                ("ok 1 # SKIP DIT on AARCH64 only system", ("DIT on AARCH64 only system", "-")),
                ("ok 1 global.mte # SKIP no MTE", ("global.mte", "no MTE")),
                ("ok 1 - global.mte # SKIP", ("global.mte", "-"))):
            with self.subTest(line):
                found = one([line, "ok 2 another"]).cases[0]
                self.assertEqual((found.name, found.reason), case)
                self.assertEqual(found.status, "skip")

    def test_a_test_with_all_cases_skipped_is_skipped(self) -> None:
        raw = one(tap("~a: not here", "~b: not here"))
        self.assertEqual((raw.status, raw.reason), ("skip", "all 2 cases: not here"))
        raw = one(tap("~a: not here", "~b: nor there"))
        self.assertEqual(raw.reason, "all 2 cases: not here; nor there")

    def test_a_skipped_test_has_its_reason(self) -> None:
        end = "ok 1 selftests: kvm: it # SKIP"
        for output, reason in ((["1..0 # SKIP - KVM has no GICv2"], "KVM has no GICv2"),
                               (["", "no GICv2, skipping test", " "], "no GICv2, skipping test"),
                               ([], "no reason given")):
            with self.subTest(reason):
                raw = one(output, end)
                self.assertEqual((raw.status, raw.reason, raw.cases), ("skip", reason, []))

    def test_a_failed_case_is_not_hidden_by_a_result_of_ok(self) -> None:
        raw = one(["1..2", "ok 1 a", "not ok 2 b"])
        self.assertEqual(raw.status, "fail")
        self.assertIn("'b'", raw.reason)

    def test_a_failed_case_is_not_hidden_by_a_skip(self) -> None:
        for output in (["1..3", "ok 1 a", "not ok 2 b", "ok 2 # SKIP the rest"],
                       [*assertion("x.c:1: a", "open failed"), "Access denied - Exiting"]):
            raw = one(output, "ok 1 selftests: kvm: it # SKIP")
            self.assertEqual(raw.status, "fail")
            self.assertIn("then it skipped the rest", raw.reason)

    def test_a_case_with_another_directive_did_not_pass(self) -> None:
        for word in ("XFAIL", "XPASS", "TODO"):
            with self.subTest(word):
                raw = one(["1..1", f"ok 1 a # {word} it is known"])
                self.assertEqual(raw.status, "fail")
                self.assertIn(f"{word.lower()} it is known", raw.reason)

    def test_a_missing_case_is_a_failure(self) -> None:
        raw = one(["1..3", "ok 1 a", "ok 2 b"])
        self.assertEqual((raw.status, raw.reason), ("fail", "3 cases planned, 2 reported"))

    def test_totals_and_lines_must_agree(self) -> None:
        for passed, skipped in ((1, 1), (2, 1), (1, 0)):
            with self.subTest(passed=passed, skipped=skipped):
                raw = one(["ok 1 a", "ok 2 b", f"# Totals: pass:{passed} fail:0 xfail:0 xpass:0 "
                           f"skip:{skipped} error:0"])
                self.assertEqual(raw.status, "fail")
                self.assertIn(f"{passed} cases passed and {skipped} skipped", raw.reason)

    def test_a_test_without_cases_can_pass(self) -> None:
        raw = one(["Running GIC_v3 tests."])
        self.assertEqual((raw.status, raw.cases), ("pass", []))

    def test_the_reason_of_a_failure_is_its_assertion(self) -> None:
        raw = one(assertion("x.c:7: a == b", "0 != 0xa (a != b)"),
                  "not ok 1 selftests: kvm: it # exit=254")
        self.assertEqual((raw.status, raw.reason), ("fail", "x.c:7: a == b (0 != 0xa (a != b))"))
        raw = one(assertion("x.c:7: a", "")[:3], "not ok 1 selftests: kvm: it # exit=254")
        self.assertEqual(raw.reason, "x.c:7: a")
        raw = one(assertion("x.c:7: a", "")[:1], "not ok 1 selftests: kvm: it # exit=254")
        self.assertEqual(raw.reason, "assertion failed")
        raw = one(assertion("x.c:7: a", "")[:2], "not ok 1 selftests: kvm: it # exit=254")
        self.assertEqual(raw.reason, "x.c:7: a")

    def test_else_the_reason_is_the_failed_cases_or_the_result(self) -> None:
        end = "not ok 1 selftests: kvm: it # TIMEOUT 600 seconds"
        self.assertEqual(one(tap("a", "!b", "!c"), end).reason, "not ok 2 b; not ok 3 c")
        many = one(tap(*(f"!{case}" for case in range(20))), end).reason
        self.assertEqual(many.count("not ok"), console.MOST_CASES)
        self.assertTrue(many.endswith("not ok 8 7; and 12 more"), many)
        self.assertEqual(one([], end).reason, "TIMEOUT 600 seconds")
        self.assertEqual(one([], "not ok 1 selftests: kvm: it").reason, "failed")

    def test_an_xfail_that_the_test_reports_is_a_failure(self) -> None:
        self.assertEqual(one([], "ok 1 selftests: kvm: it # XFAIL").status, "fail")

    def test_a_second_result_of_a_test_does_not_replace_the_first(self) -> None:
        found = console.results(["# selftests: kvm: it", "not ok 1 selftests: kvm: it # exit=1",
                                 "# selftests: kvm: it", "ok 2 selftests: kvm: it"])
        self.assertEqual(found.tests["it"].status, "fail")
        self.assertEqual(found.problems, ["it gave two results"])

    def test_lines_between_tests_belong_to_no_test(self) -> None:
        found = console.results(["# selftests: kvm: it", "# 1..1", "# ok 1 a",
                                 "ok 1 selftests: kvm: it", "# ok 2 b", "# selftests: kvm: that",
                                 "ok 2 selftests: kvm: that"])
        self.assertIsNone(found.unfinished)
        self.assertEqual([test.status for test in found.tests.values()], ["pass", "pass"])
        self.assertEqual(found.tests["that"].log, [])

    def test_the_end_of_the_results_is_kept(self) -> None:
        lines = [*map(str, range(20)), "", ""]
        self.assertEqual(console.results(lines).tail, lines[10:20])

    def test_a_test_that_did_not_end_keeps_its_log(self) -> None:
        found = console.results(["# selftests: kvm: it", "# addr2line: not found", "# one", "#two"])
        self.assertEqual((found.unfinished, found.unfinished_log), ("it", ["one", "two"]))
        self.assertEqual(found.tests, {})


class Init(unittest.TestCase):
    def test_lines_of_init_are_read(self) -> None:
        found = console.results([
            "# vm: begin run", "# vm: has kvm arm_abi", "# vm: keeper", "# vm: mode before rust",
            "# vm: stats before fw_reg 1 2 3", "# vm: stats after fw_reg 4 5 6 7",
            "# vm: vms 2", "# vm: lockdep off", "# vm: kmemleak off",
            "# vm: leak unreferenced object 0x1", "# vm: end run"])
        self.assertTrue(found.keeper and found.ended)
        self.assertEqual((found.vms, found.off), (2, ["lockdep", "kmemleak"]))
        self.assertEqual(found.modes, {"before": "rust"})
        self.assertEqual(found.stats, {"before": {"fw_reg": Calls(1, 2, 3)},
                                       "after": {"fw_reg": Calls(4, 5, 6, 7)}})
        self.assertEqual(found.leaks, ["unreferenced object 0x1"])
        self.assertEqual(found.problems, [])

    def test_what_init_does_not_report_is_not_assumed(self) -> None:
        found = console.results(["ok"])
        self.assertEqual((found.ended, found.keeper, found.vms), (False, False, None))

    def test_a_garbled_line_is_a_problem_and_not_a_traceback(self) -> None:
        for line in ("# vm: stats after fw_reg 1 2", "# vm: stats after fw_reg 1 x 3",
                     "# vm: stats after fw_reg 1 2 3 4 5", "# vm: stats after fw_reg 1 -2 3",
                     "# vm: stats", "# vm: mode after", "# vm: vms", "# vm: vms many",
                     "# vm: vms \u0663",
                     "# vm: lockdep", "# vm: kmemleak of"):
            with self.subTest(line):
                found = console.results([line, "# vm: end run"])
                self.assertEqual(found.problems, [f"garbled: '{line}'"])
                self.assertTrue(found.ended)

    def test_a_test_cannot_write_lines_of_init(self) -> None:
        found = console.results(["# selftests: kvm: it", "# # vm: vms 0", "# # vm: end run"])
        self.assertEqual((found.vms, found.ended), (None, False))


class Numbers(unittest.TestCase):
    def test_difference(self) -> None:
        self.assertEqual(Calls(5, 6, 7, 8).since(Calls(1, 2, 3, 4)), Calls(4, 4, 4, 4))
        self.assertEqual(Calls(5, 6, 7).since(Calls(1, 2, 3)), Calls(4, 4, 4, None))
        self.assertEqual(Calls(5, 6, 7, 8).since(Calls()), Calls(5, 6, 7, 8))


if __name__ == "__main__":
    unittest.main()
