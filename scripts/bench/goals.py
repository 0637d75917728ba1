# SPDX-License-Identifier: GPL-2.0
"""The goals for the Rust code, and whether it meets them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench import machines, parts
from bench.result import CHECKED, SAMPLE, SAMPLED, Result

HANDLER = "kvm_smccc_call_handler"
MASKS = "list/GET_REG_WRITABLE_MASKS"
HYPERCALL = re.compile(r"^(hvc|smc)/")
# Restoring the state of a VM: written once for all vCPUs, or for each vCPU as without opting in
ONCE = ("restore/once", "restore/vm_fd", "restore_all/once")
EACH = "restore/vcpus:1"
# One request for the whole configuration of a VM and one ioctl for each register, and the most
# that the former may take of the latter, in percent
CONFIG = (("config/GET", "config/GET:one_by_one", 30),
          ("config/SET", "config/SET:one_by_one", 40),
          ("config/SET:changed", "config/SET:changed:one_by_one", 50))
# The calls that every guest makes when it boots or after a migration
COMMON = re.compile(r"^(hvc|smc)/(SMCCC_VERSION|ARCH_FEATURES:[^:]+|PSCI_VERSION"
                    r"|PSCI_FEATURES:[^:]+|VENDOR_UID|VENDOR_FEATURES)$")
# Calls in mode rust that VHE answers without an exit if it can, and those that it cannot
FAST = re.compile(r"^fast/(hvc|smc)/(?!AFFINITY_INFO)")
NOT_FAST = re.compile(r"^fast/(hvc|smc)/AFFINITY_INFO")
FAST_PERCENT = 30
# The handlers of VHE that answer them
FAST_HANDLERS = ("kvm_hyp_fast_hvc", "kvm_hyp_fast_smc")
HANDLER_PERCENT = 20
# Mode check: the handler of a hypercall, if each call is compared, and the average round trip, if
# one in SAMPLE is
HVC = re.compile(r"^hvc/")
CHECK_TIMES = 2.5
SAMPLED_PERCENT = 5
MASKS_FACTOR = 12
SHIM_INSTRUCTIONS = 2
# On VHE a call of a guest is offered to a handler that in mode c answers no
EARLY_HANDLER = re.compile(r"^((fast/)?(hvc|smc)/|floor/world_switch$)")
EARLY_INSTRUCTIONS = 9
# The least number of measurements for each of GOALS, if all machines of the table were
# measured: a skipped or missing path must not make a goal easier to meet.
LEAST = (602, 72, 3, 270, 585, 9, 18, 28, 1, 298, 135, 135)
# By how many instructions a path may miss a goal without an error, as in a comparison
TOLERATED = 2


@dataclass
class Goal:
    """A goal, the number of measurements it applies to, and those that miss it."""
    name: str
    of: int = 0
    least: int = 1
    missed: list[str] = field(default_factory=list)
    # Missed by more than is tolerated
    failed: bool = False

    def check(self, good: bool, message: str, tolerated: bool = False) -> None:
        self.of += 1
        if not good:
            self.missed.append(message)
            self.failed |= not tolerated

    @property
    def measured(self) -> bool:
        return self.of >= self.least

    @property
    def met(self) -> bool:
        """A goal that was not measured is not met."""
        return self.measured and not self.missed

    @property
    def good_enough(self) -> bool:
        return self.measured and not self.failed

    @property
    def word(self) -> str:
        if self.missed or self.measured:
            return "met" if self.met else "NOT MET"
        return f"ONLY {self.of} OF {self.least} MEASURED" if self.of else "NOT MEASURED"


def _paths(result: Result, *modes: str) -> Iterator[tuple[str, str, list[dict[str, int]]]]:
    """(machine, path, costs of the modes) for the paths with all these modes."""
    for name, machine in result["machines"].items():
        for path, costs in machine["paths"].items():
            if all(mode in costs for mode in modes):
                yield name, path, [costs[mode] for mode in modes]


def _handlers(result: Result, wanted: re.Pattern[str], other: str = "rust") -> Iterator[
        tuple[str, dict[str, int], dict[str, int]]]:
    """(machine and path, the handler in C, the handler in another mode) for each path."""
    for name, machine in result["machines"].items():
        for path, modes in machine["handlers"].items():
            c, rust = (modes.get(mode, {}).get(HANDLER) for mode in ("c", other))
            if wanted.match(path) and c and rust:
                yield f"{name}, {path}", c, rust


def _amount(cost: dict[str, int]) -> tuple[int, int]:
    return cost["instructions"], cost.get("remainder", 0)


def _paths_goal(result: Result) -> Goal:
    goal = Goal("Rust takes at most as many instructions as C on every path")
    yardsticks = {one_by_one for _, one_by_one, _ in CONFIG}
    for name, path, (c, rust) in _paths(result, "c", "rust"):
        if path in yardsticks or NOT_FAST.match(path):
            # Single reads and writes have rows of their own; a call that needs its exit pays for
            # the attempt to do without.
            continue
        goal.check(_amount(rust) <= _amount(c),
                   f"{name}, {path}: C {c['instructions']}, Rust {rust['instructions']}",
                   rust["instructions"] <= c["instructions"] + TOLERATED)
    return goal


def _handler_goal(result: Result) -> Goal:
    goal = Goal(f"the handler alone takes {HANDLER_PERCENT} % fewer instructions on common calls")
    for place, c, rust in _handlers(result, COMMON):
        one, two = c["instructions"], rust["instructions"]
        served = "" if rust["rust"] else ", but C serves it in mode rust, too"
        goal.check(bool(rust["rust"]) and 100 * two <= (100 - HANDLER_PERCENT) * one,
                   f"{place}: C {one}, Rust {two}{served}")
    return goal


def _masks_goal(result: Result) -> Goal:
    goal = Goal(f"KVM_ARM_GET_REG_WRITABLE_MASKS is {MASKS_FACTOR} times cheaper")
    for name, path, (c, rust) in _paths(result, "c", "rust"):
        if path == MASKS:
            one, two = c["instructions"], rust["instructions"]
            goal.check(MASKS_FACTOR * two <= one,
                       f"{name}: C {one}, Rust {two}: {one / max(two, 1):.1f} times")
    return goal


def _barriers_goal(result: Result) -> Goal:
    goal = Goal("no more barriers, atomics or out-of-line helpers than C on the hypercall path")
    for place, c, rust in _handlers(result, HYPERCALL):
        more = [f"{key} {c[key]} in C, {rust[key]} in Rust"
                for key in ("barriers", "ordered", "atomics", "helpers") if rust[key] > c[key]]
        goal.check(not more, f"{place}: {', '.join(more)}")
    return goal


# How often an operation passes a shim, of a surface or of the opt-ins
_SHIMS = tuple((re.compile(path), number) for path, number in (
    (r"(fast/)?(hvc|smc)/(CPU_ON|AFFINITY_INFO):", 2),
    (r"[gs]et_one_reg/", 2),
    (r"set_id_reg/.*\+restore$", 4),
    (r"set_id_reg/", 2),
    (r"gicc_get/", 3),
    (r"gicc_set/", 4),
    (r"list/GET_REG_LIST$", 3),
    (r"list/GET_REG_WRITABLE_MASKS$", 3),
    (r"smccc_filter/", 2),
    (r"create/SMCCC_filter$", 3),
))


def shims(path: str) -> int:
    """How often an operation of the path passes a shim."""
    if found := re.fullmatch(r"(?:save|restore(_all)?)/vcpus:(\d+)", path):
        # Eight firmware registers, with restore_all also forty ID registers: two shims each
        return (96 if found[1] else 16) * int(found[2])
    return next((number for pattern, number in _SHIMS if pattern.match(path)), 1)


def _shim_goal(result: Result) -> Goal:
    goal = Goal(f"in mode c a shim costs at most {SHIM_INSTRUCTIONS} instructions, "
                "compared with a kernel without the overlay, and the handler of VHE for calls at "
                f"most {EARLY_INSTRUCTIONS}")
    for name, path, (c, stock) in _paths(result, "c", "stock"):
        if path.endswith("EFAULT"):
            # Most of the cost is the search in the exception table, which has another order in
            # another kernel.
            continue
        more = c["instructions"] - stock["instructions"]
        early = result["machines"][name]["kvm"] == "vhe" and EARLY_HANDLER.match(path)
        goal.check(more <= SHIM_INSTRUCTIONS * shims(path) + (EARLY_INSTRUCTIONS if early else 0),
                   f"{name}, {path}: {stock['instructions']} without, {c['instructions']} in "
                   f"mode c (+{more})")
    return goal


def _growth_goal(result: Result) -> Goal:
    """Compare the cost for a VM that has opted in with one vCPU and with the most vCPUs."""
    goal = Goal("the cost of restoring the state of a VM does not grow with its number of vCPUs")
    for name, path, _ in _paths(result, "rust"):
        if path == EACH:
            for way in ONCE:
                _growth(goal, name, way, {
                    int(n): cost for machine, other, (cost,) in _paths(result, "rust")
                    for this, _, n in [other.rpartition(":")] if (machine, this) == (name, way)})
    return goal


def _growth(goal: Goal, machine: str, way: str, costs: dict[int, dict[str, int]]) -> None:
    """The same code runs for any number of vCPUs, so the counts must be equal."""
    if 1 not in costs or len(costs) == 1:
        # Otherwise a missing path would go unnoticed.
        goal.check(False, f"{machine}, {way}: not measured")
        return
    most = max(costs)
    one, many = costs[1], costs[most]
    goal.check(_amount(many) <= _amount(one),
               f"{machine}, {way}: {one['instructions']} with one vCPU, "
               f"{many['instructions']} with {most}",
               many["instructions"] <= one["instructions"] + TOLERATED)


def _config_goal(result: Result) -> Goal:
    """Compare one request with the ioctls that it replaces, in each mode."""
    goal = Goal("the configuration of a VM takes at most 30 % of KVM_GET_REG_LIST and "
                "KVM_GET_ONE_REG of each register to get, 40 % of KVM_SET_ONE_REG to set, and 50 % "
                "if many values change")
    for name, machine in result["machines"].items():
        paths = machine["paths"]
        if not any(path in paths for *pair, _ in CONFIG for path in pair):
            continue
        for whole, one_by_one, percent in CONFIG:
            for mode in ("c", "rust"):
                costs = [paths.get(path, {}).get(mode) for path in (whole, one_by_one)]
                if None in costs:
                    # Otherwise a missing path would go unnoticed.
                    goal.check(False, f"{name}, {whole}, mode {mode}: not measured")
                    continue
                one, two = (cost["instructions"] for cost in costs)
                goal.check(100 * one <= percent * two,
                           f"{name}, {whole}, mode {mode}: {one} of {two}, "
                           f"{100 * one / max(two, 1):.1f} %")
    return goal


def _fast_goal(result: Result) -> Goal:
    goal = Goal(f"on VHE a call without an exit takes at most {FAST_PERCENT} % of C's round trip")
    for name, path, (c, rust) in _paths(result, "c", "rust"):
        if result["machines"][name]["kvm"] == "vhe" and FAST.match(path):
            one, two = c["instructions"], rust["instructions"]
            goal.check(100 * two <= FAST_PERCENT * one,
                       f"{name}, {path}: C {one}, Rust {two}, {100 * two / max(one, 1):.1f} %")
    return goal


def _text_goal(result: Result) -> Goal:
    goal = Goal(f"what serves has at most {parts.SERVES_PERCENT} % of the text of C")
    rust, c = parts.serves(result["sizes"])
    if c and rust:
        goal.check(100 * rust <= parts.SERVES_PERCENT * c, f"C {c} bytes, Rust {rust}")
    return goal


def lines_of(machine: Result, path: str) -> tuple[int, int] | None:
    """The lines of code that the handler touches in C and in Rust, on a path of a machine."""
    modes = machine["handlers"].get(path, {})
    c = modes.get("c", {}).get(HANDLER)
    if FAST.match(path) and machine["kvm"] == "vhe":
        found = [modes.get("rust", {}).get(name) for name in FAST_HANDLERS]
        rust = next((one for one in found if one), None)
    else:
        rust = modes.get("rust", {}).get(HANDLER)
    return (c["lines"], rust["lines"]) if c and rust else None


def _lines_goal(result: Result) -> Goal:
    goal = Goal("a hypercall touches fewer lines of code in Rust than in C")
    for name, machine in result["machines"].items():
        for path in machine["handlers"]:
            fast = FAST.match(path) and machine["kvm"] == "vhe"
            if (HYPERCALL.match(path) or fast) and (found := lines_of(machine, path)):
                one, two = found
                goal.check(two < one, f"{name}, {path}: C {one}, Rust {two}")
    return goal


def sampled(costs: dict[str, dict[str, int]]) -> float:
    """The cost of an operation on average, if mode check compares one in SAMPLE."""
    each, few = (costs[mode]["instructions"] for mode in (CHECKED, SAMPLED))
    return few + (each - few) / SAMPLE


def _check_goal(result: Result) -> Goal:
    goal = Goal(f"in mode check the handler of a hypercall takes at most {CHECK_TIMES} times as "
                "many instructions as C")
    for place, c, check in _handlers(result, HVC, CHECKED):
        one, two = c["instructions"], check["instructions"]
        goal.check(two <= CHECK_TIMES * one,
                   f"{place}: C {one}, check {two}: {two / max(one, 1):.2f} times")
    return goal


def _sampled_goal(result: Result) -> Goal:
    goal = Goal(f"a hypercall takes on average at most {SAMPLED_PERCENT} % more than in C if mode "
                f"check compares one in {SAMPLE}")
    for name, path, _ in _paths(result, "c", CHECKED, SAMPLED):
        if HVC.match(path):
            costs = result["machines"][name]["paths"][path]
            c, average = costs["c"]["instructions"], sampled(costs)
            goal.check(100 * average <= (100 + SAMPLED_PERCENT) * c,
                       f"{name}, {path}: C {c}, {average:.1f} on average")
    return goal


GOALS: tuple[Callable[[Result], Goal], ...] = (
    _paths_goal, _handler_goal, _masks_goal, _barriers_goal, _shim_goal, _growth_goal,
    _config_goal, _fast_goal, _text_goal, _lines_goal, _check_goal, _sampled_goal)


def check(result: Result) -> list[Goal]:
    found = [goal(result) for goal in GOALS]
    if all(config.name in result["machines"] for config in machines.TABLE):
        for goal, least in zip(found, LEAST, strict=True):
            goal.least = least
    return found
