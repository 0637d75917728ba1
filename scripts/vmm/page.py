# SPDX-License-Identifier: GPL-2.0
"""The page for people: docs/matrix-vmms.md."""

import re
import textwrap
from collections.abc import Iterable, Sequence

from matrix.cells import alike
from matrix.machines import AT
from vmm.boots import QEMUS
from vmm.cells import Cell
from vmm.report import HOW, Machine, Results, refused

WIDTH = 80
YES, DIFFERS = "yes", "yes, differs"
# What the assembler of the guest has no name for
NAMES = {"s3_3_c0_c0_1": "CTR_EL0"}


def _wrap(text: str, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest,
                         break_long_words=False, break_on_hyphens=False)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}",
            *(f"| {' | '.join(row)} |" for row in rows), ""]


def _word(cell: Cell) -> str:
    if cell.problems:
        return "**wrong**"
    if not cell.attempt.resumed:
        return "no"
    return DIFFERS if cell.differences else YES


def _short(cells: Iterable[Cell]) -> str:
    """What is in a table's field: the guests of a move, which should all fare alike."""
    words = dict.fromkeys(map(_word, cells))
    if DIFFERS in words:
        words.pop(YES, None)
    return ", ".join(words) or "–"


def _moved(results: Results, machine: Machine, vmm: str) -> list[str]:
    cells = [cell for cell in machine.cells if cell.vm.vmm == vmm]
    return _table(("from ↓ on →", *results.kernels.values()), [
        (title, *(_short(cell for cell in cells if (cell.vm.kernel, cell.kernel) == (source, name))
                  for name in results.kernels))
        for source, title in results.kernels.items()])


def _moves(results: Results, moves: Iterable[tuple[str, str]]) -> str:
    """Sources with the same destinations together."""
    to: dict[str, list[str]] = {}
    for source, kernel in dict.fromkeys(moves):
        to.setdefault(results.kernels[source], []).append(results.kernels[kernel])
    sources: dict[tuple[str, ...], list[str]] = {}
    for source, names in to.items():
        sources.setdefault(tuple(names), []).append(source)
    return "<br>".join(f"{', '.join(these)} → {', '.join(names)}"
                       for names, these in sources.items())


def _plain(message: str) -> str:
    """Without the program's name and what would end a field of a table."""
    return message.partition(": ")[2].replace("|", "\\|") or message


def _messages(messages: Iterable[str]) -> str:
    """Of messages that differ in numbers only, the first and how many follow."""
    shapes: dict[str, list[str]] = {}
    for line in map(_plain, messages):
        shapes.setdefault(re.sub(r"\b[0-9a-f]*[0-9][0-9a-f]*\b", "0", line), []).append(line)
    return "<br>".join(f"`{first}`" + (f" and {len(rest)} like it" if rest else "")
                       for first, *rest in shapes.values())


def _refusals(results: Results) -> list[str]:
    """What is refused, and what the VMM says: one row for what is alike."""
    rows: dict[tuple[str, str, str, str], list[tuple[str, str]]] = {}
    for _, cell in results.cells:
        if not cell.attempt.resumed and not cell.problems:
            said = _messages(cell.attempt.said.messages)
            names = ", ".join(f"`{name}`" for name in alike(refused(cell)))
            key = (cell.vm.vmm, names, said or "nothing", HOW[cell.how])
            rows.setdefault(key, []).append((cell.vm.kernel, cell.kernel))
    if not rows:
        return _wrap("Nothing.") + [""]
    return _table(("VMM", "refused", "from → on", "it says", "how the registers are known"),
                  [(vmm, names, _moves(results, moves), said, how)
                   for (vmm, names, said, how), moves in rows.items()])


def _read(differences: Iterable[str]) -> dict[str, tuple[str, str]]:
    """What a guest read before and after, by what it read: `- cpu0 mrs A 0x1`, `+ cpu0 mrs A 0x2`.
    What all CPUs read alike has no CPU."""
    cpus: dict[str, dict[str, tuple[str, str]]] = {}
    for line in differences:
        what, _, value = line[2:].rpartition(" ")
        cpu = (re.match(r"cpu\d+ ", what) or [""])[0]
        what = what.removeprefix(cpu).removeprefix("mrs ")
        reads = cpus.setdefault(NAMES.get(what, what), {})
        before, after = reads.get(cpu, ("", ""))
        reads[cpu] = (value, after) if line[0] == "-" else (before, value)
    found: dict[str, tuple[str, str]] = {}
    for what, reads in cpus.items():
        alike = len(set(reads.values())) == 1
        found |= {what if alike else f"{cpu}{what}": read for cpu, read in reads.items()}
    return found


