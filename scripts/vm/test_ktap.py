# SPDX-License-Identifier: GPL-2.0
"""KUnit's report in the kernel's log."""

import unittest

from vm import ktap

GOOD = """
Booting
    # Subtest: said before KUnit does
    # Subtest: before
    1..7
ok 1 said before KUnit does
KTAP version 1
1..2
    KTAP version 1
    # Subtest: kvm_arm64_one
    # module: kvm
    1..3
    ok 1 a
    # b: said on the way
    ok 2 b # SKIP the host has no GICv3
        KTAP version 1
        # Subtest: c
        1..2
        ok 1 first
        ok 2 second # SKIP not here
            ok 1 deeper # SKIP nor there
    ok 3 c
# Totals: pass:2 fail:0 skip:1 total:3
ok 1 kvm_arm64_one
    KTAP version 1
    # Subtest: kvm_arm64_two
    1..1
    ok 1 - d
ok 2 kvm_arm64_two
"""


def parse(text: str) -> tuple[list[ktap.Suite], list[str]]:
    return ktap.parse(text.split("\n"))


class Parse(unittest.TestCase):
    def test_suites_and_cases(self) -> None:
        suites, problems = parse(GOOD)
        self.assertEqual(problems, [])
        self.assertEqual([suite.name for suite in suites], ["kvm_arm64_one", "kvm_arm64_two"])
        self.assertEqual([(case.name, case.status, case.reason) for case in suites[0].cases],
                         [("a", "pass", ""), ("b", "skip", "the host has no GICv3"),
                          ("c", "pass", "")])
        self.assertEqual([case.name for case in suites[1].cases], ["d"])

    def test_each_case_has_its_own_log(self) -> None:
        suites, _ = parse(GOOD)
        self.assertIn("    # b: said on the way", suites[0].cases[1].log)
        self.assertNotIn("    # b: said on the way", suites[0].cases[2].log)

    def test_a_skipped_parameter_of_a_passed_case_is_reported(self) -> None:
        suites, _ = parse(GOOD)
        self.assertEqual([(case.name, case.status, case.reason) for case in suites[0].parameters],
                         [("c, second", "skip", "not here")])
        self.assertEqual(len(suites[0].all_cases), 4)
        self.assertIn("        ok 1 first", suites[0].cases[2].log)
        self.assertEqual(suites[1].parameters, [])

    def test_a_skip_without_a_reason(self) -> None:
        suites, _ = parse(GOOD.replace(" the host has no GICv3", ""))
        self.assertEqual(suites[0].cases[1].reason, "no reason given")

    def test_a_failed_case_is_not_a_skip(self) -> None:
        suites, _ = parse(GOOD.replace("ok 2 b # SKIP", "not ok 2 b # SKIP"))
        self.assertEqual(suites[0].cases[1].status, "fail")

    def test_failed_case(self) -> None:
        suites, problems = parse(GOOD.replace("    ok 1 a", "    not ok 1 a")
                                 .replace("\nok 1 kvm", "\nnot ok 1 kvm"))
        self.assertEqual((suites[0].cases[0].status, problems), ("fail", []))

    def test_wrong_reports(self) -> None:
        for old, new, problem in (
                (GOOD, "", "no KTAP in the kernel's log: KUnit did not run"),
                ("\n1..2", "\n1..3", "3 suites planned, 2 run"),
                ("    1..3", "    1..4", "suite kvm_arm64_one: 4 cases planned, 3 run"),
                ("    ok 1 a\n", "", "suite kvm_arm64_one: 3 cases planned, 2 run"),
                ("\nok 1 kvm", "\nnot ok 1 kvm", "suite kvm_arm64_one failed outside of its cases"),
                ("ok 2 kvm_arm64_two\n", "", "suite kvm_arm64_two did not end")):
            with self.subTest(problem):
                self.assertEqual(parse(GOOD.replace(old, new))[1], [problem])

    def test_a_suite_without_its_end(self) -> None:
        suites, problems = parse(GOOD.replace("\nok 1 kvm_arm64_one", ""))
        self.assertEqual(len(suites), 1)
        self.assertIn("2 suites planned, 1 run", problems)

    def test_lines_without_a_suite(self) -> None:
        for line in ("    1..2", "    ok 1 a", "ok 1 kvm_arm64_one"):
            with self.subTest(line):
                self.assertEqual(parse(f"KTAP version 1\n1..0\n{line}\n"),
                                 ([], ["no suite matched kvm_arm64*"]))

    def test_no_suite_at_all(self) -> None:
        self.assertEqual(parse("KTAP version 1\n1..0\n")[1], ["no suite matched kvm_arm64*"])


if __name__ == "__main__":
    unittest.main()
