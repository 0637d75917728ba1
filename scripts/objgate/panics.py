# SPDX-License-Identifier: GPL-2.0
"""Check that our Rust code cannot panic: in the kernel a panic is a BUG() of the host.

Usage: python3 -m objgate.panics KOUT

Where a panic is possible, the compiler leaves a call of a function of `core`. Those
functions have many names (core::panicking::panic_fmt, core::option::unwrap_failed,
core::slice::index::slice_index_fail, ...), which change with each release of Rust. So
this does not list the functions that panic, but those that an object may use from
`core`; all others are rejected.

In the kernel's own crate, this checks our functions, the functions that our other
objects use, and what these call within the object. Pointers to functions in data are
not followed.

Prints a line for each problem.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from findings import report
from objgate import disasm

NM = "/usr/bin/llvm-nm-22"

# Functions of the kernel's crates, including methods of their types and traits
_KERNEL = re.compile(r"(?:[<&*\[(]*(?:mut |dyn )?|<.+ as )"
                     r"(?:kernel|bindings|uapi|ffi|pin_init|zerocopy|kvm_abi)::")

# Functions of `core` that cannot panic, used for the messages of the kernel and of KUnit
ALLOWED = re.compile(
    r"<[\w:&\[\]() ]+ as core::fmt::(?:Binary|Debug|Display|LowerHex|UpperHex|Pointer|Write)>::\w+"
    r"|<core::fmt::Formatter>::\w+|<core::fmt::builders::\w+>::\w+|core::fmt::write")

_CALL = re.compile(r"\t(?:bl?|b\.\w+|cbn?z|tbn?z|jmp|j\w+|callq?)\t.*?0x[0-9a-f]+ <(.+?)(?:\+0x[0-9a-f]+)?>$")
_RELOCATION = re.compile(r"^\s*[0-9a-f]+:\s+R_\w+\s+(.+?)(?:[+-]0x[0-9a-f]+)?$")


class Unusable(Exception):
    """An object that cannot be judged."""


def output(*command: str) -> str:
    """Returns a tool's output. It is an error if the tool fails or prints a message."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as why:
        raise Unusable(f"{command[0]}: {why.strerror}") from why
    if done.returncode or done.stderr:
        raise Unusable(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def undefined(path: Path) -> set[str]:
    """The symbols that an object uses from others."""
    lines = output(NM, "-u", "--demangle", str(path)).splitlines()
    return {line.strip().partition(" ")[2] for line in lines if line.strip()}


def refused(symbols: set[str]) -> set[str]:
    """The symbols of other crates that are not allowed. Names of C have no `::`."""
    return {name for name in symbols
            if ("::" in name or "panic" in name or "unwind" in name)
            and not _KERNEL.match(name) and not ALLOWED.fullmatch(name)}


def references(text: str) -> dict[str, set[str]]:
    """What each function in a disassembly with relocations refers to."""
    found: dict[str, set[str]] = {}
    name = ""
    for line in text.splitlines():
        if head := disasm.HEAD.match(line):
            name = head.group(1)
            found.setdefault(name, set())
        elif target := _RELOCATION.match(line) or _CALL.search(line):
            found.setdefault(name, set()).add(target.group(1))
    return found


def callers(graph: dict[str, set[str]], ours: Iterable[str], bad: set[str]
            ) -> Iterator[tuple[str, str]]:
    """Our functions and those that they call, each with a rejected symbol that it uses."""
    todo = list(ours)
    seen = set(todo)
    while todo:
        name = todo.pop()
        for target in sorted(graph[name]):
            if target in bad or target.startswith("core::panicking::"):
                yield name, target
            elif target in graph and target not in seen:
                seen.add(target)
                todo.append(target)


def findings(path: Path, shown: str, wanted: re.Pattern[str] | None, used: Iterable[str] = ()
             ) -> list[str]:
    """The problems of an object. Our functions are those that match `wanted` (None: all); the other
    functions in `used` are checked, too."""
    bad = refused(undefined(path))
    graph = references(output(disasm.OBJDUMP, "-dr", "--demangle", str(path)))
    if not wanted:
        found = list(callers(graph, graph, bad))
        rest = sorted(bad - {what for _, what in found})
    else:
        # All of ours may be inlined or generic, and so in the objects that use it.
        checked = {name for name in graph if wanted.search(name)} | graph.keys() & set(used)
        if not checked:
            return [f"{shown}: no function matches {wanted.pattern}, and none is used"]
        found = list(callers(graph, checked, bad))
        rest = []
    return (sorted(f"{shown}: {name} can panic: {what}" for name, what in found)
            + [f"{shown}: refers to {what}" for what in rest])


# Our objects, and the object of which a part is ours
OURS = ("arch/arm64/kvm/rust/kvm_arm64.o", "rust/kvm_abi.o")
KERNEL = "rust/kernel.o"
# Code of the kernel that KUnit uses for its messages, with arithmetic that can panic
EXCUSED = {"<core::ffi::c_str::CStr as kernel::fmt::Display>::fmt"}
PART = re.compile(r"\bkernel::kvm\b|\bkvm_abi\b")


def of_build(output_dir: Path) -> list[str]:
    """The problems of a build."""
    found: list[str] = []
    used: set[str] = set()
    for path in OURS:
        found += findings(output_dir / path, path, None)
        used |= undefined(output_dir / path)
    return found + findings(output_dir / KERNEL, KERNEL, PART, used - EXCUSED)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python3 -m objgate.panics KOUT", file=sys.stderr)
        return 2
    return report(lambda: of_build(Path(sys.argv[1])), Unusable)


if __name__ == "__main__":
    sys.exit(main())
