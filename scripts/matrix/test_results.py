# SPDX-License-Identifier: GPL-2.0
"""What the results say together, and the files that are made of them."""

import json
import re
import tempfile
import unittest
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from unittest import mock

from matrix import cells, changes, page, picture, planted, results, store, tap
from matrix.boots import Place
from matrix.cells import Cell, Refusal
from matrix.changes import Changes
from matrix.jobs import Mutated
from matrix.machines import MACHINES, Kernel
from matrix.results import Host, Results, order_problems, reasons, spans

KERNELS = ("6.1", "6.12", "6.18", "7.3")
LIE = planted.Lie("n1: a -> b", "ID_A", "0x1", 1, ("ID_A.F",))


def cell(source: str, destination: str, kind: str = "default", vmm: str = "planned",
         *refusals: Refusal, machine: str = "n1", to: str = "", **more: object) -> Cell:
    return Cell((machine, source), kind, (to or machine, destination), vmm, not refusals,
                "no" if refusals else "yes", refusals, **more)  # type: ignore[arg-type]


def refusal(name: str, reason: str = "missing", *fields: str, remedy: str = "none") -> Refusal:
    return Refusal(name, reason, fields, "0x1", 22, remedy, "0x1")


def run(*found: Cell, machines: tuple[str, ...] = ("n1",), **more: object) -> Results:
    hosts = tuple(Host(machine, kernel, f"{kernel}.9-cloud", f"{kernel}.9-1")
                  for machine in machines for kernel in KERNELS)
    about = {"command": "make matrix", "date": "2026-11-29", "qemu": "QEMU 10.0.2",
             "kvmfit": "0.1.0"}
    given: dict = {"planted": planted.Found(LIE, "the host refuses ID_A.F, plan takes it"),
                   "changes": (), **more}
    return Results(about, machines, KERNELS, hosts, found, **given)


