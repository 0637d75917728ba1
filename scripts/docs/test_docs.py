# SPDX-License-Identifier: GPL-2.0
"""What `make docs` writes, what it refuses to write, and a drawing that is not its source's."""

import contextlib
import io
import json
import os
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from bench import machines
from docs import __main__ as program
from docs import block, costs, drawing, results
from testing import said_by
from vm import matrix

SOURCE = 'digraph x { node [fontname = "DejaVu Sans"] a -> b }\n'
PAGE = "# A page\n\n<!-- begin {0} -->\n\nold\n\n<!-- end {0} -->\n\nThe end.\n"
CALLS = {"c": 5, "rust": 5, "mismatches": 0, "unjudged": 0}


def whole() -> list[dict[str, Any]]:
    """What `make run ALL=1` stores, as far as it is read."""
    plan = matrix.boots(matrix.select(None, None, None), matrix.ABI_MODES,
                        matrix.check_tests(None, debug=False))
    return [{"configuration": boot.config.name, "abi": boot.abi,
             "calls": {"fw_reg": dict(CALLS), "smccc": dict(CALLS)},
             "tests": [{"name": name, "status": "pass", "cases": 2}
                       for name in (results.BOOT, *boot.tests)]} for boot in plan]


class Pages(unittest.TestCase):
    def setUp(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.root = Path(directory) / "root"
        self.out = Path(directory) / "out"
        (self.root / "docs").mkdir(parents=True)
        (self.out / "bench").mkdir(parents=True)
        for name, what in (("README.md", "results"), ("docs/results.md", "results"),
                           ("docs/bench.md", "bench")):
            (self.root / name).write_text(PAGE.format(what))
        (self.root / "docs" / drawing.SOURCE).write_text(SOURCE)

    def page(self, name: str) -> str:
        return (self.root / name).read_text()

    def run_whole(self, boots: list[dict[str, Any]] | None = None) -> None:
        path = self.out / "results.json"
        path.write_text(json.dumps(whole() if boots is None else boots))
        os.utime(path, (0, 86400))
        (self.out / "results.txt").write_text(
            "KVM selftests, Linux 7.3.4, QEMU 10.0.2 (TCG), kvm-arm.abi=c|rust|check\n\nthe table\n")

    def benched(self, names: list[str]) -> None:
        (self.out / "bench/bench.json").write_text(json.dumps(
            {"kind": "kvm-arm64-rust bench", "schema": 1, "versions": {},
             "machines": {name: {"paths": {}, "handlers": {}} for name in names}}))
        (self.out / "bench/bench.md").write_text(
            "Measured by `make bench` on Linux 7.3.4, QEMU 10.0.2.\n\n### Instructions\n")
        for name in costs.PLOTS:
            (self.out / "bench" / name).write_text(f"{name}\n")

    def main(self, *names: str) -> tuple[int, str]:
        out = io.StringIO()
        with mock.patch("sys.argv", ["docs", str(self.root), str(self.out), *names]), \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            return program.main(), out.getvalue()


class Block(Pages):
    def test_what_is_around_it_stays(self) -> None:
        path = self.root / "README.md"
        block.replace(path, "results", ["new", "lines"])
        self.assertEqual(path.read_text(), PAGE.format("results").replace("old", "new\nlines"))
        self.assertEqual(block.read(path, "results"), "new\nlines")

    def test_the_pages_have_the_comments(self) -> None:
        root = Path(__file__).resolve().parents[2]
        for name, what in (("README.md", "results"), ("docs/results.md", "results"),
                           ("docs/bench.md", "bench")):
            self.assertTrue(block.read(root / name, what), name)

    def test_a_page_without_the_comments_is_refused(self) -> None:
        path = self.root / "README.md"
        for text in ("# A page\n", PAGE.format("bench"), PAGE.format("results") * 2,
                     "<!-- end results -->\n<!-- begin results -->\n"):
            path.write_text(text)
            with self.subTest(text), self.assertRaises(block.NoBlock):
                block.replace(path, "results", ["new"])
            self.assertEqual(path.read_text(), text)


class Results(Pages):
    def test_a_whole_run_is_shown(self) -> None:
        self.run_whole()
        self.assertEqual(self.main("results")[0], 0)
        self.assertIn("`make run ALL=1`, 1970-01-02, Linux 7.3.4, QEMU 10.0.2 (TCG):",
                      self.page("docs/results.md"))
        self.assertIn("the table", self.page("docs/results.md"))
        rows = [line for line in self.page("README.md").splitlines() if line.startswith("| ")]
        self.assertEqual(len(rows), 1 + len(matrix.TABLE))
        tests = len(matrix.check_tests(None, debug=False))
        # What races has a boot of its own, with calls of its own.
        self.assertEqual(rows[1], f"| max | GICv3 | vhe | {tests} | 0 | 0 | 20 | 0 |")
        self.assertLessEqual(max(map(len, self.page("README.md").splitlines())), 80)

    def test_the_worst_result_of_any_mode_counts(self) -> None:
        boots = whole()
        for number, status in ((0, "skip"), (1, "xfail")):
            for boot in boots:
                if boot["configuration"] == matrix.TABLE[number].name and boot["abi"] == "check":
                    boot["tests"][1]["status"] = status
                    break
        self.run_whole(boots)
        self.main("results")
        tests = len(matrix.check_tests(None, debug=False)) - 1
        rows = self.page("README.md").splitlines()
        self.assertIn(f"| max | GICv3 | vhe | {tests} | 1 | 0 | 20 | 0 |", rows)
        self.assertIn(f"| max | GICv2 | vhe | {tests} | 0 | 1 | 20 | 0 |", rows)

    def test_a_difference_is_shown(self) -> None:
        boots = whole()
        next(boot for boot in boots if boot["abi"] == "check")["calls"]["smccc"]["mismatches"] = 3
        self.run_whole(boots)
        self.main("results")
        self.assertRegex(self.page("README.md"), r"\| max \| GICv3 \| vhe \|.*\| 20 \| 3 \|")

    def refused(self, boots: list[dict[str, Any]], words: str) -> None:
        before = self.page("README.md"), self.page("docs/results.md")
        self.run_whole(boots)
        status, said = self.main("results")
        self.assertEqual(status, 1)
        self.assertIn(words, said)
        self.assertEqual((self.page("README.md"), self.page("docs/results.md")), before)

    def test_a_boot_is_missing(self) -> None:
        self.refused(whole()[1:], "boot was not run on max GICv3 vhe in mode c")

    def test_a_test_is_missing(self) -> None:
        boots = whole()
        gone = boots[-9]["tests"].pop()["name"]
        self.refused(boots, f"{gone} was not run on")

    def test_a_test_has_failed(self) -> None:
        boots = whole()
        boots[0]["tests"][1]["status"] = "fail"
        self.refused(boots, "failed on max GICv3 vhe in mode c")

    def test_without_a_run_it_is_an_error_only_if_it_was_asked_for(self) -> None:
        self.assertEqual(self.main("results")[0], 1)
        self.assertEqual(self.main("bench")[0], 1)
        status, said = self.main()
        self.assertEqual(status, 0)
        self.assertIn("results: left as it is: there is no ", said)
        self.assertIn("bench: left as it is: there is no ", said)
        self.assertIn("architecture: written", said)
        self.assertEqual(self.main("result")[0], 2)


class Costs(Pages):
    def test_a_run_on_every_model_is_shown(self) -> None:
        self.benched([config.name for config in machines.select(None, None, None)])
        self.assertEqual(self.main("bench"), (0, "      bench: written\n"))
        self.assertRegex(self.page("docs/bench.md"),
                         r"`make bench`, [0-9-]+, Linux 7\.3\.4, QEMU 10\.0\.2:\n\n### Instr")
        for name in costs.PLOTS:
            self.assertEqual(self.page(f"docs/{name}"), f"{name}\n")

    def test_another_one_is_not(self) -> None:
        self.benched([machines.select(None, None, None)[0].name])
        self.assertEqual(self.main("bench")[0], 1)
        (self.out / "bench/bench.json").write_text("{}")
        self.assertEqual(self.main("bench")[0], 1)
        self.assertIn("\nold\n", self.page("docs/bench.md"))


class Drawing(Pages):
    def setUp(self) -> None:
        super().setUp()
        self.docs = self.root / "docs"
        drawing.write(self.docs)
        self.svg = self.docs / drawing.DRAWING

    def problem(self) -> str:
        found = drawing.problems(self.docs)
        self.assertEqual(len(found), 1)
        return found[0]

    def test_what_was_just_drawn_is_right(self) -> None:
        self.assertEqual(drawing.problems(self.docs), [])
        self.assertIn("<svg", self.svg.read_text())

    def test_the_source_has_changed(self) -> None:
        (self.docs / drawing.SOURCE).write_text(SOURCE.replace("b", "c"))
        self.assertIn("has changed since", self.problem())

    def test_the_drawing_was_edited(self) -> None:
        self.svg.write_text(self.svg.read_text().replace(">a<", ">z<"))
        self.assertIn("is not what Graphviz", self.problem())

    def test_another_version_is_not_compared(self) -> None:
        self.svg.write_text(self.svg.read_text().replace(">a<", ">z<"))
        with mock.patch.object(drawing, "version", return_value="1.0"):
            self.assertEqual(drawing.problems(self.docs), [])

    def test_the_comment_is_missing(self) -> None:
        self.svg.write_text("<svg/>\n")
        self.assertIn("does not say what it was made from", self.problem())

    def test_what_dot_refuses_is_an_error(self) -> None:
        (self.docs / drawing.SOURCE).write_text("digraph {")
        self.assertEqual(self.main("architecture")[0], 1)
        with mock.patch.object(drawing, "DOT", "/nonexistent"):
            self.assertEqual(self.main("architecture")[0], 1)

    def test_the_program(self) -> None:
        for text, status in ((None, 0), ("<svg/>\n", 1)):
            if text:
                self.svg.write_text(text)
            found, said = said_by(drawing.main, self.docs)
            self.assertEqual((found, bool(said)), (status, bool(status)))


if __name__ == "__main__":
    unittest.main()
