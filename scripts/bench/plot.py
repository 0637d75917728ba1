# SPDX-License-Identifier: GPL-2.0
"""Plots by gnuplot; the same result always gives the same file."""

import re
import subprocess
from pathlib import Path

from bench.goals import HANDLER
from bench.result import Result

GNUPLOT = "/usr/bin/gnuplot"
_VCPUS = re.compile(r"^(save|restore)/vcpus:(\d+)$")
_ONCE = re.compile(r"^restore/(once|vm_fd):(\d+)$")
C_COLOR, RUST_COLOR, ONCE_COLOR = "#4878a8", "#d9822b", "#5a9a4a"


def _machine(result: Result) -> tuple[str, Result]:
    """The machine to plot: that of a current server, if it was measured."""
    machines: dict[str, Result] = result["machines"]
    name = next((name for name in machines if name.startswith("neoverse-n1")), next(iter(machines)))
    return name, machines[name]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _start(height: int, title: str) -> list[str]:
    return [f"set terminal svg size 900,{height} noenhanced background rgb 'white' "
            "font 'sans-serif,12'",
            f"set title {_quoted(title)}", "set border 3", "set tics nomirror out scale 0.5",
            "set grid x y back lc rgb '#dddddd'"]


def hypercalls(result: Result) -> str | None:
    """The handler's instructions in C and in Rust: a pair of bars for each path."""
    name, machine = _machine(result)
    rows = []
    for path, modes in machine["handlers"].items():
        c, rust = (modes.get(mode, {}).get(HANDLER) for mode in ("c", "rust"))
        if path.startswith("hvc/") and c and rust:
            rows.append((path.removeprefix("hvc/"), c["instructions"], rust["instructions"]))
    if not rows:
        return None
    rows.reverse()
    lines = _start(90 + 22 * len(rows), f"Instructions of {HANDLER}(), per call ({name})")
    lines += ["set key top right outside horizontal", "set xrange [0:*]",
              f"set yrange [-0.6:{len(rows) - 0.4}]", "set style fill solid noborder",
              "unset grid", "set grid x back lc rgb '#dddddd'",
              "set lmargin 32",
              "set ytics (" + ", ".join(f"{_quoted(path)} {i}"
                                        for i, (path, _, _) in enumerate(rows)) + ")",
              "$data << EOD",
              *(f"{i} {c} {rust}" for i, (_, c, rust) in enumerate(rows)), "EOD"]
    bars = [f"$data using (0):($1{low:+}):(0):{column}:($1{low:+}):($1{high:+}) "
            f"with boxxyerror lc rgb '{color}' title '{title}'"
            for column, low, high, color, title in (
                (2, 0.02, 0.38, C_COLOR, "C"), (3, -0.38, -0.02, RUST_COLOR, "Rust"))]
    return "\n".join([*lines, "plot " + ", \\\n     ".join(bars)]) + "\n"


def growth(result: Result) -> str | None:
    """The cost per vCPU of saving and restoring: a flat line means linear growth, a falling line
    less."""
    name, machine = _machine(result)
    series: dict[str, list[tuple[int, int, int]]] = {}
    once: dict[str, list[tuple[int, int]]] = {}
    for path, modes in machine["paths"].items():
        found = _VCPUS.match(path)
        if found and "c" in modes and "rust" in modes:
            series.setdefault(found.group(1), []).append(
                (int(found.group(2)), modes["c"]["instructions"], modes["rust"]["instructions"]))
        elif (found := _ONCE.match(path)) and "rust" in modes:
            once.setdefault(found.group(1), []).append(
                (int(found.group(2)), modes["rust"]["instructions"]))
    if not series:
        return None
    lines = _start(420, "Instructions to save and restore a VM's firmware registers, "
                        f"per vCPU ({name})")
    lines += ["set key center right", "set xlabel 'vCPUs of the VM'", "set logscale x 2",
              "set xtics 2", "set yrange [0:*]"]
    curves = []
    for number, (what, points) in enumerate(series.items(), 1):
        lines += [f"${what} << EOD", *(" ".join(map(str, point)) for point in sorted(points)),
                  "EOD"]
        curves += [f"${what} using 1:(${column}/$1) with linespoints lw 2 "
                   f"dt {number} pt 7 ps 0.6 lc rgb '{color}' title '{what}, {side}'"
                   for column, color, side in ((2, C_COLOR, "C"), (3, RUST_COLOR, "Rust"))]
    titles = {"once": "restore by one vCPU's fd", "vm_fd": "restore by the VM's fd"}
    for number, (what, ones) in enumerate(once.items(), 1):
        lines += [f"${what} << EOD", *(" ".join(map(str, one)) for one in sorted(ones)), "EOD"]
        curves.append(f"${what} using 1:($2/$1) with linespoints lw 2 dt {number} pt 7 ps 0.6 "
                      f"lc rgb '{ONCE_COLOR}' title \"{titles[what]}\"")
    return "\n".join([*lines, "plot " + ", \\\n     ".join(curves)]) + "\n"


def draw(script: str, path: Path) -> None:
    temp = path.with_name(f".{path.name}.new")
    subprocess.run([GNUPLOT], input=f"set output {_quoted(str(temp))}\n{script}", text=True,
                   check=True, stdout=subprocess.DEVNULL)
    temp.replace(path)


def write(result: Result, out: Path) -> list[str]:
    """Draw the plots; returns their names. Without data there is no plot, and that of an earlier
    run is removed."""
    made = []
    for name, script in (("hypercalls.svg", hypercalls(result)), ("growth.svg", growth(result))):
        (out / name).unlink(missing_ok=True)
        if script:
            draw(script, out / name)
            made.append(name)
    return made