class Together(unittest.TestCase):
    def test_spans(self) -> None:
        for names, expected in ((("6.1",), "6.1"), (("6.12", "6.18"), "6.12, 6.18"),
                                (("6.18", "7.3", "6.12"), "6.12 – 7.3"), (KERNELS, "all"),
                                (("6.1", "6.18"), "6.1, 6.18"), ((), "")):
            self.assertEqual(spans(names, KERNELS), expected)
        self.assertEqual(spans(["n1"], ["n1"]), "n1")

    def test_what_is_refused_in_the_same_moves_is_one_reason(self) -> None:
        gone, value = refusal("TCR2"), refusal("ID_A", "value", "F", "G")
        found = reasons([
            cell("6.12", "6.18", "default", "planned", gone, refusal("PIR"), value),
            cell("6.12", "7.3", "default", "planned", gone, refusal("PIR")),
            cell("6.12", "7.3", "default", "list-order", refusal("X"))])
        self.assertEqual([item.names for item in found], [("PIR", "TCR2"), ("ID_A.F", "ID_A.G")])
        self.assertEqual(found[0].moves, {("6.12", "6.18"), ("6.12", "7.3")})

    def test_moves_to_another_cpu_have_other_reasons(self) -> None:
        self.assertEqual(reasons([cell("6.1", "6.1", "default", "planned", refusal("X"),
                                       to="v1")]), [])

    def test_an_order_problem_is_one_of_the_list_alone_and_at_home(self) -> None:
        late = refusal("W2", "order", remedy="write A before W2")

        def pair(source: str, destination: str, planned: tuple, listed: tuple) -> list[Cell]:
            return [cell(source, destination, "ssbs", "planned", *planned),
                    cell(source, destination, "ssbs", "list-order", *listed)]

        found = order_problems([
            *pair("6.1", "6.1", (), (late,)), *pair("7.3", "7.3", (), (late,)),
            # Not on its own host, refused in any order, refused for another reason
            *pair("6.1", "7.3", (), (late,)), *pair("6.12", "6.12", (late,), (late,)),
            *pair("6.18", "6.18", (), (refusal("MIDR", "value"),))])
        self.assertEqual([(one.kind, one.names, one.remedy, one.kernels) for one in found],
                         [("ssbs", ("W2",), "write A before W2", {"6.1", "7.3"})])

    def test_newer_and_older(self) -> None:
        here = run(*(cell(source, destination) for source in KERNELS for destination in KERNELS),
                   cell("6.1", "7.3", "pmu"), cell("6.1", "7.3", "default", "list-order"),
                   cell("6.1", "7.3", to="v1"))
        newer, older = results.between(here, True), results.between(here, False)
        self.assertEqual((len(newer), len(older)), (6, 6))
        self.assertIn(("6.1", "7.3"), [(one.source[1], one.destination[1]) for one in newer])

    def test_the_modes_of_one_kernel_are_of_the_same_age(self) -> None:
        c, rust = results.OWN_TITLES
        here = replace(run(cell(c, rust), cell(rust, c), cell("7.3", c)),
                       kernels=(*KERNELS, c, rust))
        self.assertEqual([one.source[1] for one in results.between(here, True)], ["7.3"])
        self.assertEqual(results.between(here, False), [])

    def test_kernels_that_say_the_same(self) -> None:
        here = run(cell("6.1", "6.18"), cell("6.1", "7.3"), cell("6.1", "6.12"),
                   cell("6.12", "6.18", "pmu", "planned", refusal("X")),
                   cell("6.12", "7.3", "pmu", "planned", refusal("Y")))
        self.assertEqual(results.alike_hosts(here, ["6.18", "7.3"]),
                         (2, ["n1: 6.12, pmu, planned"]))

    def test_counts(self) -> None:
        good = cell("6.1", "6.1")
        wrong = cell("6.1", "7.3", only_host=("X",))
        unpredicted = replace(cell("6.1", "6.12"), plan="cannot-tell", undecided=("X",))
        self.assertEqual(run(good).counts(), (2, 0, 0))
        self.assertEqual(run(good, wrong, unpredicted).counts(), (2, 1, 1))
        self.assertEqual(run(good, planted=None).counts(), (1, 0, 1))
        self.assertEqual(run(good, planted=planted.Found(LIE, "")).counts(), (1, 1, 0))
        self.assertEqual(run(good, gone=(("6.1", "gone"),)).counts(), (2, 0, 1))
        self.assertEqual(run().counts(), (1, 1, 0))
        for mutated, counts in ((Mutated(200, 1), (6, 0, 0)), (Mutated(200, 2), (6, 1, 0)),
                                (Mutated(200, 0, 0, ("x",)), (2, 4, 0))):
            hosts = tuple(replace(host, mutated=mutated) for host in run().hosts)
            self.assertEqual(replace(run(good), hosts=hosts).counts(), counts)

    def test_what_makes_a_run_red(self) -> None:
        good = cell("6.1", "6.1")
        silent = replace(run(good), hosts=(Host("n1", "6.1", problem="it hangs"),))
        self.assertFalse(run(good).red)
        self.assertFalse(run(good, planted=None, gone=(("6.1", "gone"),)).red)
        self.assertTrue(run().red)
        self.assertTrue(run(good, cell("6.1", "7.3", only_plan=("X",))).red)
        self.assertTrue(run(good, planted=planted.Found(LIE, "nothing")).red)
        self.assertTrue(silent.red)
        self.assertEqual(silent.counts()[1], 1)

    def test_json_has_all(self) -> None:
        whole = json.loads(json.dumps(run(cell("6.1", "6.1", "a", "planned",
                                               refusal("X"))).whole()))
        self.assertEqual(whole["cells"][0]["refusals"][0]["name"], "X")
        self.assertEqual(whole["planted"]["lie"]["register"], "ID_A")
        self.assertEqual(len(whole["hosts"]), 4)


