# SPDX-License-Identifier: GPL-2.0
"""Programs of Debian's arm64 packages with the libraries that they need, and nothing else.

  programs.py pack OUTPUT ROOT...   an initramfs with each ROOT/usr/bin/qemu-system-aarch64, as
                                    /vmm/NAME/qemu, NAME being the name of ROOT, and /vmm/lib
  programs.py owners PACKAGES       which of the packages, each unpacked below PACKAGES under its
                                    name, hold a library that QEMU needs
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from kernels import initramfs

READELF = "/usr/bin/aarch64-linux-gnu-readelf"
PROGRAM = "usr/bin/qemu-system-aarch64"
# Where packages put libraries
DIRECTORIES = ("usr/lib/aarch64-linux-gnu", "lib/aarch64-linux-gnu", "usr/lib", "lib")
PACKAGE = "qemu-system-arm"


class Missing(Exception):
    """A program needs a library that no package has."""


def needed(path: Path) -> list[str]:
    """The names of the libraries that a program or library asks the loader for."""
    done = subprocess.run([READELF, "-dW", path], check=True, capture_output=True, text=True)
    return [line.split("[", 1)[1].rstrip("]") for line in done.stdout.splitlines()
            if "(NEEDED)" in line]


def libraries(root: Path) -> dict[str, Path]:
    """The libraries of an unpacked package by their names."""
    found: dict[str, Path] = {}
    for directory in DIRECTORIES:
        for path in sorted((root / directory).glob("*.so*")):
            if path.is_file():
                found.setdefault(path.name, path)
    return found


def closure(program: Path, there: dict[str, Path]) -> dict[str, Path]:
    """All libraries that a program needs, with those that they need in turn."""
    found: dict[str, Path] = {}
    todo = [program]
    while todo:
        path = todo.pop()
        for name in needed(path):
            if name in found:
                continue
            if name not in there:
                raise Missing(f"{path.name} needs {name}, which is in none of the packages")
            found[name] = there[name]
            todo.append(there[name])
    return found


def pack(output: Path, roots: Iterable[Path]) -> None:
    """Write the initramfs. All programs share one directory of libraries."""
    files: dict[str, initramfs.Content] = {}
    there: dict[str, Path] = {}
    roots = list(roots)
    for root in roots:
        there |= libraries(root)
    for root in roots:
        program = root / PROGRAM
        if not program.exists():
            continue
        files[f"vmm/{root.name}/qemu"] = program
        files |= {f"vmm/lib/{name}": path for name, path in closure(program, there).items()}
    initramfs.write(output, files)


def owners(packages: Path) -> list[str]:
    """The names of the packages that hold what QEMU needs."""
    there: dict[str, Path] = {}
    for package in sorted(packages.iterdir()):
        there |= libraries(package)
    needs = closure(packages / PACKAGE / PROGRAM, there)
    return sorted({path.relative_to(packages).parts[0] for path in needs.values()})


def main() -> int:
    task, *paths = sys.argv[1:]
    try:
        if task == "pack":
            pack(Path(paths[0]), map(Path, paths[1:]))
        elif task == "owners":
            print("\n".join(owners(Path(paths[0]))))
        else:
            raise SystemExit(__doc__)
    except (Missing, initramfs.CannotPack) as why:
        print(f"programs.py: error: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