def _ranges(names: Iterable[str]) -> list[str]:
    """`a 3`, `a 4`, `a 5` as `a 3 – 5`."""
    found: list[tuple[str, int, int]] = []
    for name in names:
        kind, _, number = name.rpartition(" ")
        n = int(number) if kind and number.isdigit() else -1
        if found and n > 0 and found[-1][0] == kind and found[-1][2] == n - 1:
            found[-1] = (kind, found[-1][1], n)
        else:
            found.append((kind, n, n) if n >= 0 else (name, -1, -1))
    return [kind if first < 0 else f"{kind} {first}" + (f" – {last}" if last > first else "")
            for kind, first, last in found]


def _differences(results: Results) -> list[str]:
    # By machine and guest: what was read before and after, by VMM from where to where
    seen: dict[tuple[str, str], dict[tuple[str, str, str], dict[str, list[tuple[str, str]]]]] = {}
    for machine, cell in results.cells:
        for what, (before, after) in _read(cell.differences).items():
            place = seen.setdefault((machine.title, cell.vm.guest), {})
            moves = place.setdefault((what, before, after), {}).setdefault(cell.vm.vmm, [])
            moves.append((cell.vm.kernel, cell.kernel))
    if not seen:
        return _wrap("Every resumed guest sees what it saw before: each ID register and the "
                     "answer to each hypercall.") + [""]
    lines = _wrap("After these moves the guest's view is not what it was. After all others it "
                  "is: each ID register and the answer to each hypercall.") + [""]
    for (title, guest), place in seen.items():
        rows: dict[tuple[str, str, str, str], list[str]] = {}
        for (what, before, after), by_vmm in place.items():
            vmms: dict[str, list[str]] = {}
            for vmm, moves in by_vmm.items():
                vmms.setdefault(_moves(results, moves), []).append(vmm)
            for where, names in vmms.items():
                rows.setdefault((before, after, where, ", ".join(names)), []).append(what)
        lines += [f"{title}, guest `{guest}`:", ""]
        lines += _table(("it reads", "before", "after", "from → on", "VMM"), [
            (", ".join(f"`{name}`" for name in _ranges(whats)), before or "nothing",
             after or "nothing", where, vmm)
            for (before, after, where, vmm), whats in rows.items()])
    return lines


def _own(results: Results) -> list[str]:
    """Whether this project's kernel does what the newest stock kernel does."""
    stock = [name for name in results.kernels if name in results.packages]
    own = [name for name in results.kernels if name not in results.packages]
    # At a level it is to be as the kernel of that name.
    own = [name for name in own if not name.startswith(AT) or name.removeprefix(AT) in stock]
    if not stock or not own:
        return []

    def place(kernel: str) -> str:
        if kernel.startswith(AT):
            return kernel.removeprefix(AT)
        return stock[-1] if kernel in own else kernel

    def fate(cell: Cell) -> tuple[str, tuple[str, ...]]:
        return _word(cell), tuple(refused(cell))

    def key(machine: Machine, cell: Cell) -> tuple[str, ...]:
        vm = cell.vm
        return machine.title, vm.vmm, vm.guest, place(vm.kernel), place(cell.kernel)

    moves = [(key(machine, cell), fate(cell), {cell.vm.kernel, cell.kernel}.isdisjoint(own))
             for machine, cell in results.cells]
    there = {where: how for where, how, is_stock in moves if is_stock}
    pairs = [(how, there.get(where)) for where, how, is_stock in moves if not is_stock]
    equal = sum(here == other for here, other in pairs)
    return [f"**This project's kernel**, {' and '.join(results.kernels[name] for name in own)}: "
            f"{equal} of {len(pairs)} moves from it, to it or between its modes end as those with "
            f"{results.kernels[stock[-1]]}, or the kernel of its level, in its place."]


