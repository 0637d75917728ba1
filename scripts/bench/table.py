# SPDX-License-Identifier: GPL-2.0
"""The result for people, as text and as Markdown."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bench import parts
from bench.goals import COMMON, FAST, HANDLER, HVC, HYPERCALL, Goal, lines_of, sampled
from bench.result import CHECKED, SAMPLE, SAMPLED, Result


@dataclass
class Table:
    """Headings and rows of cells; a row of one cell is a subtitle."""
    title: str
    heads: list[str]
    rows: list[list[str]] = field(default_factory=list)
    # The upper headings: (words, number of columns)
    above: list[tuple[str, int]] = field(default_factory=list)

    def text(self) -> list[str]:
        full = [row for row in self.rows if len(row) == len(self.heads)]
        widths = [max(len(row[i]) for row in [self.heads, *full]) for i in range(len(self.heads))]
        lines = [self.title, ""]
        if self.above:
            lines.append(self._above(widths))
        lines += [_line(self.heads, widths), "-" * (sum(widths) + 2 * len(widths) - 2)]
        lines += [_line(row, widths) if len(row) == len(widths) else row[0] for row in self.rows]
        return [line.rstrip() for line in lines]

    def _above(self, widths: list[int]) -> str:
        cells: list[str] = []
        at = 0
        for words, number in self.above:
            width = sum(widths[at:at + number]) + 2 * (number - 1)
            cells.append(f"{words:>{width}}" if cells else f"{words:{width}}")
            at += number
        return "  ".join(cells)

    def markdown(self) -> list[str]:
        """A table with one column for each machine, to save space."""
        groups = self.above or [(head, 1) for head in self.heads]
        heads = [words or head for (words, _), head in zip(groups, self.heads, strict=False)]
        lines = [f"### {self.title}", ""]
        if self.above:
            lines += ["Each column of a machine has: "
                      f"{' / '.join(self.heads[1:1 + self.above[-1][1]])}.", ""]
        lines += [_pipes(heads), _pipes(["---", *["---:"] * (len(heads) - 1)])]
        for row in self.rows:
            if len(row) == len(self.heads):
                cells, at = [f"`{row[0]}`"], 1
                for _, number in groups[1:]:
                    cells.append(" / ".join(row[at:at + number]))
                    at += number
                lines.append(_pipes(cells))
        return lines


def _line(row: list[str], widths: list[int]) -> str:
    return "  ".join(f"{cell:>{width}}" if i else f"{cell:{width}}"
                     for i, (cell, width) in enumerate(zip(row, widths, strict=True)))


def _pipes(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cost: dict[str, int] | None) -> str:
    if cost is None:
        return "-"
    return f"{cost['instructions']}{'+' if cost.get('remainder') else ''}"


def _difference(costs: dict[str, dict[str, int]]) -> str:
    if "c" not in costs or "rust" not in costs:
        return "-"
    number = costs["rust"]["instructions"] - costs["c"]["instructions"]
    return f"{number:+d}" if number else "0"


def grouped(names: Iterable[str]) -> list[str]:
    """Each name once, names with the same first part together, otherwise in the given order."""
    groups: dict[str, dict[str, None]] = {}
    for name in names:
        groups.setdefault(name.split("/")[0], {})[name] = None
    return [name for group in groups.values() for name in group]


def paths(result: Result) -> Table:
    machines = result["machines"]
    table = Table("Instructions per operation", ["path"], above=[("", 1)])
    for name in machines:
        table.above.append((name, 4))
        table.heads += ["C", "Rust", "diff", "stock"]
    group = ""
    for path in grouped(path for machine in machines.values()
                        for path in (*machine["paths"], *machine["approximate"])):
        if path.split("/")[0] != group:
            group = path.split("/")[0]
            table.rows.append([f"[{group}]"])
        row = [path]
        for machine in machines.values():
            if about := machine["approximate"].get(path):
                cells = {side: f"~{cost['instructions']}" for side, cost in about.items()}
                row += [cells.get("c", "-"), cells.get("rust", "-"), "", cells.get("stock", "-")]
                continue
            costs = machine["paths"].get(path, {})
            row += [_cell(costs.get("c")), _cell(costs.get("rust")), _difference(costs),
                    _cell(costs.get("stock"))]
        table.rows.append(row)
    return table


def _percent(c: int, rust: int) -> str:
    return f"{100 * (rust - c) / c:+.0f} %" if c else "-"


def handlers(result: Result) -> Table:
    """The handler of hypercalls alone; only for HVC, since it treats SMC the same."""
    machines = result["machines"]
    table = Table(f"Instructions of {HANDLER}(), including its callees, per call",
                  ["path"], above=[("", 1)])
    for name in machines:
        table.above.append((name, 4))
        table.heads += ["C", "Rust", "diff", "stock"]
    found = dict.fromkeys(path for machine in machines.values() for path in machine["handlers"]
                          if path.startswith("hvc/"))
    total = [[0, 0] for _ in machines]
    for path in found:
        row = [path + ("*" if COMMON.match(path) else "")]
        for i, machine in enumerate(machines.values()):
            modes = machine["handlers"].get(path, {})
            sides = {mode: modes[mode][HANDLER] for mode in modes if HANDLER in modes[mode]}
            row += [_cell(sides.get("c")), _cell(sides.get("rust")), "-",
                    _cell(sides.get("stock"))]
            if "c" in sides and "rust" in sides:
                c, rust = (sides[mode]["instructions"] for mode in ("c", "rust"))
                row[-2] = _percent(c, rust)
                total[i][0] += c
                total[i][1] += rust
        table.rows.append(row)
    row = ["all"]
    for c, rust in total:
        row += [str(c), str(rust), _percent(c, rust), ""]
    table.rows.append(row)
    return table


# Each SMC passes it without a handler, and no HVC takes less with an exit.
FLOOR = "floor/world_switch"


def side_by_side(result: Result) -> Table:
    """A hypercall in C, in Rust and in Rust without an exit, and the exit alone."""
    table = Table("A hypercall, side by side", ["path"], above=[("", 1)])
    machines = result["machines"]
    for name in machines:
        table.above.append((name, 4))
        table.heads += ["floor", "C", "Rust", "Rust, no exit"]
    found = dict.fromkeys(path for machine in machines.values() for path in machine["paths"]
                          if path.startswith("fast/"))
    for fast in found:
        row = [fast.removeprefix("fast/")]
        for machine in machines.values():
            paths = machine["paths"]
            costs = paths.get(row[0], {})
            row += [_cell(paths.get(FLOOR, {}).get("c")), _cell(costs.get("c")),
                    _cell(costs.get("rust"))]
            # Without VHE there is no such way.
            none = machine["kvm"] != "vhe"
            row.append("-" if none else _cell(paths.get(fast, {}).get("rust")))
        table.rows.append(row)
    return table


def checked_handlers(result: Result) -> Table:
    """The handler of hypercalls if mode check compares each call."""
    machines = result["machines"]
    table = Table(f"Mode check: instructions of {HANDLER}(), per call", ["path"],
                  above=[("", 1)])
    for name in machines:
        table.above.append((name, 3))
        table.heads += ["C", "check", "times"]
    for path in dict.fromkeys(path for machine in machines.values()
                              for path in machine["handlers"] if HVC.match(path)):
        row = [path]
        for machine in machines.values():
            modes = machine["handlers"].get(path, {})
            c, check = (modes.get(mode, {}).get(HANDLER) for mode in ("c", CHECKED))
            row += [_cell(c), _cell(check),
                    f"{check['instructions'] / c['instructions']:.2f}" if c and check else "-"]
        table.rows.append(row)
    return table


def checked_paths(result: Result) -> Table:
    """Operations if mode check compares each one, or one in SAMPLE."""
    machines = result["machines"]
    table = Table("Mode check: instructions per operation", ["path"], above=[("", 1)])
    for name in machines:
        table.above.append((name, 4))
        table.heads += ["C", "each", f"1 in {SAMPLE}", "average"]
    for path in grouped(path for machine in machines.values()
                        for path, costs in machine["paths"].items() if CHECKED in costs):
        row = [path]
        for machine in machines.values():
            costs = machine["paths"].get(path, {})
            row += [_cell(costs.get(mode)) for mode in ("c", CHECKED, SAMPLED)]
            if {"c", CHECKED, SAMPLED} <= costs.keys():
                c = costs["c"]["instructions"]
                row.append(f"{100 * (sampled(costs) - c) / max(c, 1):+.1f} %")
            else:
                row.append("-")
        table.rows.append(row)
    return table


def _mix(result: Result) -> Table:
    """The handler's instructions other than arithmetic and branches."""
    keys = ("loads", "stores", "calls", "barriers", "ordered", "atomics", "helpers")
    table = Table("Kinds of instructions in the handler, per call: C/Rust", ["path", *keys])
    for name, machine in result["machines"].items():
        rows = []
        for path, modes in machine["handlers"].items():
            c, rust = (modes.get(mode, {}).get(HANDLER) for mode in ("c", "rust"))
            if HYPERCALL.match(path) and path.startswith("hvc/") and c and rust:
                rows.append([path, *(f"{c[key]}/{rust[key]}" for key in keys)])
        if rows:
            table.rows += [[f"[{name}]"], *rows]
            break
    return table


