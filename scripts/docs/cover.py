# SPDX-License-Identifier: GPL-2.0
"""The cover letter of a series.

Usage: python3 -m docs.cover REPOSITORY TREE TEMPLATE SKELETON BASE PATCH...

TEMPLATE is Markdown: its heading is the subject, and {name} in its text stands for figures that
are made here from the sources, so that none of them is typed. SKELETON is the letter that `git
format-patch --cover-letter` wrote, with the list of patches and the diffstat. TREE, a kernel
source, says who gets the PATCHes, by its get_maintainer.pl. BASE is the last line. Prints the
letter.
"""

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

from docs import block
from docs.block import NoBlock
from lint import unsafe
from vm import rules

# Of the tables in docs/bench.md: a call of each kind, and all of them
COSTS = ("hvc/SMCCC_VERSION*", "hvc/ARCH_FEATURES:WORKAROUND_1*", "hvc/PSCI_VERSION*",
         "hvc/CPU_ON:ALREADY_ON", "all")
COST_OF = "neoverse-n1 GICv3 vhe"
MOST_COLUMNS = 75
_FIGURE = re.compile(r"\{([a-z_]+)\}")


class BadLetter(Exception):
    """The letter cannot be written; the message says why."""


def _table(rows: list[tuple[str, ...]]) -> str:
    """The first column is text, the others are numbers."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("    " + "  ".join(
        cell.ljust(width) if not number else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in rows)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def safe_code(repo: Path) -> str:
    rows = [("", "lines of code", "unsafe blocks", "outside of them")]
    rows += [(name, f"{it.lines:,}", str(it.blocks), it.outside)
             for name, it in unsafe.layers(repo).items()]
    return _table(rows)


def rust_lines(repo: Path) -> str:
    found = unsafe.layers(repo)
    return f"{sum(found[name].lines for name in ('core', 'abstractions', 'what serves')):,}"


def changed_c(repo: Path) -> str:
    """What the patches change in the C files of KVM that exist."""
    files, added, removed = set[str](), 0, 0
    for patch in sorted((repo / "patches").glob("*/kernel/*.patch")):
        here = ""
        for line in patch.read_text(encoding="utf-8").splitlines():
            if line.startswith("+++ b/"):
                here = line.removeprefix("+++ b/")
            elif here.endswith((".c", ".h")) and "kvm" in here and line[:1] in ("+", "-") \
                    and not line.startswith("--- "):
                files.add(here)
                added += line[0] == "+"
                removed += line[0] == "-"
    return f"{len(files)} files of C, {added} lines added and {removed} removed"


def _floor_sum(kind: str) -> str:
    floors = rules.read_floors()
    return f"{sum(floors.least(kind, name, rules.MACHINES[0]) or 0 for name in floors.names(kind)):,}"


def core_tests(_: Path) -> str:
    return str(rules.read_floors().least("host", "core", rules.MACHINES[0]))


def results(repo: Path) -> str:
    lines = block.read(repo / "README.md", "results").splitlines()
    rows = [tuple(_cells(line)) for line in lines if line.startswith("|") and "---" not in line]
    rest = " ".join(line for line in lines if line.strip() and not line.startswith("|"))
    return "\n".join([_table([(" ".join(row[:3]), *row[3:]) for row in rows]), "",
                      *textwrap.wrap(rest, 72)])


def costs(repo: Path) -> str:
    text = block.read(repo / "docs/bench.md", "bench").partition("per operation")[0]
    rows = [_cells(line) for line in text.splitlines() if line.startswith("| ")]
    try:
        column = rows[0].index(COST_OF)
        found = {row[0].strip("`"): row[column] for row in rows}
        said = [(name.rstrip("*"), *(word.strip() for word in found[name].split("/")))
                for name in COSTS]
    except (IndexError, KeyError, ValueError) as why:
        raise BadLetter(f"docs/bench.md has no row or column {why}") from None
    return _table([("", "C", "Rust", "", "without the series"), *said])


def bugs(repo: Path) -> str:
    titles = re.findall(r"^## (.+)$", (repo / "docs/base-bugs.md").read_text(encoding="utf-8"),
                        re.MULTILINE)
    return "\n".join(f" - {title.replace('`', '')}" for title in titles)


FIGURES: dict[str, Callable[[Path], str]] = {
    "safe_code": safe_code, "rust_lines": rust_lines, "changed_c": changed_c,
    "selftest_cases": lambda _: _floor_sum("selftest"),
    "kunit_cases": lambda _: _floor_sum("kunit"),
    "core_tests": core_tests, "results": results, "costs": costs, "bugs": bugs,
}


def fill(text: str, figures: dict[str, str]) -> str:
    def figure(found: re.Match[str]) -> str:
        if found[1] not in figures:
            raise BadLetter(f"no figure {{{found[1]}}}; they are: {', '.join(sorted(FIGURES))}")
        return figures[found[1]]

    return _FIGURE.sub(figure, text)


def parts(template: Path) -> tuple[str, str]:
    """Subject and text of a template, without comments."""
    text = re.sub(r"<!--.*?-->\n*", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
    first, _, body = text.strip().partition("\n")
    if not first.startswith("# ") or not body.strip():
        raise BadLetter(f"{template} does not begin with a heading, or has no text")
    return first.removeprefix("# "), body.strip()


def recipients(tree: Path, patches: list[Path]) -> Iterator[str]:
    """The lines To: and Cc: with maintainers, and with reviewers and lists."""
    for field, options in (("To", ("--nol", "--nor")), ("Cc", ("--nom",))):
        ran = subprocess.run(
            ["/usr/bin/perl", "scripts/get_maintainer.pl", "--nogit", "--nogit-fallback",
             "--norolestats", "--nokeywords", *options, *map(str, patches)],
            cwd=tree, capture_output=True, text=True, check=False)
        found = [line for line in ran.stdout.splitlines() if "@" in line]
        if ran.returncode or not found:
            raise BadLetter(f"get_maintainer.pl names nobody for {field}: {ran.stderr.strip()}")
        yield f"{field}: " + ",\n\t".join(found)


def letter(skeleton: str, subject: str, text: str, to: list[str], base: str) -> str:
    for mark in ("*** SUBJECT HERE ***", "*** BLURB HERE ***"):
        if skeleton.count(mark) != 1:
            raise BadLetter(f"the skeleton does not have '{mark}' once")
    head, _, rest = skeleton.partition("\n\n")
    head = head.replace("*** SUBJECT HERE ***", subject)
    rest = rest.replace("*** BLURB HERE ***", text)
    said = "\n".join([head, *to]) + "\n\n" + rest.rstrip("\n") + f"\n\n{base}\n"
    if long := [line for line in text.splitlines() if len(line) > MOST_COLUMNS]:
        raise BadLetter(f"more than {MOST_COLUMNS} columns: {long[0]}")
    return said


def main() -> int:
    if len(sys.argv) < 7:
        print("usage: python3 -m docs.cover REPOSITORY TREE TEMPLATE SKELETON BASE PATCH...",
              file=sys.stderr)
        return 2
    repo, tree, template, skeleton, base, *patches = sys.argv[1:]
    try:
        subject, text = parts(Path(template))
        wanted = set(_FIGURE.findall(text)) & set(FIGURES)
        text = fill(text, {name: FIGURES[name](Path(repo)) for name in wanted})
        print(letter(Path(skeleton).read_text(encoding="utf-8"), subject, text,
                     list(recipients(Path(tree), [Path(patch) for patch in patches])), base),
              end="")
    except (BadLetter, NoBlock, OSError) as why:
        print(f"{template}: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