class Differences(unittest.TestCase):
    def row(self, name: str, before: str | None, after: str | None, takes: str = "equal",
            configures: bool = True, fields: tuple = ()) -> dict:
        return {"name": name, "values": [before, after], "takes": ["equal", takes],
                "configures": configures, "fields": [
                    {"name": field, "values": [a, b]} for field, a, b in fields]}

    def test_each_kind_of_change(self) -> None:
        found = changes.of_rows("n1", "a", "b", [
            self.row("GONE", "0x1", None), self.row("NEW", None, "0x1"),
            self.row("ID", "0x6", "0x8", fields=(("Debug", 6, 8),)),
            self.row("RAW", "0x6", "0x8"), self.row("MORE", "0x1", "0x1", "higher"),
            self.row("LESS", "0x1", "0x1", "lower"), self.row("ODD", "0x1", "0x1", "differs")])
        self.assertEqual(found.what, {
            "gone": ("GONE",), "new": ("NEW",),
            "values": ("ID.Debug 0x6 → 0x8", "RAW 0x6 → 0x8"),
            "more": ("MORE",), "fewer": ("LESS",), "other": ("ODD",)})

    def test_counters_are_no_change_unless_they_are_gone(self) -> None:
        found = changes.of_rows("n1", "a", "b", [
            self.row("CNT", "0x1", "0x2", configures=False),
            self.row("TCR2", "0x0", None, configures=False)])
        self.assertEqual(found.what, {"gone": ("TCR2",)})

    def test_of_a_vm_with_features_only_what_is_not_so_without_them(self) -> None:
        rows = {"psci_0_2": [self.row("BMAP", None, "0x0")],
                "pmu_v3": [self.row("BMAP", None, "0x0"), self.row("PMMIR", None, "0x0")]}

        def compare(_: object, old: Path, new: Path, features: tuple[str, ...]) -> list[dict]:
            return rows[features[0]]

        with tempfile.TemporaryDirectory() as place:
            places = []
            for kernel, sets in (("7.2", (["psci_0_2"], ["pmu_v3"])),
                                 ("7.3", (["psci_0_2"], ["pmu_v3"], ["sve"]))):
                host = store.Host(Path(place, kernel), Path(place))
                store.write(host.dump, json.dumps({"vms": [{"features": one} for one in sets]}))
                places.append(Place(MACHINES[0], Kernel(kernel, "x"), host,
                                    measured=mock.Mock()))
            with mock.patch.object(changes, "compare", compare):
                first, second = changes.of_places(Path("kvmfit"), places)
        self.assertEqual((first.features, first.new), ((), ("BMAP",)))
        self.assertEqual((second.features, second.new), (("pmu_v3",), ("PMMIR",)))

    def test_nothing(self) -> None:
        self.assertEqual(changes.of_rows("n1", "a", "b", []).what, {})


class Tap(unittest.TestCase):
    def test_a_line_for_each_cell_and_the_plan(self) -> None:
        wrong = cell("6.1", "7.3", "default", "planned", refusal("X", "value", "F"),
                     only_plan=("X",))
        unpredicted = replace(cell("6.1", "6.12"), plan="cannot-tell", undecided=("Y", "Z"))
        silent = replace(run(cell("6.1", "6.1"), wrong, unpredicted, gone=(("6.16", "gone"),)),
                         hosts=(Host("n1", "6.1", problem="it hangs"),))
        self.assertEqual(tap.lines(silent), [
            "TAP version 13", "1..6",
            "ok 1 - n1: 6.1 -> 6.1, default, planned: taken, as planned",
            "not ok 2 - n1: 6.1 -> 7.3, default, planned: plan refuses X.F, the host takes it",
            "ok 3 - n1: 6.1 -> 6.12, default, planned # SKIP cannot tell: Y, Z",
            "not ok 4 - n1, 6.1: it hangs",
            "ok 5 - 6.16 # SKIP gone",
            "ok 6 - a planted lie about ID_A.F in n1: a -> b: the host refuses ID_A.F, plan takes "
            "it"])

    def test_what_failed_is_counted_as_failed(self) -> None:
        for one in (run(), run(cell("6.1", "6.1"), planted=planted.Found(LIE, "")),
                    run(cell("6.1", "7.3", only_host=("X",)))):
            red = [line for line in tap.lines(one) if line.startswith("not ok")]
            self.assertEqual(len(red), one.counts()[1])
            self.assertTrue(red)


def matrix() -> Results:
    """Moves in both directions on two machines, with something of everything."""
    gone, order = refusal("TCR2_EL1"), refusal("W2", "order", remedy="write A before W2")
    found = []
    for machine in ("n1", "v1"):
        for source in KERNELS:
            for destination in KERNELS:
                bad = (gone,) if (source, destination[0]) == ("6.12", "7") else ()
                found += [cell(source, destination, "default", vmm, *bad, machine=machine)
                          for vmm in ("planned", "list-order")]
        found += [cell("7.3", "7.3", "ssbs-hidden", "planned", machine=machine),
                  cell("7.3", "7.3", "ssbs-hidden", "list-order", order, machine=machine)]
    found += [cell("6.1", kernel, "default", "planned", refusal("ID_A", "value", "F"), to="v1")
              for kernel in KERNELS]
    found.append(cell("6.18", "6.1", "pmu", "planned", only_plan=("PMCR_EL0",)))
    return run(*found, machines=("n1", "v1"), changes=(
        Changes("n1", "6.1", "6.12", new=("TCR2_EL1",)),
        Changes("v1", "6.1", "6.12", new=("TCR2_EL1",), values=("ID.NV 0x2 → 0x1",)),
        Changes("n1", "6.12", "6.18"),
        Changes("n1", "6.18", "7.3", ("pmu_v3", "psci_0_2"), new=("PMMIR_EL1",))))


