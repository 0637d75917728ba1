# SPDX-License-Identifier: GPL-2.0
"""Comparing with an older result, the goals, and the reports."""

import copy
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from bench import boots, goals, machines, parse, plot, result, table
from bench.goals import HANDLER, MASKS
from bench.parse import COUNTS
from bench.result import BadResult, Result

MACHINE = "max GICv3 vhe"
# The places of these goals
GROWTH = 5
SHIM = 4
CONFIG = 6
FAST = 7
TEXT = 8
LINES = 9
CHECK = 10
SAMPLE = 11


def handler(instructions: int, rust: int = 0, **more: int) -> Result:
    return {**dict.fromkeys(COUNTS, 0), "instructions": instructions, "entered": 1,
            "rust": rust, "functions": {"f": instructions}, **more}


def sample() -> Result:
    """All goals met."""
    def costs(c: int, rust: int, stock: int) -> Result:
        return {mode: {"instructions": n} for mode, n in
                (("c", c), ("rust", rust), ("stock", stock))}

    call = costs(1530, 1500, 1528) | {"check": {"instructions": 1700},
                                      "check1000": {"instructions": 1600}}
    machine = {
        "cpu": "max", "gic": 3, "kvm": "vhe", "skipped": {"gicc_get/PMR": "the VM has no GICv2"},
        "paths": {"hvc/PSCI_VERSION": call, "floor/world_switch": costs(1430, 1430, 1428),
                  "fast/hvc/PSCI_VERSION": costs(1530, 400, 1528), MASKS: costs(2400, 200, 2398),
                  "save/vcpus:1": costs(600, 590, 600), "save/vcpus:2": costs(1200, 1180, 1200),
                  goals.EACH: costs(600, 590, 600),
                  **{f"{way}:{n}": {"rust": {"instructions": 580}}
                     for way in goals.ONCE for n in (1, 8, 64)},
                  **{path: {mode: {"instructions": n} for mode in ("c", "rust")}
                     for whole, one_by_one, percent in goals.CONFIG
                     for path, n in ((whole, 1000 * percent), (one_by_one, 100000))}},
        "approximate": {"create/VM": costs(9000, 9100, 9000)},
        "handlers": {"hvc/PSCI_VERSION": {
            "c": {HANDLER: handler(100, lines=5)}, "rust": {HANDLER: handler(80, rust=1, lines=4)},
            "stock": {HANDLER: handler(100)}, "check": {HANDLER: handler(250)}}}}
    return {"kind": result.KIND, "schema": result.SCHEMA, "machines": {MACHINE: machine},
            "versions": dict.fromkeys(("linux", "qemu", "clang", "rustc"), "1"), "code": [],
            "sizes": dict.fromkeys(("c_text", "c_data", "serving", "abstractions", "core",
                                    "rust_data", "checking", "kunit"), 1) | {
                                        "parts": {"smccc": 150, "levels": 9},
                                        "c_functions": {"kvm_smccc_call_handler": 100}}}


class Compare(unittest.TestCase):
    def setUp(self) -> None:
        self.old, self.new = sample(), sample()
        self.paths = self.new["machines"][MACHINE]["paths"]

    def test_the_same(self) -> None:
        lost, remarks = result.compare(self.old, self.new)
        self.assertEqual(lost, [])
        self.assertEqual(remarks, [f"{MACHINE}: 48 compared, 0 cheaper"])

    def test_two_more_are_tolerated_three_are_not(self) -> None:
        for more, losses in ((2, 0), (3, 1)):
            for mode in result.MODES:
                new = sample()
                new["machines"][MACHINE]["paths"]["hvc/PSCI_VERSION"][mode]["instructions"] += more
                lost, _ = result.compare(self.old, new)
                self.assertEqual(len(lost), losses)

    def test_a_handler_that_costs_more(self) -> None:
        cost = self.new["machines"][MACHINE]["handlers"]["hvc/PSCI_VERSION"]["rust"][HANDLER]
        cost["instructions"] += 3
        lost, _ = result.compare(self.old, self.new)
        self.assertEqual(lost, [f"{MACHINE}, {HANDLER} on hvc/PSCI_VERSION, mode rust: "
                                "80 before, 83 now (+3)"])

    def test_a_missing_path_is_reported_and_a_new_one_is_only_a_remark(self) -> None:
        self.paths["hvc/new"] = self.paths.pop(MASKS)
        lost, remarks = result.compare(self.old, self.new)
        self.assertEqual(lost, [f"{MACHINE}, {MASKS}, mode {mode}: {cost} before, not measured now"
                                for mode, cost in (("c", 2400), ("rust", 200), ("stock", 2398))])
        self.assertEqual(sum("only in the new" in line for line in remarks), 3)

    def test_a_missing_mode_of_a_path(self) -> None:
        del self.paths[MASKS]["rust"]
        self.assertEqual(len(result.compare(self.old, self.new)[0]), 1)

    def test_another_compiler(self) -> None:
        self.new["versions"]["clang"] = "2"
        self.assertIn("clang 1 before, 2 now", result.compare(self.old, self.new)[1])

    def test_fewer_machines(self) -> None:
        self.old["machines"]["another"] = self.old["machines"][MACHINE]
        lost, remarks = result.compare(self.old, self.new)
        self.assertEqual(lost, [])
        self.assertIn("another: only in the old result", remarks)
        with self.assertRaises(BadResult):
            result.check_machines(Path("old"), self.new, [MACHINE, "another"])


