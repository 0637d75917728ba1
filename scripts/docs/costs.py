# SPDX-License-Identifier: GPL-2.0
"""What `make bench` measured, for docs/bench.md."""

import shutil
from pathlib import Path

from bench import machines, result
from docs import block
from docs.results import NotWhole, date

COMMAND = "make bench"
PLOTS = ("hypercalls.svg", "growth.svg")


def load(out: Path) -> str:
    """The tables of a run on every model, in Markdown."""
    path = out / "bench" / "bench.json"
    if not path.is_file():
        raise NotWhole(f"there is no {path}; '{COMMAND}' writes it")
    try:
        found = result.load(path)
        result.check_machines(path, found, [c.name for c in machines.select(None, None, None)])
    except result.BadResult as why:
        raise NotWhole(str(why)) from None
    return (out / "bench" / "bench.md").read_text(encoding="utf-8")


def write(root: Path, out: Path) -> None:
    text = load(out)
    first, _, tables = text.partition("\n")
    versions = first.removeprefix("Measured by `make bench` on ").rstrip(".")
    block.replace(root / "docs/bench.md", "bench", [
        f"`{COMMAND}`, {date(out / 'bench/bench.json')}, {versions}:", "", tables.strip("\n")])
    for name in PLOTS:
        shutil.copyfile(out / "bench" / name, root / "docs" / name)