class Page(unittest.TestCase):
    def setUp(self) -> None:
        self.text = page.text(matrix())

    def test_in_short(self) -> None:
        text = re.sub(r"\s+", " ", self.text)
        for words in ("- **To a newer kernel**: 10 of 12 moves of a new VM work.",
                      "What is refused in the others: 6.12 → 7.3: `TCR2_EL1`.",
                      "- **To an older kernel**: 12 of 12 moves of a new VM work.",
                      "on the host on which they were saved: on 7.3."):
            self.assertIn(words, text)
        self.assertNotIn("This project's kernel", self.text)

    def test_this_kernel_beside_the_stock_one(self) -> None:
        c, rust = results.OWN_TITLES
        found = [cell("6.1", kernel, kind) for kernel in ("7.3", c, rust)
                 for kind in ("default", "pmu")]
        text = page.text(replace(run(*found), kernels=(*KERNELS, c, rust)))
        self.assertIn("gave the same answer as 7.3 in 2 of 2 cases.", re.sub(r"\s+", " ", text))

    def test_who_can_move_where(self) -> None:
        self.assertIn("### n1\n\n| from ↓ on → | 6.1 | 6.12 | 6.18 | 7.3 |\n"
                      "|---|---:|---:|---:|---:|\n", self.text)
        self.assertIn("\n| 6.12 | yes | yes | yes | 1 |\n", self.text)

    def test_what_is_refused_and_why(self) -> None:
        self.assertIn("| `TCR2_EL1` | the host lacks it | 6.12 → 7.3 | n1, v1 | new VMs |"
                      .replace("n1, v1", "all"), self.text)

    def test_the_order_of_the_list(self) -> None:
        self.assertIn("| ID_AA64PFR1_EL1.SSBS hidden by a CPU template | `W2` | write A before W2 "
                      "| 7.3 | all |", self.text)
        self.assertIn("No VM was refused for the order", page.text(run(cell("6.1", "6.1"))))

    def test_what_changed(self) -> None:
        self.assertIn("**6.1 → 6.12**\n\n- new: `TCR2_EL1`\n"
                      "- of a new VM: `ID.NV 0x2 → 0x1` (v1)\n", self.text)
        self.assertIn("**6.12 → 6.18**\n\nNothing.\n", self.text)
        self.assertIn("**6.18 → 7.3**\n\n- with pmu_v3: new: `PMMIR_EL1`\n", self.text)

    def test_moves_between_cpus(self) -> None:
        self.assertIn("| n1 → v1 | 6.1 | 1 | `ID_A.F` |", self.text)

    def test_disagreements_silent_hosts_and_lies_are_named(self) -> None:
        self.assertIn("- n1: 6.18 -> 6.1, pmu, planned: plan refuses PMCR_EL0, the host takes it",
                      self.text)
        self.assertIn("A lie about `ID_A.F`, planted in the dump of one host, was found.",
                      self.text)
        other = replace(run(cell("6.1", "6.1"), planted=planted.Found(LIE, "")),
                        hosts=(Host("n1", "6.1", problem="it hangs"),), gone=(("6.16", "gone"),))
        text = page.text(other)
        for words in ("was NOT found", "No results: n1, 6.1: it hangs.", "Left out: 6.16: gone."):
            self.assertIn(words, text)

    def test_changed_vms_are_counted(self) -> None:
        hosts = [replace(host, mutated=Mutated(200, 1)) for host in run().hosts]
        hosts[0] = replace(hosts[0], mutated=Mutated(200, 0, 0, ("x", "y")))
        text = page.text(replace(run(cell("6.1", "6.1")), hosts=tuple(hosts)))
        self.assertIn("800 VMs were changed at random, each on its own host: 795 answers as "
                      "predicted; 2 not; 3 that the dump cannot tell.", re.sub(r"\s+", " ", text))

    def test_what_cannot_be_told_is_listed(self) -> None:
        unpredicted = [replace(cell("6.1", kernel), plan="cannot-tell", undecided=("X",))
                  for kernel in KERNELS]
        text = page.text(run(*unpredicted))
        self.assertIn("4 that the dump cannot tell", re.sub(r"\s+", " ", text))
        self.assertIn("- cannot tell, 4 times: `X`", text)

    def test_command_date_and_versions(self) -> None:
        for words in ("`make matrix`", "2026-11-29", "QEMU 10.0.2", "kvmfit 0.1.0",
                      "| 6.12 | 6.12.9-cloud | 6.12.9-1 |"):
            self.assertIn(words, self.text)

    def test_registers_of_a_kind_are_counted(self) -> None:
        self.assertEqual(cells.alike(["A", "C[L1].x 1 → 2", "C[L1].y", "C[L2]", "B.f"]),
                         ["A", "C[…] × 2", "B.f"])

    def test_tables_are_whole(self) -> None:
        for block in re.findall(r"(?:^\|.*\n)+", self.text, re.M):
            widths = {line.count("|") for line in block.splitlines()}
            self.assertEqual(len(widths), 1, block)


