# SPDX-License-Identifier: GPL-2.0
"""The page for people: docs/matrix.md."""

import textwrap
from collections.abc import Iterable, Sequence

from matrix.cells import alike
from matrix.changes import Changes
from matrix.results import (LEVEL_TITLES, OWN_TITLES, PLANNED, Reason, Results, alike_hosts,
                            between, one, order_problems, reasons, refused, spans)
from matrix.states import DEFAULT, KINDS

WIDTH = 80
# Longer lists of registers are cut.
MANY = 8


def _wrap(text: str) -> list[str]:
    return [*textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False), ""]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], right: int = 0) -> list[str]:
    """In Markdown; the columns from `right` on hold numbers, if that is not 0."""
    marks = ["---:" if right and n >= right else "---" for n in range(len(head))]
    return [f"| {' | '.join(head)} |", f"|{'|'.join(marks)}|",
            *(f"| {' | '.join(row)} |" for row in rows), ""]


def _names(names: Sequence[str], most: int = MANY) -> str:
    said = [f"`{name}`" for name in alike(names)]
    more = f" and {len(said) - most} more" if len(said) > most else ""
    return ", ".join(said[:most]) + more


def _moves(moves: Iterable[tuple[str, str]], kernels: Sequence[str]) -> str:
    """As `6.12 → 6.16 – 7.3`, sources with the same destinations together."""
    to: dict[str, set[str]] = {}
    for source, destination in moves:
        to.setdefault(source, set()).add(destination)
    alike: dict[frozenset[str], list[str]] = {}
    for source in kernels:
        if source in to:
            alike.setdefault(frozenset(to[source]), []).append(source)
    return "<br>".join(f"{spans(sources, kernels)} → {spans(destinations, kernels)}"
                       for destinations, sources in alike.items())


def _who(results: Results) -> list[str]:
    found = one(results.cells)
    lines: list[str] = []
    for machine in results.machines:
        here = [host.kernel for host in results.hosts if host.machine == machine]
        head = ["from ↓ on →", *here]
        rows = []
        for source in here:
            numbers = [refused(found, (machine, source), (machine, kernel)) for kernel in here]
            rows.append([source, *("–" if n is None else "yes" if n == 0 else str(n)
                                   for n in numbers)])
        lines += [f"### {machine}", "", *_table(head, rows, 1)]
    cross = sorted({(cell.source[0], cell.destination[0]) for cell in results.cells
                    if cell.source[0] != cell.destination[0]})
    if not cross:
        return lines
    lines += ["### To another CPU", "",
              *_wrap("The VM of the oldest and of the newest kernel, on all kernels.")]
    rows = []
    for source, destination in cross:
        cells = [cell for cell in results.cells if cell.vmm == PLANNED
                 and (cell.source[0], cell.destination[0]) == (source, destination)]
        sources = [kernel for kernel in results.kernels
                   if any(cell.source[1] == kernel for cell in cells)]
        for kernel in dict.fromkeys((sources[0], sources[-1])):
            numbers = sorted({len(cell.refusals) for cell in cells if cell.source[1] == kernel})
            span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
            often: dict[str, int] = {}
            for cell in cells:
                for refusal in cell.refusals if cell.source[1] == kernel else ():
                    for name in refusal.field_names:
                        often[name] = often.get(name, 0) + 1
            names = sorted(often, key=lambda name: (-often[name], name))
            rows.append([f"{source} → {destination}", kernel, span, _names(names)])
    return lines + _table(("move", "saved on", "refused", "what"), rows)


def _reason(item: Reason) -> str:
    return {"missing": "the host lacks it", "value": "the host refuses the value",
            "order": "refused before another register is written",
            "": "not predicted"}.get(item.reason, item.reason)


def _why(results: Results) -> list[str]:
    rows = [[_names(item.names), _reason(item), _moves(item.moves, results.kernels),
             spans(item.machines, results.machines), ", ".join(item.kinds)
             if DEFAULT not in item.kinds else "new VMs"]
            for item in reasons(results.cells)]
    return _table(("what is refused", "why", "from → on", "CPUs", "VMs"), rows)


def _order(results: Results) -> list[str]:
    problems = order_problems(results.cells)
    if not problems:
        return _wrap("No VM was refused for the order by the host on which it was saved.")
    about = {kind.name: kind.about for kind in KINDS}
    rows = [[about.get(item.kind, item.kind), _names(item.names), item.remedy,
             spans(item.kernels, results.kernels), spans(item.machines, results.machines)]
            for item in problems]
    return _table(("VM", "refused", "the right order", "kernels", "CPUs"), rows)


