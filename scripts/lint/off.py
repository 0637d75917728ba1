# SPDX-License-Identifier: GPL-2.0
"""Without CONFIG_KVM_ARM64_RUST, the C code that the patches change compiles to the base's text.

Usage: python3 -m lint.off STAGE BASE TREE KOUT HEADER [FILE...]

STAGE holds the files that the overlay adds or changes, BASE is the pristine tree, TREE the tree
with the overlay, KOUT a build of TREE with the option. Each C file (default: all that the patches
change) is compiled as in KOUT, from BASE and from TREE, behind HEADER, which takes the option away.
Then each function has the same instructions, with the same relocations. Their order in the file,
and numbers of lines in the data, may differ.

Prints a line for each function that differs, in one tree or in the other.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from findings import report

OBJDUMP = "/usr/bin/llvm-objdump-22"

_COMMAND = re.compile(r"savedcmd_\S+ := (?:ccache )?(.*)")
_FUNCTION = re.compile(r"[0-9a-f]+ <(.+)>:")
_LINE = re.compile(r"\s+[0-9a-f]+:?\s+(.*)")
# A branch within an object: the address depends on the order of the functions.
_TARGET = re.compile(r"0x[0-9a-f]+ (<.+>)")
# A relocation to a place in a section depends on the order, too.
_LOCAL = re.compile(r"(R_AARCH64_\w+\s+\.text[\w.]*)\+0x[0-9a-f]+")


class Unusable(Exception):
    """The files cannot be compared; the message says why."""


def command(kout: Path, file: str) -> list[str]:
    """The compiler's command for a file, without its input and output."""
    path = kout / file
    path = path.parent / f".{path.stem}.o.cmd"
    try:
        found = _COMMAND.match(path.read_text(encoding="utf-8"))
    except OSError as why:
        raise Unusable(f"{file} was not built: {why}") from why
    if not found:
        raise Unusable(f"{path} has no command")
    words = shlex.split(found.group(1).partition(" ; ")[0])
    if words[-2] == "-o" or "-o" not in words or not words[-1].endswith(file):
        raise Unusable(f"{path} has another command than expected")
    out = words.index("-o")
    words = words[:out] + words[out + 2:-1]
    return [word for word in words if not word.startswith("-Wp,-MMD")]


def functions(text: str) -> dict[str, list[str]]:
    """The functions of a disassembly, without addresses."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if match := _FUNCTION.fullmatch(line):
            lines = found[match.group(1)] = []
        elif match := _LINE.fullmatch(line):
            lines.append(_LOCAL.sub(r"\1", _TARGET.sub(r"\1", match.group(1))))
    return found


def run(words: list[str], where: Path) -> str:
    done = subprocess.run(words, check=False, cwd=where, text=True, capture_output=True,
                          env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        raise Unusable(f"{shlex.join(words[:1])} failed: {done.stderr.strip()}")
    return done.stdout


def compiled(words: list[str], kout: Path, source: Path, header: Path, obj: Path
             ) -> dict[str, list[str]]:
    """The functions of a source, compiled behind a header."""
    obj.parent.mkdir(parents=True, exist_ok=True)
    run(["ccache", *words, "-w", "-include", str(header), "-o", str(obj), str(source)], kout)
    return functions(run([OBJDUMP, "--disassemble", "--reloc", "--no-show-raw-insn", str(obj)],
                         kout))


def different(file: str, base: dict[str, list[str]], ours: dict[str, list[str]]) -> Iterator[str]:
    """A line for each function that is not the same in both."""
    for name in sorted(base.keys() | ours.keys()):
        one, two = base.get(name), ours.get(name)
        if one is None or two is None:
            yield f"{file}: {name}: only {'with' if one is None else 'without'} the patches"
        elif one != two:
            yield f"{file}: {name}: {len(one)} lines of assembly become {len(two)}"


def main() -> int:
    if len(sys.argv) < 6:
        print("usage: python3 -m lint.off STAGE BASE TREE KOUT HEADER [FILE...]", file=sys.stderr)
        return 2
    stage, base, tree, kout, header = map(Path, sys.argv[1:6])

    def of_file(file: str) -> list[str]:
        words = command(kout, file)
        name = file.removesuffix(".c")
        stock = [word.replace(str(tree), str(base)) for word in words]
        return list(different(
            file,
            compiled(stock, kout, base / file, header, kout / "off/base" / f"{name}.o"),
            compiled(words, kout, tree / file, header, kout / "off/ours" / f"{name}.o")))

    def findings() -> Iterator[str]:
        files = sys.argv[6:] or [
            str(path.relative_to(stage)) for path in sorted((stage / "arch").rglob("*.c"))
            if (base / path.relative_to(stage)).is_file()]
        if not files:
            yield f"the patches change no C file, says {stage}"
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for lines in pool.map(of_file, files):
                yield from lines

    return report(findings, Unusable, OSError)


if __name__ == "__main__":
    sys.exit(main())
