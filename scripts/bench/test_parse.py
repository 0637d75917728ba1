# SPDX-License-Identifier: GPL-2.0
"""Reading the output of the guest and of the plugin, and rejecting wrong output."""

import unittest

from bench import parse
from bench.parse import Cost

ORDER = ("c", "rust", "rust", "c", "rust", "c", "c", "rust")


def output(path: str, c: int, rust: int) -> list[str]:
    cost = {"c": c, "rust": rust}
    return [f"bench {block} {mode} {path} {cost[mode]}" for block, mode in enumerate(ORDER)]


class Guest(unittest.TestCase):
    def test_lines(self) -> None:
        run = parse.guest(["# vm: begin bench", "Random seed: 0x6b8b4567",
                           "bench 0 c hvc/PSCI_VERSION 1530",
                           "# path 2 hvc/PSCI_VERSION 1800 0 c",
                           "bench 1 rust hvc/PSCI_VERSION 1500 7",
                           "# skip gicc_get/CTLR: the VM has no GICv2",
                           "# vm: exit abi_bench_ioctl 0", "# vm: end bench"])
        self.assertTrue(run.begun and run.ended)
        self.assertEqual(run.costs["hvc/PSCI_VERSION"],
                         {(0, "c"): Cost(1530), (1, "rust"): Cost(1500, 7)})
        self.assertEqual(run.marks[2], parse.Mark("hvc/PSCI_VERSION", 1800, 0, "c"))
        self.assertEqual(run.skipped, {"gicc_get/CTLR": "the VM has no GICv2"})
        self.assertEqual(run.problems, [])

    def test_colon_in_a_skipped_path(self) -> None:
        run = parse.guest(["# skip set_id_reg/DFR0:refused: no such field"])
        self.assertEqual(run.skipped, {"set_id_reg/DFR0:refused": "no such field"})

    def test_absent_in_a_mode(self) -> None:
        run = parse.guest(["# absent c restore/vm_fd:8: in the mode rust only",
                           "# absent stock restore/vm_fd:8: not there"])
        self.assertEqual(run.absent, {"restore/vm_fd:8": {"c": "in the mode rust only",
                                                          "stock": "not there"}})
        self.assertEqual((run.skipped, run.problems), ({}, []))

    def test_a_program_that_failed(self) -> None:
        run = parse.guest(["# vm: exit abi_bench_vm 254", "# vm: exit abi_bench_trap 4"])
        self.assertEqual(run.problems, ["abi_bench_vm ended with 254"])

    def test_half_a_line(self) -> None:
        self.assertEqual(len(parse.guest(["bench 0 c hvc/PSCI_"]).problems), 1)

    def test_measured_twice(self) -> None:
        self.assertEqual(len(parse.guest(["bench 0 c a 1", "bench 0 c a 1"]).problems), 1)
        self.assertEqual(len(parse.guest(["# path 1 a 9 0 c", "# path 1 b 9 0 c"]).problems), 1)


    def test_approximate(self) -> None:
        run = parse.guest(["# approx 0 c create/VM 9000 7", "# approx 1 rust create/VM 9100",
                           "# approx 2 rust create/VM 9001"])
        self.assertEqual(run.approximate, {"create/VM": {"c": [9000], "rust": [9100, 9001]}})
        self.assertEqual((run.costs, run.problems), ({}, []))


class Blocks(unittest.TestCase):
    """A/A: blocks of one mode must be equal."""

    def test_equal(self) -> None:
        costs, problems = parse.by_mode(parse.guest(output("a", 10, 7)))
        self.assertEqual(costs, {"a": {"c": Cost(10), "rust": Cost(7)}})
        self.assertEqual(problems, [])

    def test_one_block_differs(self) -> None:
        lines = output("a", 10, 7)
        lines[3] = "bench 3 c a 11"
        _, problems = parse.by_mode(parse.guest(lines))
        self.assertEqual(len(problems), 1)
        self.assertIn("a, mode c", problems[0])

    def test_remainder_differs(self) -> None:
        lines = output("a", 10, 7)
        lines[3] = "bench 3 c a 10 1"
        self.assertEqual(len(parse.by_mode(parse.guest(lines))[1]), 1)

    def test_block_without_a_path(self) -> None:
        lines = output("a", 10, 7) + output("b", 3, 3)[:-1]
        _, problems = parse.by_mode(parse.guest(lines))
        self.assertEqual(problems, ["b was not measured in block 7 (rust)"])

    def test_absent_in_one_mode_is_measured_in_all_others(self) -> None:
        absent = ["# absent c b: in the mode rust only"]
        rust_only = [line for line in output("b", 3, 2) if " rust " in line]
        costs, problems = parse.by_mode(parse.guest(output("a", 10, 7) + absent + rust_only))
        self.assertEqual(costs["b"], {"rust": Cost(2)})
        self.assertEqual(problems, [])
        _, problems = parse.by_mode(parse.guest(output("a", 10, 7) + absent + rust_only[1:]))
        self.assertEqual(problems, ["b was not measured in block 1 (rust)"])
        _, problems = parse.by_mode(parse.guest(output("a", 10, 7) + rust_only))
        self.assertEqual(len(problems), 1)

    def test_mode_check_judges_some_paths(self) -> None:
        check = [f"bench {block} {mode} b {cost}" for block, mode, cost in
                 ((8, "check", 9), (9, "check1000", 4), (10, "check1000", 4), (11, "check", 9))]
        lines = output("a", 10, 7) + output("b", 3, 2)
        costs, problems = parse.by_mode(parse.guest(lines + check))
        self.assertEqual(costs["b"], {"c": Cost(3), "rust": Cost(2), "check": Cost(9),
                                      "check1000": Cost(4)})
        self.assertEqual((list(costs["a"]), problems), (["c", "rust"], []))
        # A path that it judges is measured in each of its blocks.
        other = [line.replace(" b ", " a ") for line in check]
        _, problems = parse.by_mode(parse.guest(lines + check[:3] + other))
        self.assertEqual(problems, ["b was not measured in block 11 (check)"])

    def test_absent_but_measured(self) -> None:
        _, problems = parse.by_mode(parse.guest(output("a", 10, 7) + ["# absent c a: why"]))
        self.assertEqual(problems, ["a is absent in mode c, but was measured"])

    def test_a_single_block_of_a_mode(self) -> None:
        _, problems = parse.by_mode(parse.guest(output("a", 10, 7)[:2]))
        self.assertEqual(len(problems), 2)


