# SPDX-License-Identifier: GPL-2.0
"""Whether MAINTAINERS names every file that is laid into the kernel tree.

Usage: python3 -m lint.maintained DIRECTORY GET_MAINTAINER MAINTAINERS

DIRECTORY holds the laid files, and nothing else. GET_MAINTAINER is the kernel's
scripts/get_maintainer.pl, which reads the file MAINTAINERS. Prints a line for each laid file
that it does not find, and for each pattern that matches none of the files.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from findings import report

PERL, GIT = "/usr/bin/perl", "/usr/bin/git"
# Print the sections; without a whole kernel tree, and without asking git who changed the file.
OPTIONS = ("--no-tree", "--no-git", "--no-git-fallback", "--sections")
# Neither the user's .get_maintainer.conf nor a configuration of git.
_ENV = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


class Unusable(Exception):
    """get_maintainer.pl did not do its work."""


def _run(*argv: str, cwd: Path) -> str:
    done = subprocess.run(argv, cwd=cwd, check=False, capture_output=True, text=True, env=_ENV)
    if done.returncode or done.stderr:
        raise Unusable(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def titles(maintainers: Path) -> set[str]:
    """The sections: a line before the first one of a letter and a colon."""
    lines = [line for line in maintainers.read_text(encoding="utf-8").splitlines()
             if not line.startswith("#")]
    return {line for line, after in zip(lines, lines[1:], strict=False)
            if line and not re.match(r"[A-Z]:", line) and re.match(r"[A-Z]:", after)}


def unnamed(place: Path, script: Path, files: list[str]) -> Iterator[str]:
    """The files that no section is about."""
    sections = titles(place / "MAINTAINERS")

    def found(file: str) -> bool:
        said = _run(PERL, str(script), *OPTIONS, "-f", file, cwd=place)
        return not sections.isdisjoint(said.splitlines())

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for file, known in zip(files, pool.map(found, files), strict=True):
            if not known:
                yield f"{file}: MAINTAINERS has no pattern that matches it"


def useless(place: Path, script: Path) -> Iterator[str]:
    """The patterns that match no file, and sections that lack something. The script asks git
    which files there are."""
    _run(GIT, "init", "--quiet", cwd=place)
    _run(GIT, "add", "--all", cwd=place)
    yield from _run(PERL, str(script), "--self-test=sections,patterns", cwd=place).splitlines()


def problems(laid: Path, script: Path, maintainers: Path) -> list[str]:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "tree"
        shutil.copytree(laid, place)
        files = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
        if not files:
            raise Unusable(f"there is no file in {laid}")
        shutil.copy(maintainers, place / "MAINTAINERS")
        return [*unnamed(place, script, files), *useless(place, script)]


def main() -> int:
    if len(sys.argv) != 4:
        print("usage: python3 -m lint.maintained DIRECTORY GET_MAINTAINER MAINTAINERS",
              file=sys.stderr)
        return 2
    places = [Path(argument).resolve() for argument in sys.argv[1:]]
    return report(lambda: problems(*places), Unusable, OSError)


if __name__ == "__main__":
    sys.exit(main())
