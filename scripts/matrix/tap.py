# SPDX-License-Identifier: GPL-2.0
"""The results in the Test Anything Protocol: a line for each cell."""

from matrix.cells import Cell
from matrix.results import Results


def _cell(cell: Cell) -> tuple[bool, str]:
    if not cell.agrees:
        return False, f"{cell.name}: {cell.disagreement}"
    if not cell.predicted:
        # The host's answer cannot be wrong: nothing was predicted.
        return True, f"{cell.name} # SKIP cannot tell: {', '.join(cell.undecided)}"
    names = ", ".join(refusal.name for refusal in cell.refusals)
    said = f"refused, as planned: {names}" if cell.refusals else "taken, as planned"
    return True, f"{cell.name}: {said}"


def lines(results: Results) -> list[str]:
    """The whole of it."""
    tests = [_cell(cell) for cell in results.cells]
    for host in results.hosts:
        if host.mutated:
            wrong = host.mutated.wrong
            tests.append((not wrong, f"{host.machine}, {host.kernel}: {host.mutated.vms} VMs, "
                          f"changed at random: {f'{len(wrong)} not ' if wrong else ''}as planned"
                          + f", {host.mutated.as_sets} of them also as a set"
                          * bool(host.mutated.as_sets)
                          + "".join(f"; {line}" for line in wrong[:1])))
    for level in results.levels:
        tests.append((not level.differs, f"{level.machine}: a VM at level {level.name} is as under "
                      f"{level.name}" + "".join(f"; {line}" for line in level.differs)))
    if results.vague:
        tests.append((False, f"of {results.mutated.vms} VMs, changed at random, the dumps cannot "
                      f"tell {results.mutated.cannot_tell}"))
    tests += [(False, f"{host.machine}, {host.kernel}: {host.problem}") for host in results.silent]
    tests += [(True, f"{name} # SKIP {why}") for name, why in results.gone]
    lie = results.planted
    if lie is None:
        tests.append((True, "a planted lie # SKIP no value was refused about which to tell one"))
    else:
        what = f"a planted lie about {', '.join(lie.lie.fields)} in {lie.lie.cell}"
        tests.append((lie.named, f"{what}: {lie.said or 'not found'}"))
    if not results.cells:
        tests.append((False, "no state was moved"))
    return ["TAP version 13", f"1..{len(tests)}",
            *(f"{'ok' if good else 'not ok'} {n} - {text}" for n, (good, text) in
              enumerate(tests, 1))]
