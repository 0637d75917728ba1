# SPDX-License-Identifier: GPL-2.0
"""The picture of the page: a table of coloured cells for each CPU."""

from collections.abc import Mapping
from html import escape
from typing import Any

from matrix.cells import LIST_ORDER, Cell, alike
from matrix.results import PLANNED, Results, one
from matrix.states import DEFAULT, KINDS

CELL, LABEL, GAP, TITLE = 34, 74, 30, 44
COLUMNS = 2
FONT = "DejaVu Sans,Verdana,sans-serif"
# A new VM moves, and all other kinds too; not all kinds; a new VM does not; not known.
GREEN, YELLOW, RED, GREY = "#b7dfb0", "#f7e3a1", "#efa99b", "#e6e6e6"
EDGE, INK, MARK = "#ffffff", "#202020", "#5a3fa0"


def _text(x: float, y: float, text: str, size: int = 11, anchor: str = "middle",
          more: str = "") -> str:
    return (f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}"{more}>'
            f"{escape(text)}</text>")


def colour(cells: Mapping[str, Cell]) -> tuple[str, str]:
    """Of the cells of a move in the right order, by kind: the colour, and what is written in it."""
    default = cells.get(DEFAULT)
    if default is None:
        return GREY, "–"
    if not default.fits:
        return RED, str(len(default.refusals))
    return (GREEN, "") if all(cell.fits for cell in cells.values()) else (YELLOW, "")


def _tooltip(planned: Mapping[str, Cell], source: tuple[str, str],
          destination: tuple[str, str]) -> list[str]:
    """What a reader sees who points at a cell."""
    lines = [f"{source[1]} → {destination[1]}"]
    default = planned.get(DEFAULT)
    common = {refusal.name for refusal in default.refusals} if default else set()
    for kind, cell in planned.items():
        names = [refusal.name for refusal in cell.refusals
                 if kind == DEFAULT or refusal.name not in common]
        said = ", ".join(alike(names)) or ("as a new VM" if cell.refusals else "taken")
        lines.append(f"{kind}: {said}")
    return lines


def _cell(x: float, y: float, found: Mapping[Any, Cell], source: tuple[str, str],
          destination: tuple[str, str]) -> list[str]:
    planned, listed = ({kind.name: cell for kind in KINDS if (
        cell := found.get((source, destination, kind.name, vmm)))} for vmm in (PLANNED, LIST_ORDER))
    fill, said = colour(planned)
    lines = [f"<g><title>{escape(chr(10).join(_tooltip(planned, source, destination)))}</title>",
             f'<rect x="{x:g}" y="{y:g}" width="{CELL}" height="{CELL}" fill="{fill}" '
             f'stroke="{EDGE}"/>']
    if said:
        lines.append(_text(x + CELL / 2, y + CELL / 2 + 4, said))
    if any(cell.fits and kind in listed and not listed[kind].fits
           for kind, cell in planned.items()):
        lines.append(f'<path d="M{x + CELL - 11:g} {y + 1:g}h10v10z" fill="{MARK}"/>')
    if any(not cell.agrees for cell in (*planned.values(), *listed.values())):
        lines.append(f'<rect x="{x + 2:g}" y="{y + 2:g}" width="{CELL - 4}" height="{CELL - 4}" '
                     'fill="none" stroke="#d00000" stroke-width="3"/>')
    return [*lines, "</g>"]


def _panel(left: float, top: float, machine: str, results: Results,
           found: Mapping[Any, Cell]) -> list[str]:
    kernels = [host.kernel for host in results.hosts if host.machine == machine]
    lines = [_text(left + LABEL, top + 12, machine, 13, "start", ' font-weight="bold"')]
    for n, kernel in enumerate(kernels):
        middle = LABEL + CELL * (n + 0.5)
        lines.append(_text(left + LABEL - 6, top + TITLE + CELL * (n + 0.5) + 4, kernel, 10, "end"))
        x, y = left + middle + 3, top + TITLE - 4
        lines.append(_text(x, y, kernel, 10, "start", f' transform="rotate(-40 {x:g} {y:g})"'))
    for row, source in enumerate(kernels):
        for column, destination in enumerate(kernels):
            lines += _cell(left + LABEL + CELL * column, top + TITLE + CELL * row, found,
                           (machine, source), (machine, destination))
    return lines


def _legend() -> tuple[list[str], float]:
    """What the colours mean, and how wide that is."""
    lines = [_text(16, 22, "Rows: saved under this kernel. Columns: restored under that one.", 12,
                   "start")]
    x = 16.0
    for fill, meaning in ((GREEN, "every VM moves"), (YELLOW, "a new VM moves, not every VM"),
                          (RED, "a new VM does not: refused registers"), (GREY, "not known")):
        lines += [f'<rect x="{x:g}" y="34" width="13" height="13" fill="{fill}"/>',
                  _text(x + 18, 45, meaning, 11, "start")]
        # As wide as the font of the picture is on average
        x += 36 + 6.3 * len(meaning)
    marked = "a VM that moves only if the VMM does not write in the order of the list"
    lines += [f'<path d="M16 55h10v10z" fill="{MARK}"/>', _text(34, 64, marked, 11, "start")]
    return lines, x


def svg(results: Results) -> str:
    """The whole picture."""
    found = one(results.cells)
    size = max((sum(host.machine == machine for host in results.hosts)
                for machine in results.machines), default=0)
    wide, high = LABEL + CELL * size + GAP, TITLE + CELL * size + GAP
    columns = min(COLUMNS, max(1, len(results.machines)))
    rows = -(-len(results.machines) // columns)
    legend, legend_width = _legend()
    width, height = max(wide * columns + GAP, legend_width), high * rows + GAP + 60
    lines = ['<?xml version="1.0" encoding="UTF-8" standalone="no"?>',
             f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
             f'width="{width:g}" height="{height:g}" font-family="{FONT}" fill="{INK}">',
             "<!-- Written by make matrix -->",
             f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>', *legend]
    for n, machine in enumerate(results.machines):
        row, column = divmod(n, columns)
        lines += _panel(column * wide, 84 + row * high, machine, results, found)
    return "\n".join([*lines, "</svg>"]) + "\n"