class Picture(unittest.TestCase):
    SVG = "{http://www.w3.org/2000/svg}"

    def setUp(self) -> None:
        self.root = ET.fromstring(picture.svg(matrix()))

    def groups(self, title: str) -> list[ET.Element]:
        return [group for group in self.root.iter(f"{self.SVG}g")
                if (group.findtext(f"{self.SVG}title") or "").startswith(f"{title}\n")]

    def test_a_cell_for_each_move_on_each_machine(self) -> None:
        self.assertEqual(len(list(self.root.iter(f"{self.SVG}g"))), 2 * 16)
        for group in self.groups("6.12 → 7.3"):
            self.assertEqual(group[1].get("fill"), picture.RED)
            self.assertEqual(group.findtext(f"{self.SVG}text"), "1")
            self.assertIn("default: TCR2_EL1", group.findtext(f"{self.SVG}title") or "")
        self.assertEqual(self.groups("6.1 → 6.1")[0][1].get("fill"), picture.GREEN)

    def test_of_other_vms_it_says_what_is_not_so_of_a_new_one(self) -> None:
        gone, more = refusal("TCR2_EL1"), refusal("MIDR_EL1", "value")
        made = run(*(cell("6.1", "7.3", kind, "planned", *refused) for kind, refused in (
            ("default", (gone,)), ("pmu", (gone,)), ("midr-changed", (gone, more)),
            ("psci-1.0", ()))))
        root = ET.fromstring(picture.svg(made))
        titles = [text for group in root.iter(f"{self.SVG}title") if (text := group.text or "")
                  .startswith("6.1 → 7.3")]
        self.assertEqual(titles, ["6.1 → 7.3\ndefault: TCR2_EL1\npmu: as a new VM\n"
                                  "psci-1.0: taken\nmidr-changed: MIDR_EL1"])

    def test_colours(self) -> None:
        good, bad = cell("a", "b"), cell("a", "b", "x", "planned", refusal("X"), refusal("Y"))
        for found, expected in (({"default": good}, (picture.GREEN, "")),
                                ({"default": good, "x": bad}, (picture.YELLOW, "")),
                                ({"default": bad, "x": good}, (picture.RED, "2")),
                                ({}, (picture.GREY, "–"))):
            self.assertEqual(picture.colour(found), expected)

    def test_the_order_of_the_list_is_marked(self) -> None:
        self.assertEqual(len(self.groups("7.3 → 7.3")[0].findall(f"{self.SVG}path")), 1)
        self.assertEqual(self.groups("6.1 → 6.1")[0].findall(f"{self.SVG}path"), [])

    def test_a_disagreement_has_a_frame(self) -> None:
        frames = [group for group in self.root.iter(f"{self.SVG}g")
                  if any(rect.get("stroke") == "#d00000" for rect in group)]
        self.assertEqual([group.findtext(f"{self.SVG}title").splitlines()[0]  # type: ignore
                          for group in frames], ["6.18 → 6.1"])

    def test_nothing_is_outside(self) -> None:
        width, height = (float(self.root.get(name, "0")) for name in ("width", "height"))
        for rect in self.root.iter(f"{self.SVG}rect"):
            self.assertLessEqual(float(rect.get("x", "0")) + float(rect.get("width", "0")), width)
            self.assertLessEqual(float(rect.get("y", "0")) + float(rect.get("height", "0")),
                                 height)

    def test_a_run_of_nothing_is_a_picture(self) -> None:
        ET.fromstring(picture.svg(replace(run(), machines=(), hosts=())))


class Refused(unittest.TestCase):
    def test_how_many(self) -> None:
        found = results.one([cell("a", "b", "default", "planned", refusal("X"))])
        self.assertEqual(results.refused(found, ("n1", "a"), ("n1", "b")), 1)
        self.assertIsNone(results.refused(found, ("n1", "b"), ("n1", "a")))


if __name__ == "__main__":
    unittest.main()