def _in_short(results: Results) -> list[str]:
    passed, failed, _ = results.counts()
    cells = [cell for _, cell in results.cells]
    resumed = sum(cell.attempt.resumed for cell in cells)
    said = [f"**{len(cells)} moves** of {len({(m.title, c.vm) for m, c in results.cells})} saved "
            f"VMs: {resumed} went well, {len(cells) - resumed} were refused.",
            f"**Prediction and truth**: in {passed} moves the outcome, and the registers that "
            "were refused, are what `kvmfit plan --vmm` says from the saved state and the "
            f"destination's dump alone; in {failed} something is wrong."]
    silent = sum(not cell.attempt.resumed and not cell.attempt.said.named for cell in cells)
    said.append(f"**Messages**: of {len(cells) - resumed} refusals, {silent} name no register. "
                "The plan names all of them, before anything is sent.")
    lines = [line for text in [*said, *_own(results)] for line in _wrap(text, "- ", "  ")]
    problems = [f"{machine.title}, {cell.vm.vmm} with {cell.vm.guest}, "
                f"{_moves(results, [(cell.vm.kernel, cell.kernel)])}: {problem}"
                for machine, cell in results.cells for problem in cell.problems]
    for text in (*problems, *results.silent):
        lines += _wrap(f"Wrong: {text}", "- ", "  ")
    for name, why in results.gone.items():
        lines += _wrap(f"Left out: {name}: {why}.", "- ", "  ")
    return [*lines, ""]


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _cost(results: Results) -> list[str]:
    if not results.boots:
        return []
    total = sum(boot.seconds for boot in results.boots)
    found = {(boot.machine, boot.kernels, boot.what): boot for boot in results.boots}

    def cell(machine: str, kernels: tuple[str, ...], what: str) -> str:
        boot = found.get((machine, kernels, what))
        return f"{_time(boot.seconds)} ({boot.vms} VMs)" if boot else "–"

    rows = [(machine, " and ".join(results.kernels.get(name, name) for name in kernels),
             cell(machine, kernels, "save"), cell(machine, kernels, "resume"))
            for machine, kernels in dict.fromkeys((boot.machine, boot.kernels)
                                                  for boot in results.boots)]
    return ["## What it costs", "",
            *_wrap(f"{len(results.boots)} boots took {total / 60:.0f} minutes in all, "
                   f"{results.about['jobs']} at a time: "
                   f"{total / max(1, len(results.cells)):.0f} seconds for each move. In minutes "
                   "and seconds:"), "",
            *_table(("machine", "kernel", "measures itself and saves", "resumes"), rows)]


def page(results: Results) -> str:
    """In Markdown."""
    about = results.about
    lines = [
        # In two parts: reuse takes such a line for that of this file.
        "<!-- SPDX-License-" "Identifier: GPL-2.0-only -->",
        "<!-- Written by `make vmm`; the text is in scripts/vmm/page.py -->", "",
        "# Which VM real VMMs can move where", "",
        *_wrap("[The matrix](matrix.md) writes registers as a VMM would. Here VMMs themselves "
               "saved running VMs under one kernel and resumed them under another: "
               f"{' and '.join(about[name] for name in QEMUS if name in about)} of Debian, and a "
               "small VMM that makes the calls of Firecracker or cloud-hypervisor in their order "
               "and stops at the first error. A VM has two CPUs. Its guest counts, unplugs and "
               "plugs a CPU by PSCI, and shows what it sees before and after: each ID register "
               "and the answer to each hypercall (`probe`), or what Debian's kernel shows to "
               "programs (`debian`). A VM moves once, but ten times between a release and this "
               "kernel at its level, on one machine."), "",
        *_wrap(f"Written by `{about['command']}` on {about['date']}; on {about['qemu']}, with "
               f"kvmfit {about['kvmfit']}. All of it is in `results/vmm.json`, and as TAP in "
               "`results/vmm.tap`, below the output directory."), "",
        "## In short", "", *_in_short(results),
        "## Who can move where", "",
        *_wrap("“no”: the VMM refused the VM, and for the registers that the plan named. "
               "“differs”: the guest goes on, but sees something else than before."), ""]
    for machine in results.machines:
        for vmm in dict.fromkeys(cell.vm.vmm for cell in machine.cells):
            lines += [f"### {machine.title}, {about.get(vmm, vmm)}", "",
                      *_moved(results, machine, vmm)]
    kernels = [(title, results.packages.get(name, "this tree"))
               for name, title in results.kernels.items()]
    lines += ["## What is refused, and what the VMM says", "", *_refusals(results),
              "## What the guest sees", "", *_differences(results),
              *_cost(results),
              "## Kernels", "", *_table(("name", "package"), kernels)]
    return "\n".join(lines).rstrip("\n") + "\n"