class Load(unittest.TestCase):
    def load(self, content: str) -> Result:
        with tempfile.TemporaryDirectory() as there:
            path = Path(there) / "old.json"
            path.write_text(content, encoding="utf-8")
            return result.load(path)

    def test_round_trip(self) -> None:
        self.assertEqual(self.load(result.dump(sample())), sample())

    def test_invalid_files(self) -> None:
        changes: list[Result] = [{"schema": 0}, {"kind": "x"}, {"machines": []},
                                 {"machines": {"a": {}}}]
        damaged = [json.dumps(sample() | change) for change in changes]
        wrong = copy.deepcopy(sample())
        wrong["machines"][MACHINE]["paths"][MASKS]["c"]["instructions"] = "many"
        for content in ("", "x", "[]", "{}", "1", *damaged, json.dumps(wrong)):
            with self.subTest(content[:40]), self.assertRaises(BadResult):
                self.load(content)

    def test_no_file(self) -> None:
        with self.assertRaises(BadResult):
            result.load(Path("/nonexistent"))


class Goals(unittest.TestCase):
    def missed(self, new: Result) -> list[int]:
        return [i for i, goal in enumerate(goals.check(new)) if not goal.met]

    def test_met(self) -> None:
        self.assertEqual(self.missed(sample()), [])

    def test_as_many_instructions_as_c_meet_the_goal(self) -> None:
        new = sample()
        new["machines"][MACHINE]["paths"]["save/vcpus:1"]["rust"]["instructions"] = 600
        self.assertEqual(self.missed(new), [])

    def test_each_can_be_missed(self) -> None:
        for number, path, mode, cost in ((0, "save/vcpus:1", "rust", 601), (2, MASKS, "rust", 201),
                                         (4, "save/vcpus:1", "c", 633)):
            new = sample()
            new["machines"][MACHINE]["paths"][path][mode]["instructions"] = cost
            self.assertEqual(self.missed(new), [number])
        for number, change in ((1, {"instructions": 81}), (1, {"rust": 0}), (3, {"atomics": 1}),
                               (3, {"barriers": 1}), (3, {"ordered": 1}), (3, {"helpers": 1})):
            new = sample()
            rust = new["machines"][MACHINE]["handlers"]["hvc/PSCI_VERSION"]["rust"]
            rust[HANDLER] |= change
            self.assertEqual(self.missed(new), [number])

    def test_two_instructions_more_are_tolerated(self) -> None:
        for cost, good in ((601, True), (602, True), (603, False)):
            new = sample()
            new["machines"][MACHINE]["paths"]["save/vcpus:1"]["rust"]["instructions"] = cost
            found = goals.check(new)[0]
            self.assertEqual((found.met, found.good_enough), (False, good))

    def test_number_of_shims_of_each_operation(self) -> None:
        for path, shims in (("hvc/SMCCC_VERSION", 1), ("set_one_reg/STD_BMAP", 2),
                            ("set_id_reg/PFR0:lower+restore", 4), ("set_id_reg/PFR0", 2),
                            ("gicc_get/PMR", 3), ("gicc_set/PMR", 4), ("restore/vcpus:1", 16),
                            ("save/vcpus:64", 1024), ("restore_all/vcpus:8", 768),
                            ("smccc_filter/EFAULT", 2), ("create/SMCCC_filter", 3)):
            self.assertEqual(goals.shims(path), shims, path)

    def test_the_cost_of_restoring_must_not_grow(self) -> None:
        for more, met, good in ((-1, True, True), (0, True, True), (1, False, True),
                                (2, False, True), (3, False, False)):
            new = sample()
            new["machines"][MACHINE]["paths"]["restore/vm_fd:64"]["rust"]["instructions"] += more
            found = goals.check(new)[GROWTH]
            self.assertEqual((found.of, found.met, found.good_enough), (3, met, good))

    def test_growth_compares_one_vcpu_with_the_most(self) -> None:
        new = sample()
        paths = new["machines"][MACHINE]["paths"]
        paths["restore/once:8"]["rust"]["instructions"] += 9
        self.assertEqual(self.missed(new), [])
        del paths["restore/once:64"]
        self.assertIn("580 with one vCPU, 589 with 8", goals.check(new)[GROWTH].missed[0])
        # Restoring each vCPU separately may grow.
        new = sample()
        new["machines"][MACHINE]["paths"]["restore/vcpus:64"] = {"rust": {"instructions": 37760}}
        self.assertEqual(self.missed(new), [])

    def test_growth_that_was_not_measured_is_not_met(self) -> None:
        for path in ("restore/vm_fd:1", "restore_all/once:1"):
            new = sample()
            cost = new["machines"][MACHINE]["paths"].pop(path)
            self.assertFalse(goals.check(new)[GROWTH].good_enough)
            # The same path in another mode, and on another machine, does not count.
            new["machines"][MACHINE]["paths"][path] = {"c": cost["rust"]}
            new["machines"]["another"] = {"paths": {path: cost}, "handlers": {}}
            self.assertFalse(goals.check(new)[GROWTH].good_enough)
        new = sample()
        for n in (8, 64):
            del new["machines"][MACHINE]["paths"][f"restore/vm_fd:{n}"]
        self.assertFalse(goals.check(new)[GROWTH].good_enough)

    def test_the_whole_configuration_is_compared_with_each_register(self) -> None:
        for whole, one_by_one, percent in goals.CONFIG:
            for path, mode, n in ((whole, "rust", 1000 * percent + 1),
                                  (whole, "c", 1000 * percent + 1), (one_by_one, "c", 99999)):
                new = sample()
                new["machines"][MACHINE]["paths"][path][mode]["instructions"] = n
                found = goals.check(new)[CONFIG]
                self.assertEqual((found.of, len(found.missed), found.good_enough), (6, 1, False))
            for path in (whole, one_by_one):
                new = sample()
                del new["machines"][MACHINE]["paths"][path]
                found = goals.check(new)[CONFIG]
                self.assertEqual((len(found.missed), found.good_enough), (2, False))

    def test_what_the_configuration_is_compared_with_has_no_goal_of_its_own(self) -> None:
        before = goals.check(sample())[0].of
        for _, one_by_one, _ in goals.CONFIG:
            new = sample()
            new["machines"][MACHINE]["paths"][one_by_one]["rust"]["instructions"] += 100
            found = goals.check(new)[0]
            self.assertEqual((found.of, found.met), (before, True))

    def test_a_remainder_counts(self) -> None:
        new = sample()
        new["machines"][MACHINE]["paths"]["save/vcpus:1"]["rust"] = {
            "instructions": 600, "remainder": 1}
        self.assertEqual(self.missed(new), [0])

    def test_a_goal_that_was_not_measured_is_not_met(self) -> None:
        new = sample()
        new["machines"][MACHINE] |= {"paths": {}, "handlers": {}}
        new["sizes"]["c_functions"] = {}
        found = goals.check(new)
        self.assertEqual([goal.word for goal in found], ["NOT MEASURED"] * len(found))

    def test_on_all_machines_each_goal_needs_its_least_number_of_measurements(self) -> None:
        new = sample()
        new["machines"] = {config.name: new["machines"][MACHINE] for config in machines.TABLE}
        counts = tuple(goal.of for goal in goals.check(new))
        self.assertEqual(len(counts), len(goals.LEAST))
        with mock.patch.object(goals, "LEAST", counts):
            self.assertTrue(all(goal.met and goal.good_enough for goal in goals.check(new)))
        for number, count in enumerate(counts):
            more = (*counts[:number], count + 1, *counts[number + 1:])
            with mock.patch.object(goals, "LEAST", more):
                found = goals.check(new)
                self.assertEqual([i for i, goal in enumerate(found) if not goal.met], [number])
                self.assertFalse(found[number].good_enough)
                self.assertEqual(found[number].word, f"ONLY {count} OF {count + 1} MEASURED")
                # If the user selects one machine, the minimum does not hold.
                one = new | {"machines": {MACHINE: new["machines"][MACHINE]}}
                self.assertTrue(all(goal.met for goal in goals.check(one)))

    def test_calls_without_an_exit_are_compared_with_c(self) -> None:
        for path, rust, of, missed in (
                ("fast/hvc/PSCI_VERSION", 459, 1, 0), ("fast/hvc/PSCI_VERSION", 460, 1, 1),
                # Not answered without an exit
                ("fast/smc/AFFINITY_INFO:ON", 1600, 1, 0)):
            with self.subTest(path, rust=rust):
                new = sample()
                new["machines"][MACHINE]["paths"].setdefault(
                    path, {"c": {"instructions": 1530}})["rust"] = {"instructions": rust}
                found = goals.check(new)
                self.assertEqual((found[FAST].of, len(found[FAST].missed)), (of, missed))
                self.assertTrue(found[0].met)
                # nVHE has no such calls.
                new["machines"][MACHINE]["kvm"] = "nvhe"
                self.assertEqual(goals.check(new)[FAST].of, 0)

    def test_text_of_what_serves(self) -> None:
        for change, good in (({"smccc": 150}, True), ({"smccc": 151}, False),
                             ({"smccc": 149, "id_reg": 2}, False), ({"mode check": 999}, True)):
            new = sample()
            # C's ID registers are not in the yardstick.
            new["sizes"]["c_functions"]["set_id_reg"] = 1000
            new["sizes"]["parts"] |= change
            self.assertEqual(goals.check(new)[TEXT].met, good, change)

    def test_lines_of_code(self) -> None:
        for path, name, rust, of, good in (
                ("hvc/PSCI_VERSION", HANDLER, 4, 1, True),
                ("hvc/PSCI_VERSION", HANDLER, 5, 1, False),
                ("fast/smc/PSCI_VERSION", "kvm_hyp_fast_smc", 4, 2, True),
                ("fast/smc/PSCI_VERSION", "kvm_hyp_fast_smc", 5, 2, False),
                ("fast/smc/AFFINITY_INFO:ON", "kvm_hyp_fast_smc", 5, 1, True),
                ("get_one_reg/STD_BMAP", HANDLER, 5, 1, True)):
            with self.subTest(path, rust=rust):
                new = sample()
                new["machines"][MACHINE]["handlers"].setdefault(
                    path, {"c": {HANDLER: handler(100, lines=5)}})["rust"] = {
                        name: handler(80, rust=1, lines=rust)}
                found = goals.check(new)[LINES]
                self.assertEqual((found.of, found.met), (of, good))

    def test_what_check_adds_to_a_handler(self) -> None:
        for more, met in ((0, True), (1, False)):
            new = sample()
            modes = new["machines"][MACHINE]["handlers"]["hvc/PSCI_VERSION"]
            modes["check"][HANDLER]["instructions"] += more
            found = goals.check(new)[CHECK]
            self.assertEqual((found.of, found.met, found.good_enough), (1, met, met))
        # SMCs are not measured in this mode.
        new["machines"][MACHINE]["handlers"]["smc/PSCI_VERSION"] = modes
        self.assertEqual(goals.check(new)[CHECK].of, 1)

    def test_one_call_in_1000_costs_its_share(self) -> None:
        # 1530 * 1.05 is 1606.5: calls that are not compared, and a thousandth of the others
        for few, each, met in ((1606, 2106, True), (1606, 2107, False), (1607, 1607, False)):
            with self.subTest(few, each=each):
                new = sample()
                costs = new["machines"][MACHINE]["paths"]["hvc/PSCI_VERSION"]
                costs["check1000"]["instructions"] = few
                costs["check"]["instructions"] = each
                found = goals.check(new)[SAMPLE]
                self.assertEqual((found.of, found.met, found.good_enough), (1, met, met))

    def test_in_mode_c_the_handler_of_vhe_is_no_shim(self) -> None:
        for path, more, kvm, good in (
                ("hvc/PSCI_VERSION", 11, "vhe", True), ("hvc/PSCI_VERSION", 12, "vhe", False),
                ("hvc/PSCI_VERSION", 3, "nvhe", False), ("save/vcpus:1", 33, "vhe", False),
                ("floor/world_switch", 11, "vhe", True), ("trap/nop", 3, "vhe", False)):
            with self.subTest(path, more=more, kvm=kvm):
                new = sample()
                new["machines"][MACHINE]["kvm"] = kvm
                new["machines"][MACHINE]["paths"][path] = {
                    mode: {"instructions": n}
                    for mode, n in (("c", 1500 + more), ("rust", 1500), ("stock", 1500))}
                self.assertEqual(goals.check(new)[SHIM].met, good)

    def test_common_calls(self) -> None:
        for path, common in (("hvc/SMCCC_VERSION", True), ("smc/ARCH_FEATURES:PV_TIME", True),
                             ("hvc/VENDOR_UID", True), ("hvc/VENDOR_UID:gated", False),
                             ("hvc/ARCH_FEATURES:PV_TIME:gated", False),
                             ("hvc/PSCI_VERSION:filter", False), ("hvc/CPU_ON:invalid", False)):
            self.assertEqual(bool(goals.COMMON.match(path)), common, path)