def _self(result: Result) -> list[str]:
    """The handler's instructions by function."""
    for name, machine in result["machines"].items():
        lines = []
        for path, modes in machine["handlers"].items():
            c, rust = (modes.get(mode, {}).get(HANDLER) for mode in ("c", "rust"))
            if path.startswith("hvc/") and c and rust:
                lines += [path, *(f"  {title:4}  " + ", ".join(
                    f"{function} {number}" for function, number in side["functions"].items())
                    for title, side in (("C", c), ("Rust", rust)))]
        if lines:
            return [f"Instructions of {HANDLER}() by function ({name})", "", *lines]
    return []


def code(result: Result) -> Table:
    keys = ("instructions", "barriers", "ordered", "atomics", "calls", "helpers", "frame",
            "static_keys")
    table = Table("Static code of the functions (not executed instructions)",
                  ["function", *(key.replace("_", " ") for key in keys)])
    group = None
    for row in result["code"]:
        if (row["surface"], row["side"]) != group:
            group = row["surface"], row["side"]
            title = {"c": "C", "rust": "Rust"}[row["side"]]
            table.rows.append([f"[{row['surface'] or 'called by them'}: {title}]"])
        table.rows.append([row["name"], *(str(row[key]) for key in keys)])
    return table


def sizes(result: Result) -> list[str]:
    found = result["sizes"]
    text = found["serving"] + found["abstractions"] + found["core"]
    lines = ["Bytes:",
             f"  C functions that have a Rust counterpart: text {found['c_text']}, "
             f"data {found['c_data']} (in the kernel without the overlay)",
             f"  Rust code that serves: text {text} "
             f"({found['abstractions']} of them in kernel::kvm, {found['core']} in the core), "
             f"data {found['rust_data']} (including constants of the tests)",
             f"  mode check: text {found['checking']}; KUnit tests: text {found['kunit']}"]
    if build := result.get("build"):
        lines += ["Seconds to build arch/arm64/kvm and rust/ from scratch, without ccache, "
                  f"{build['jobs']} jobs:"]
        lines += [f"  {name} CONFIG_KVM_ARM64_RUST: arch/arm64/kvm {build[name]['kvm']}, "
                  f"rust {build[name]['rust']}" for name in ("with", "without")]
    return lines


