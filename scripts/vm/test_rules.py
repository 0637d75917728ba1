# SPDX-License-Identifier: GPL-2.0
"""The files expected, racy, skips and floors."""

import re
import unittest
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rows import BadRow
from vm import rules
from vm.fake import SCRIPTS, read
from vm.matrix import TABLE, TEST_NAMES, Config
from vm.rules import Ceiling

V3, V2 = TABLE[:2]


class Rows(unittest.TestCase):
    def refused(self, reader: Callable[[Path], object], row: str, why: str) -> None:
        with self.subTest(row), self.assertRaises(BadRow) as caught:
            read(reader, row)
        self.assertIn("rows:3: ", str(caught.exception))
        self.assertIn(why, str(caught.exception))

    def test_the_files_of_the_project_are_valid(self) -> None:
        rules.read_expected()
        rules.read_racy()
        for debug in (False, True):
            rules.read_skips(debug=debug)
        floors = rules.read_floors()
        self.assertEqual(set(floors.unjudged), set(rules.SURFACES))

    def test_every_selftest_has_a_floor(self) -> None:
        self.assertEqual(set(TEST_NAMES) - set(rules.read_floors().names("selftest")), set())

    def test_every_suite_on_the_host_has_a_floor(self) -> None:
        script = (SCRIPTS / "test-host.sh").read_text(encoding="utf-8")
        suites = set(re.findall(r"^tests (\w+)$", script, re.M))
        suites |= set(*map(str.split, re.findall(r"^for directory in (.*); do$", script, re.M)))
        self.assertGreater(len(suites), 8)
        self.assertEqual(suites, set(rules.read_floors().names("host")))

    def test_only_steal_time_is_retried(self) -> None:
        self.assertEqual(set(rules.read_racy()), {"steal_time"})

    def test_wrong_columns(self) -> None:
        for reader, columns in ((rules.read_expected, "configuration | test | message | cause"),
                                (rules.read_racy, "test | message | proven cause"),
                                (rules.read_skips, "machines | test or test: case | reason"),
                                (rules.read_floors, "what | name | machines | number")):
            for row in ("a | b", "a | b | c | d | e", "psci_test | | a", "* | psci_test | | 1"):
                self.refused(reader, row, f"must be '{columns}'")

    def test_wrong_words(self) -> None:
        for reader, row, why in (
                (rules.read_expected, "max | psci_test | a | b", "no machine 'max'"),
                (rules.read_expected, f"{V3.name} | psci | a | b", "no test 'psci'"),
                (rules.read_expected, f"{V3.name} | psci_test | ( | b", "not a regular expression"),
                (rules.read_racy, "boot | hung: no output | QEMU", "no test 'boot'"),
                (rules.read_racy, "psci_test | [ | QEMU", "not a regular expression"),
                (rules.read_skips, "max | psci_test | a", "no machine 'max'"),
                (rules.read_skips, "*, maxi* | psci_test | a", "no machine 'maxi*'"),
                (rules.read_skips, "* | psci | a", "no test 'psci'"),
                (rules.read_skips, "* (kcsan) | psci_test | a", "no kernel 'kcsan'"),
                (rules.read_floors, "test | psci_test | * | 1", "no kind 'test'"),
                (rules.read_floors, "selftest | psci | * | 1", "no selftest 'psci'"),
                (rules.read_floors, "kunit | psci_test | * | 1", "no kunit 'psci_test'"),
                (rules.read_floors, "host | A B | * | 1", "no host 'A B'"),
                (rules.read_floors, "selftest | psci_test | max | 1", "no machine 'max'"),
                (rules.read_floors, "selftest | psci_test | * | some", "'some' is not a number"),
                (rules.read_floors, "selftest | psci_test | * | -1", "'-1' is not a number"),
                (rules.read_floors, "unjudged | kvm | * | 1 % + 1", "no unjudged 'kvm'"),
                (rules.read_floors, "unjudged | smccc | * | 1", "'1' is not of the form"),
                (rules.read_floors, "unjudged | smccc | max * | 1 % + 1", "must have one ceiling")):
            self.refused(reader, row, why)

    def test_same_row_twice(self) -> None:
        for reader, row in ((rules.read_expected, f"{V3.name} | psci_test | a | b"),
                            (rules.read_racy, "psci_test | a | b")):
            with self.assertRaises(BadRow) as caught:
                read(reader, row, row)
            self.assertIn("rows:4: psci_test", str(caught.exception))
            self.assertIn("listed twice", str(caught.exception))
        with self.assertRaises(BadRow):
            read(rules.read_floors, *["unjudged | smccc | * | 1 % + 100"] * 2)


class Words(unittest.TestCase):
    def test_a_pattern_matches_the_whole_text(self) -> None:
        for pattern, text, good in (
                ("abc", "abc", True), ("abc", "abcd", False), ("abc", "xabc", False),
                ("a*c", "abbc", True), ("a*c", "ac", True), ("*", "", True), ("a.c", "abc", False),
                ("(a)?", "(a)?", True), ("a*", "ba", False), ("*a", "ab", False)):
            with self.subTest(pattern, text=text):
                self.assertEqual(rules.matches(pattern, text), good)

    def test_a_message_matches_the_whole_reason(self) -> None:
        failure = read(rules.read_racy, r"psci_test | a\.c:\d+: b | c")["psci_test"]
        self.assertTrue(failure.says("a.c:12: b"))
        for text in ("a.c:12: bc", "xa.c:12: b", "abc:12: b"):
            self.assertFalse(failure.says(text))

    def test_skips_of_a_machine(self) -> None:
        found = read(rules.read_skips, "* GICv3 * | psci_test: a: b | c: d",
                     f"{V2.name}, a64fx * | psci_test | e")
        (one,) = found.on(V3, "psci_test") or []
        self.assertEqual((one.test, one.case, one.reason, str(one.where)),
                         ("psci_test", "a: b", "c: d", "rows:3"))
        (one,) = found.on(V2, "psci_test") or []
        self.assertEqual((one.case, one.reason), (None, "e"))
        self.assertEqual(found.on(V3, "hypercalls"), [])
        self.assertEqual(len(found.on(TABLE[4], "psci_test") or []), 2)
        self.assertIsNone(found.on(Config("cortex-a76", 3, "vhe"), "psci_test"))

    def test_skips_of_a_kernel(self) -> None:
        rows = ("* (base) | psci_test | a", "* (debug) | psci_test | b", "* | psci_test | c")
        base = read(rules.read_skips, *rows)
        debug = read(partial(rules.read_skips, debug=True), *rows)
        self.assertEqual([row.reason for row in base.rows], ["a", "c"])
        self.assertEqual([row.reason for row in debug.rows], ["b", "c"])

    def test_ceiling(self) -> None:
        floors = read(rules.read_floors, "unjudged | smccc | * | 0.5 % + 10")
        self.assertEqual(floors.unjudged, {"smccc": Ceiling(0.5, 10)})
        self.assertEqual([Ceiling(0.5, 10).of(calls) for calls in (0, 199, 200, 1000)],
                         [10, 10, 11, 15])

    def test_floors_of_the_host(self) -> None:
        floors = read(rules.read_floors, "host | core | * | 7", "selftest | psci_test | * | 1",
                      "host | fuzz | * | 0")
        self.assertEqual(list(rules.host_floors(floors)), ["core 7", "fuzz 0"])


if __name__ == "__main__":
    unittest.main()