def _changed(changes: Changes) -> list[str]:
    words = {"gone": "no longer there", "new": "new", "values": "of a new VM",
             "more": "take more", "fewer": "take fewer values", "other": "take other values"}
    among = ", ".join(name for name in changes.features if name != "psci_0_2")
    return [f"{f'with {among}: ' if among else ''}{words[what]}: {_names(names, 2 * MANY)}"
            for what, names in changes.what.items()]


def _changes(results: Results) -> list[str]:
    """What changed on most machines in the same way is said once."""
    lines: list[str] = []
    pairs = dict.fromkeys((change.before, change.after) for change in results.changes)
    for before, after in pairs:
        said: dict[str, list[str]] = {}
        machines = []
        for change in results.changes:
            if (change.before, change.after) == (before, after):
                machines.append(change.machine)
                for line in _changed(change):
                    said.setdefault(line, []).append(change.machine)
        lines += [f"**{before} → {after}**", ""]
        if not said:
            lines += ["Nothing.", ""]
            continue
        for line, where in said.items():
            place = "" if where == list(dict.fromkeys(machines)) else f" ({', '.join(where)})"
            lines += textwrap.wrap(f"{line}{place}", WIDTH, initial_indent="- ",
                                   subsequent_indent="  ", break_long_words=False,
                                   break_on_hyphens=False)
        lines.append("")
    return lines


def _direction(results: Results, newer: bool) -> list[str]:
    moves = between(results, newer)
    if not moves:
        return []
    good = sum(cell.fits for cell in moves)
    text = (f"**To {'a newer' if newer else 'an older'} kernel**: {good} of {len(moves)} moves of "
            "a new VM work.")
    if newer and good < len(moves):
        said = []
        for item in reasons(cell for cell in moves if not cell.fits):
            all_of_them = set(item.machines) == set(results.machines)
            place = "" if all_of_them else f" on {spans(item.machines, results.machines)}"
            said.append(f"{_moves(item.moves, results.kernels).replace('<br>', ' and ')}{place}: "
                        f"{_names(item.names)}")
        text += f" What is refused in the others: {'; '.join(said)}."
    return [text]


def _levels(results: Results) -> list[str]:
    """Whether levels are what they say."""
    lines = _wrap("This project's kernel can be booted so that VMs behave as under an older kernel "
                  "([rust-compat.rst](../Documentation/virt/kvm/arm/rust-compat.rst)). Is a VM at "
                  "a level as under the real kernel, but for the exceptions of that page?")
    rows = []
    for name in dict.fromkeys(level.name for level in results.levels):
        those = [level for level in results.levels if level.name == name]
        good = [level.machine for level in those if not level.differs]
        rows.append([name, spans(good, results.machines) or "–",
                     "<br>".join(f"{level.machine}: {'; '.join(level.differs[:MANY])}"
                                 for level in those if level.differs) or "nothing"])
    return lines + _table(("level", "alike on", "what differs"), rows) if rows else []


def _short(results: Results) -> list[str]:
    """What most readers want to know."""
    lines = [*_direction(results, True), *_direction(results, False)]
    if problems := order_problems(results.cells):
        kernels = {kernel for item in problems for kernel in item.kernels}
        lines.append(f"**In the order of `KVM_GET_REG_LIST`**, some VMs cannot even be restored on "
                     f"the host on which they were saved: on {spans(kernels, results.kernels)}.")
    stock = [kernel for kernel in results.kernels if kernel not in (*OWN_TITLES, *LEVEL_TITLES)]
    own = [kernel for kernel in results.kernels if kernel in OWN_TITLES]
    if stock and own:
        count, other = alike_hosts(results, [stock[-1], *own])
        lines.append(f"**This project's kernel**, {' and '.join(own)}, gave the same answer as "
                     f"{stock[-1]} in {count - len(other)} of {count} cases"
                     + (f". Not in {'; '.join(other[:MANY])}." if other else "."))
    return [line for text in lines for line in (*textwrap.wrap(
        text, WIDTH, initial_indent="- ", subsequent_indent="  ", break_long_words=False,
        break_on_hyphens=False),)] + [""]


