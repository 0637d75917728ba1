# SPDX-License-Identifier: GPL-2.0
"""C code that serves more than the core knows does not build.

Usage: python3 -m lint.ties TREE KOUT

TREE is the tree with the overlay, KOUT a build of it. Each patch in scripts/lint/ties adds to C
what somebody may add one day: a firmware register, a version of PSCI, a function. Its object, as
KOUT builds it, must not compile, and the compiler must say what the patch says it does. Then each
number by which rust/kernel/kvm/ties.rs knows C is changed: that must not compile either.

A patch begins with a description, and with

  Object: <file>
  Says: <text>

Prints a line for each that builds, or that fails for another reason.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from findings import report
from lint.off import Unusable, command

PATCHES = Path(__file__).resolve().parent / "ties"
RUSTC = "/usr/bin/rustc"
SOURCE = "rust/kernel/kvm/ties.rs"
BINDINGS = "rust/bindings/bindings_generated.rs"
CORE = "rust/kvm_abi/src/lib.rs"
SAYS = " must know "

_HEADER = re.compile(r"^(Object|Says): (.+)$", re.MULTILINE)
_FILE = re.compile(r"^\+\+\+ b/(.+)$", re.MULTILINE)
_CONSTANT = re.compile(r"\bbindings::(\w+)")
_TIED = re.compile(r"^pub const (kvm_arm_(?:fw_reg|psci|func|vm_id_reg|id_rule)_known_to_rust_\w+):\s+"
                   r"[\w:]+ =\s+(\d+);$", re.MULTILINE)

# What ties.rs finds in the kernel's crate; paste! only joins names.
CRATE = """#![allow(dead_code)]
extern crate kvm_abi as abi;
mod bindings {{ {constants} }}
mod build_assert {{
    macro_rules! static_assert {{ ($c:expr, $m:literal $(,)?) => {{ const _: () = assert!($c, $m); }}; }}
    pub(crate) use static_assert;
}}
pub extern crate macros;
#[path = "{source}"]
mod ties;
"""


def run(words: list[str], where: Path) -> tuple[bool, str]:
    done = subprocess.run(words, check=False, cwd=where, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "LC_ALL": "C"})
    return not done.returncode, done.stdout


def patched(patch: Path, tree: Path, work: Path) -> dict[str, str]:
    """Apply a patch to copies of the files that it changes; return its header."""
    text = patch.read_text(encoding="utf-8")
    for file in _FILE.findall(text):
        (work / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree / file, work / file)
    done = subprocess.run(["git", "-C", str(work), "apply", str(patch)], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "GIT_CEILING_DIRECTORIES": str(work.parent)})
    if done.returncode:
        raise Unusable(f"{patch.name} no longer applies; update the patch: {done.stdout.strip()}")
    return dict(_HEADER.findall(text.partition("\n---\n")[0]))


def builds(patch: Path, tree: Path, kout: Path, work: Path) -> str | None:
    """What is wrong with a patch: None if its object does not compile, and says so."""
    try:
        header = patched(patch, tree, work)
        source = header["Object"].removesuffix(".o") + ".c"
        # Behind its own headers, if the patch changes one.
        words = command(kout, source)
        words[1:1] = [f"-I{work / 'include'}"]
    except Unusable as why:
        return str(why)
    if not (work / source).is_file():
        shutil.copyfile(tree / source, work / source)
    good, said = run([*words, "-o", os.devnull, str(work / source)], kout)
    if good:
        return f"{patch.name}: {header['Object']} compiles"
    if header["Says"] not in said:
        return f"{patch.name}: the compiler does not say '{header['Says']}': {said.strip()[:500]}"
    return None


def crate(constants: dict[str, str], work: Path, tree: Path, kout: Path) -> tuple[bool, str]:
    """Compile ties.rs against these constants of C."""
    work.mkdir(parents=True, exist_ok=True)
    lines = " ".join(f"pub const {name}: {what};" for name, what in constants.items())
    (work / "lib.rs").write_text(CRATE.format(constants=lines, source=tree / SOURCE),
                                 encoding="utf-8")
    # ties.rs names the core as its neighbour.
    return run([RUSTC, "--edition=2021", "--crate-type=rlib", "--emit=metadata", "-Awarnings",
                f"--extern=kvm_abi={work.parent / 'libkvm_abi.rmeta'}",
                f"--extern=macros={kout / 'rust' / 'libmacros.so'}",
                f"--out-dir={work}", str(work / "lib.rs")], work)


def ties(tree: Path, kout: Path, work: Path) -> Iterator[str]:
    """Numbers of C that can change while ties.rs compiles."""
    good, said = run([RUSTC, "--edition=2021", "--crate-type=rlib", "--emit=metadata",
                      "--crate-name=kvm_abi", f"--out-dir={work}", str(tree / CORE)], work)
    if not good:
        raise Unusable(f"the core does not compile: {said.strip()[:500]}")
    generated = (kout / BINDINGS).read_text(encoding="utf-8")
    source = (tree / SOURCE).read_text(encoding="utf-8")
    names = set(_CONSTANT.findall(source)) | {name for name, _ in _TIED.findall(generated)}
    constants = {}
    for name in sorted(names):
        found = re.search(rf"^pub const {name}:\s+[\w:]+ =\s+(\d+);$", generated, re.MULTILINE)
        if not found:
            raise Unusable(f"{BINDINGS} has no {name}")
        number = int(found.group(1))
        constants[name] = ("u64" if "_fw_reg_known_" in name else "u32", number)

    def compile_with(changed: str, number: int) -> tuple[bool, str]:
        texts = {name: f"{kind} = {number if name == changed else value}"
                 for name, (kind, value) in constants.items()}
        return crate(texts, work / (changed or "unchanged"), tree, kout)

    good, said = compile_with("", 0)
    if not good:
        raise Unusable(f"{SOURCE} does not compile by itself: {said.strip()[:500]}")

    def judge(name: str) -> str | None:
        good, said = compile_with(name, constants[name][1] + 1)
        if good:
            return f"{SOURCE} compiles with another {name}"
        return None if SAYS in said else f"{SOURCE} with another {name}: {said.strip()[:500]}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from filter(None, pool.map(judge, constants))


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: python3 -m lint.ties TREE KOUT", file=sys.stderr)
        return 2
    tree, kout = map(Path, sys.argv[1:])
    work = kout / "ties"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()

    def findings() -> Iterator[str]:
        patches = sorted(PATCHES.glob("*.patch"))
        if not patches:
            yield f"there are no patches in {PATCHES}"
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from filter(None, pool.map(
                lambda patch: builds(patch, tree, kout, work / patch.stem), patches))
        yield from ties(tree, kout, work)

    return report(findings, Unusable, OSError, KeyError)


if __name__ == "__main__":
    sys.exit(main())