class Skipped(unittest.TestCase):
    def machine(self, *runs: tuple[str, str]) -> Result:
        config = machines.TABLE[0]
        return boots.machine(config, [
            boots.Ended(machines.Boot(config, kernel), run=parse.guest([line]))
            for kernel, line in runs])

    def test_absent_paths_are_listed_as_skipped(self) -> None:
        c = (machines.WITH, "# absent c restore/vm_fd:8: in the mode rust only")
        stock = (machines.WITHOUT, "# absent stock restore/vm_fd:8: in the mode rust only")
        self.assertEqual(self.machine(c, stock)["skipped"],
                         {"restore/vm_fd:8": "in the mode rust only"})
        rust = (machines.WITH, "# absent rust restore/vm_fd:8: not at all")
        self.assertEqual(self.machine(c, rust, stock)["skipped"], {"restore/vm_fd:8": "not at all"})

    def test_paths_that_differ_in_a_number_are_joined(self) -> None:
        new = sample()
        new["machines"][MACHINE]["skipped"] = dict.fromkeys(
            ("save/vcpus:16", "set_id_reg/DFR0:refused", "save/vcpus:32", "icc/*"), "why")
        self.assertEqual(table.skipped(new), [
            "Not measured:",
            f"  {MACHINE}: save/vcpus:16,32, set_id_reg/DFR0:refused, icc/*: why"])