def _judged(results: Results) -> list[str]:
    red, unpredicted = results.disagreements, results.unpredicted
    right = len(results.cells) - len(red) - len(unpredicted)
    lines = _wrap(f"{len(results.cells)} answers of hosts: {right} as predicted, register by "
                  f"register; {len(red)} not; {len(unpredicted)} that the dump cannot tell.")
    lines += [f"- {cell.name}: {cell.disagreement}" for cell in red] + [""] * bool(red)
    reasons_of: dict[tuple[str, ...], int] = {}
    for cell in unpredicted:
        reasons_of[cell.undecided] = reasons_of.get(cell.undecided, 0) + 1
    for names, count in sorted(reasons_of.items(), key=lambda item: (-item[1], item[0])):
        lines.append(f"- cannot tell, {count} times: {_names(names)}")
    lines += [""] * bool(reasons_of)
    mutated = results.mutated
    right = mutated.vms - mutated.cannot_tell - len(mutated.wrong)
    if mutated.vms:
        lines += _wrap(f"{mutated.vms} VMs were changed at random, each on its own host: {right} "
                       f"answers as predicted; {len(mutated.wrong)} not; {mutated.cannot_tell} "
                       f"that the dump cannot tell. {mutated.as_sets} of them were also given to "
                       "this kernel as a set, which gave the same answers.")
    if results.planted:
        fields = ", ".join(f"`{name}`" for name in results.planted.lie.fields)
        what = "found" if results.planted.named else "NOT found"
        lines += _wrap(f"A lie about {fields}, planted in the dump of one host, was {what}.")
    for host in results.silent:
        lines += _wrap(f"No results: {host.machine}, {host.kernel}: {host.problem}.")
    for name, why in results.gone:
        lines += _wrap(f"Left out: {name}: {why}.")
    odd = sorted({(cell.destination[1], name) for cell in results.cells
                  for name in cell.other_errno})
    if odd:
        lines += _wrap("Refused with another error number than predicted: "
                       + ", ".join(f"`{name}` on {kernel}" for kernel, name in odd[:MANY]) + ".")
    return lines


def text(results: Results) -> str:
    about = results.about
    kinds = [f"- `{kind.name}`: {kind.about}" for kind in KINDS]
    versions = [[host.kernel, host.release, host.version or "this tree"]
                for host in {host.kernel: host for host in results.hosts if host.release}.values()]
    lines = [
        # In two parts: reuse takes such a line for that of this file.
        "<!-- SPDX-License-" "Identifier: GPL-2.0-only -->",
        "<!-- Written by `make matrix`; the text is in scripts/matrix/page.py -->", "",
        "# Which VM can move where", "",
        *_wrap("Does a VM that was saved under one kernel start again under another? Each kernel "
               "of the table was booted in QEMU on each CPU. It was measured by `kvmfit dump`, "
               "made the states of its VMs, and in a second boot was given the states of all "
               "others by `kvmfit check`, which writes each register into a new VM. On another "
               "machine `kvmfit plan` predicted each answer from the two dumps alone. How real "
               "VMMs fare is [another page](matrix-vmms.md)."),
        *_wrap(f"Written by `{about['command']}` on {about['date']}; {about['qemu']}, kvmfit "
               f"{about['kvmfit']}. All of it is in `results/matrix.json`, and as TAP in "
               "`results/matrix.tap`, below the output directory."),
        "## In short", "", *_short(results),
        "![A table for each CPU: from which kernel to which a VM can move](matrix.svg)", "",
        "## Prediction and truth", "", *_judged(results),
        "## Who can move where", "",
        *_wrap("How many registers are refused of a new VM, whose VMM writes the registers in the "
               "right order. A VMM that ends at the first error cannot restore it at all."),
        *_who(results),
        *(["## At the level of an older kernel", "", *_levels(results)] * bool(results.levels)),
        "## What is refused, and why", "",
        *_wrap("Of all kinds of VMs, in the right order, on the same CPU:"), *_why(results),
        "## The order of the list", "",
        *_wrap("A VMM that writes registers in the order in which `KVM_GET_REG_LIST` has them "
               "cannot restore these VMs, not even on the host on which they were saved:"),
        *_order(results),
        "## What changed from kernel to kernel", "",
        *_wrap("Of a new VM: its list of registers, their values, and which values they take."),
        *_changes(results),
        "## Kernels", "", *_table(("name", "release", "package"), versions),
        "## VMs", "", *kinds, ""]
    return "\n".join(lines).rstrip("\n") + "\n"