class Boots(unittest.TestCase):
    def test_no_difference(self) -> None:
        costs = {"a": {"c": Cost(10)}}
        self.assertEqual(parse.disagreements(costs, {"a": {"c": Cost(10)}}), [])

    def test_a_difference_of_one_instruction(self) -> None:
        found = parse.disagreements({"a": {"c": Cost(10)}, "b": {"c": Cost(1)}},
                                    {"a": {"c": Cost(11)}, "b": {"c": Cost(1)}})
        self.assertEqual(found, ["a, mode c: 10 in the first boot, 11 in the second"])

    def test_missing(self) -> None:
        costs = {"a": {"c": Cost(10), "rust": Cost(9)}}
        for one, two in ((costs, {}), ({}, costs), (costs, {"a": {"c": Cost(10)}})):
            self.assertTrue(parse.disagreements(one, two))


class Trace(unittest.TestCase):
    marks = {1: parse.Mark("hvc/a", 1000, 0, "c"), 2: parse.Mark("hvc/a", 2000, 1, "rust"),
             3: parse.Mark("hvc/a", 1000, 2, "c")}

    def trace(self, *lines: str, marks: dict[int, parse.Mark] | None = None) -> tuple[
            parse.Handlers, list[str]]:
        return parse.trace(list(lines), parse.GuestRun(
            marks=self.marks if marks is None else marks))

    def call(self, number: int, side: str, calls: int, instructions: int) -> str:
        counts = f"{instructions} 1 0 0 2 5 4 0 7"
        return f"call {number} handler {side} {calls} {counts} f={instructions}"

    def test_per_call(self) -> None:
        found, problems = self.trace(self.call(1, "c", 1000, 65), self.call(2, "rust", 1999, 50),
                                     "interrupted 2 handler 1", self.call(3, "c", 1000, 65),
                                     "end")
        self.assertEqual(problems, [])
        c, rust = found["hvc/a"]["c"]["handler"], found["hvc/a"]["rust"]["handler"]
        self.assertEqual((c.counts["instructions"], c.rust, c.entered), (65, 0, 1))
        self.assertEqual((rust.counts["instructions"], rust.rust, rust.entered), (50, 1, 1))
        self.assertEqual((rust.counts["loads"], rust.counts["lines"]), (5, 7))
        self.assertEqual(rust.functions, {"f": 50})

    def test_more_calls_for_one_operation(self) -> None:
        found, _ = self.trace(self.call(1, "c", 3000, 10), self.call(1, "c", 1000, 20),
                              self.call(1, "c", 9, 7777), "end", marks={1: self.marks[1]})
        handler = found["hvc/a"]["c"]["handler"]
        self.assertEqual((handler.entered, handler.counts["instructions"]), (4, 50))

    def test_blocks_differ(self) -> None:
        lines = [self.call(1, "c", 1000, 65), self.call(2, "rust", 2000, 50),
                 self.call(3, "c", 1000, 66), "end"]
        _, problems = self.trace(*lines)
        self.assertEqual(len(problems), 1)
        self.assertIn("65, 66", problems[0])
        run = parse.GuestRun(marks=self.marks, approximate={"hvc/a": {"c": [1]}})
        self.assertEqual(parse.trace(lines, run), ({}, []))

    def test_unknown_number(self) -> None:
        _, problems = self.trace(self.call(9, "c", 1, 1), "end", marks={})
        self.assertEqual(len(problems), 1)

    def test_cut_short(self) -> None:
        for lines in ([], [self.call(1, "c", 1000, 65)], ["call 1 handler", "end"]):
            with self.assertRaises(parse.BadTrace):
                self.trace(*lines)


if __name__ == "__main__":
    unittest.main()
