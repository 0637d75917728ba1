# SPDX-License-Identifier: GPL-2.0
"""Results of mutants: which test failed, which mutants are excused, and which entries are stale."""

import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from mutants import core, planted
from mutants.core import Broken, CoreMutant

MISSED = CoreMutant("src/opt_in/levels.rs:10:5: replace | with ^ in FeatureLevels::with", "missed", "")
ANOTHER = CoreMutant("src/opt_in/levels.rs:20:9: replace | with ^ in FeatureLevels::with", "missed", "")
CAUGHT = CoreMutant("src/opt_in/levels.rs:30:1: replace | with ^ in FeatureLevels::with", "caught", "opt_in_levels::some")
NAME = "src/opt_in/levels.rs: replace | with ^ in FeatureLevels::with"


def equivalent(text: str) -> dict[str, tuple[int, str]]:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        return core.read_equivalent(Path(file.name))


class Names(unittest.TestCase):
    def test_a_name_has_no_line_and_column(self) -> None:
        self.assertEqual(MISSED.name, NAME)
        self.assertEqual(MISSED.place, "opt_in/levels.rs:10:5")
        self.assertEqual(MISSED.file, "opt_in/levels.rs")

    def test_a_file_has_the_tests_of_its_name(self) -> None:
        for file, tests in (("field.rs", "field"), ("fw_reg/mod.rs", "fw_reg"),
                            ("fw_reg/bitmap.rs", "fw_reg_bitmap")):
            self.assertEqual(core.tests_of(file), tests)

    def test_the_first_failure_is_found_in_the_output(self) -> None:
        output = ("test a::passes ... ok\n\nfirst failure: bitmap::some_test: panicked at "
                  "tests/all/bitmap.rs:38:9:\nassertion failed\nerror: test failed\n")
        self.assertEqual(core.failing_test(output), "bitmap::some_test (bitmap.rs:38:9)")

    def test_a_failed_example_of_the_documentation_is_found(self) -> None:
        output = "test src/vgic_v2/mod.rs - vgic_v2::GiccPmr (line 18) ... FAILED\n"
        self.assertEqual(core.failing_test(output),
                         "documentation of src/vgic_v2/mod.rs - vgic_v2::GiccPmr (line 18)")

    def test_other_errors_name_no_test(self) -> None:
        self.assertIsNone(core.failing_test("error: could not compile `kvm_abi`\n"))


class Equivalent(unittest.TestCase):
    def test_an_entry_has_places_and_a_reason(self) -> None:
        text = f"# comment\n\n{NAME}\n  2: the bits are disjoint\n"
        self.assertEqual(equivalent(text), {NAME: (2, "the bits are disjoint")})

    def test_an_entry_without_a_reason_is_rejected(self) -> None:
        for text in (f"{NAME}\n", f"{NAME}\n  2\n", f"{NAME}\n  why: not\n", "  1: of nothing\n"):
            with self.subTest(text), self.assertRaises(Broken):
                equivalent(text)

    def test_missed_mutants_are_excused_if_all_places_are_listed(self) -> None:
        judged, problems = core.excuse([MISSED, ANOTHER, CAUGHT], {NAME: (2, "why")}, set())
        self.assertEqual([m.status for m in judged], ["equivalent", "equivalent", "caught"])
        self.assertEqual(problems, [])

    def test_if_more_are_missed_than_listed_none_is_excused(self) -> None:
        judged, problems = core.excuse([MISSED, ANOTHER], {NAME: (1, "why")}, set())
        self.assertEqual([m.status for m in judged], ["missed", "missed"])
        self.assertEqual(len(problems), 1)

    def test_a_listed_mutant_that_is_caught_or_missing_is_an_error(self) -> None:
        for mutants in ([CAUGHT], []):
            self.assertEqual(len(core.excuse(mutants, {NAME: (1, "why")}, set())[1]), 1)

    def test_entries_of_files_that_were_not_tried_do_not_count(self) -> None:
        self.assertEqual(core.excuse([], {NAME: (1, "why")}, {"vgic_v2/mod.rs"})[1], [])


class Verdicts(unittest.TestCase):
    def test_a_failed_assertion_is_a_finding(self) -> None:
        verdict = {"status": "fail", "reason": "not ok 3 name", "log": ["not ok 3 name"]}
        self.assertEqual(planted.failure([verdict]), "not ok 3 name")

    def test_a_hang_a_skip_and_a_missing_result_are_not_findings(self) -> None:
        for status, reason in (("fail", "did not end"), ("fail", "no result"), ("skip", "no GIC"),
                               ("pass", "")):
            verdict = {"status": status, "reason": reason, "log": ["ok 1 name"]}
            self.assertIsNone(planted.failure([verdict]))

    def test_each_planted_mutant_names_a_test_and_what_is_wrong(self) -> None:
        mutants = planted.read()
        self.assertEqual(len({m.name for m in mutants}), len(mutants))
        self.assertEqual([m.name for m in mutants if m.name.startswith("M")],
                         [f"M{number:02}" for number in range(1, 21)])


class Boot(unittest.TestCase):
    def command(self, task: str, machine: str, *tests: str) -> list[str]:
        with tempfile.TemporaryDirectory() as directory:
            work = Path(directory)
            tree = planted.Tree(work, work, work, "")

            def run(command: list[object], **_: object) -> subprocess.CompletedProcess[str]:
                results = work / "results" / task
                results.mkdir(parents=True)
                (results / ("results.json" if task == "run" else "kunit.json")).write_text("[]")
                said.extend(str(word) for word in command)
                return subprocess.CompletedProcess([], 0, "")

            said: list[str] = []
            with mock.patch("subprocess.run", run), mock.patch.object(tree, "_step", lambda _: "Image"):
                tree.boot(task, machine, tests)
            return said

    def test_mode_and_parameters_of_a_machine_are_passed_on(self) -> None:
        command = " ".join(self.command("run", "max GICv3 nested a.b=c d=e", "one"))
        for words in ("--cpu max --gic 3", "--mode nested", "--cmdline a.b=c d=e"):
            self.assertIn(words, command)

    def test_a_machine_without_mode_and_parameters(self) -> None:
        command = self.command("run", "neoverse-n1 GICv3", "one")
        self.assertFalse({"--mode", "--cmdline"} & set(command))

    def test_a_single_kunit_case_adds_a_filter_to_the_parameters(self) -> None:
        command = self.command("kunit", "max GICv2 a=b", "suite.case")
        self.assertEqual(command[command.index("--cmdline") + 1], "a=b kunit.filter_glob=suite.case")


if __name__ == "__main__":
    unittest.main()