class Text(unittest.TestCase):
    def test_tables(self) -> None:
        found = goals.check(sample())
        text = table.text(sample(), found, everything=True)
        self.assertIn("hvc/PSCI_VERSION", text)
        self.assertIn("-20 %", text)
        self.assertIn("~9100", text)
        self.assertIn("-30", text)
        self.assertNotIn("NOT MET", text)
        markdown = table.markdown(sample(), found)
        self.assertIn("| `hvc/PSCI_VERSION` | 1530 / 1500 / -30 / 1528 |", markdown)
        # The floor, C, Rust, Rust without an exit; nVHE has none
        self.assertIn("| `hvc/PSCI_VERSION` | 1430 / 1530 / 1500 / 400 |", markdown)
        nvhe = sample()
        nvhe["machines"][MACHINE]["kvm"] = "nvhe"
        self.assertIn("| `hvc/PSCI_VERSION` | 1430 / 1530 / 1500 / - |",
                      table.markdown(nvhe, found))
        # Mode check: the handler, and the operation with each call or one in 1000 compared
        self.assertIn("| `hvc/PSCI_VERSION` | 100 / 250 / 2.50 |", markdown)
        self.assertIn("| `hvc/PSCI_VERSION` | 1530 / 1700 / 1600 / +4.6 % |", markdown)

    def test_plots(self) -> None:
        self.assertIn("0 100 80\n", plot.hypercalls(sample()) or "")
        self.assertIn("$save << EOD\n1 600 590\n2 1200 1180\n", plot.growth(sample()) or "")
        self.assertIn("$vm_fd << EOD\n1 580\n8 580\n64 580\n", plot.growth(sample()) or "")
        empty = sample()
        empty["machines"][MACHINE] |= {"paths": {}, "handlers": {}}
        self.assertIsNone(plot.hypercalls(empty))
        self.assertIsNone(plot.growth(empty))


if __name__ == "__main__":
    unittest.main()