def text_split(result: Result) -> Table:
    """What the text is for."""
    table = Table("Bytes of text by what they are for (without constants)", ["part", "C", "Rust"])
    table.rows += parts.rows(result["sizes"])
    return table


def code_lines(result: Result) -> Table:
    """The lines of code of a call by HVC, with and without an exit."""
    machines = result["machines"]
    table = Table("64-byte lines of code that the handler touches, per call", ["path"],
                  above=[("", 1)])
    for name in machines:
        table.above.append((name, 2))
        table.heads += ["C", "Rust"]
    for path in dict.fromkeys(path for machine in machines.values()
                              for path in machine["handlers"]):
        if not path.startswith("hvc/") and not (FAST.match(path) and "/hvc/" in path):
            continue
        row = [path]
        for machine in machines.values():
            row += [str(number) for number in lines_of(machine, path) or ("-", "-")]
        table.rows.append(row)
    return table


def skipped(result: Result) -> list[str]:
    where: dict[tuple[str, str], list[str]] = {}
    for name, machine in result["machines"].items():
        for path, reason in machine["skipped"].items():
            where.setdefault((name, reason), []).append(path)
    if not where:
        return []
    return ["Not measured:", *(f"  {name}: {', '.join(_numbered(found))}: {reason}"
                               for (name, reason), found in where.items())]


def _numbered(paths: list[str]) -> list[str]:
    """Join paths that differ only in the number at their end: save/vcpus:16,32,64."""
    numbers: dict[str, list[str]] = {}
    for path in paths:
        begin, _, end = path.rpartition(":")
        numbers.setdefault(begin if end.isdigit() else path, []).append(end)
    return [f"{begin}:{','.join(ends)}" if ends[0].isdigit() else begin
            for begin, ends in numbers.items()]


def goals(found: list[Goal]) -> list[str]:
    lines = ["Goals:"]
    for goal in found:
        tally = f"{goal.of - len(goal.missed)} of {goal.of}"
        lines.append(f"  {goal.word:12} {goal.name} ({tally})")
        lines += [f"                 {line}" for line in goal.missed[:10]]
        if len(goal.missed) > 10:
            lines.append(f"                 and {len(goal.missed) - 10} more, see bench.txt")
    return lines


def all_missed(found: list[Goal]) -> list[str]:
    return [line for goal in found if goal.missed
            for line in ("", f"{goal.name}: {goal.word}",
                         *(f"  {missed}" for missed in goal.missed))]


def head(result: Result) -> str:
    versions = result["versions"]
    return (f"Linux {versions['linux']}, {versions['qemu']} (TCG, icount), "
            f"{versions['clang']}, {versions['rustc']}")


def text(result: Result, found: list[Goal], everything: bool) -> str:
    """The text for the terminal or, with everything, for bench.txt."""
    lines = [f"Benchmark, {head(result)}", "", *paths(result).text(),
             "123+: some operations took more; ~123: approximate, varies from run to run (not "
             "compared)", "",
             *handlers(result).text(), "* a call that every guest makes", "",
             *side_by_side(result).text(), "", *checked_handlers(result).text(), "",
             *checked_paths(result).text(), "", *text_split(result).text(), ""]
    if everything:
        lines += [*code_lines(result).text(), "", *_mix(result).text(), "", *_self(result), "",
                  *code(result).text(), ""]
    lines += [*sizes(result), "", *skipped(result), "", *goals(found)]
    if everything:
        lines += all_missed(found)
    return "\n".join(lines) + "\n"


def markdown(result: Result, found: list[Goal]) -> str:
    lines = [f"Measured by `make bench` on {head(result)}.", "",
             *side_by_side(result).markdown(), "",
             *handlers(result).markdown(), "", "\\* a call that every guest makes", "",
             *checked_handlers(result).markdown(), "", *checked_paths(result).markdown(), "",
             *paths(result).markdown(), "", *code_lines(result).markdown(), "",
             *text_split(result).markdown(), "", *code(result).markdown(), "", "```",
             *sizes(result), "```", "", "### Goals", ""]
    lines += [f"- {goal.name}: **{goal.word.lower()}** ({goal.of - len(goal.missed)} of "
              f"{goal.of})" for goal in found]
    return "\n".join(lines) + "\n"
