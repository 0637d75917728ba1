# SPDX-License-Identifier: GPL-2.0
"""Names that the pages of the documentation mention, but that no source has.

Usage: python3 -m lint.names REPOSITORY STAGE TREE

STAGE holds the files that the overlay adds or changes; its pages are checked. TREE is the tree
with the overlay.

Checked is what stands between double backquotes and looks like a name in C or Rust (with a
parenthesis, a "::" or an underscore), or like a file. A "*" or an "n" stands for any end of a name,
a name that ends with "_x" for a family of functions. After a name and a colon come names that are
in the same file. KUnit suites may lack their prefix.

Prints a line for each.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from findings import report

# What the pages write about, apart from the files of the overlay
PLACES = ("arch/arm64/include", "arch/arm64/kernel", "arch/arm64/kvm", "include/kvm",
          "include/linux", "include/trace/events", "include/uapi/linux", "rust/macros",
          "tools/testing/selftests/kvm", "virt/kvm")
SOURCES = (".c", ".h", ".rs", ".S")
# The tests of the core crate, which are not laid
TESTS = "rust/kvm_abi/tests"
SUITES = "kvm_arm64_"

_LITERAL = re.compile(r"``([^`]+?)``", re.DOTALL)
_FILE = re.compile(r"[\w.+/-]+\.(?:c|h|rs|py|rst)")
_NAME = re.compile(r"(?:(?:struct|enum) )?(\w+(?:::\w+)*)(\(.*\))?", re.DOTALL)
_GLOB = re.compile(r"([A-Za-z]\w*_)\*|([A-Z]\w*[A-Z_])n")
_MEMBERS = re.compile(r"``(\w+)``:\s+((?:``\w+``,?\s+)*``\w+``)")
_WORD = re.compile(r"[A-Za-z_]\w*(?: ?\()?")


class Sources:
    """The names of all sources, and the paths of the tree's files."""

    def __init__(self, repo: Path, stage: Path, tree: Path) -> None:
        self.trees = (tree, repo)
        self.words: dict[Path, set[str]] = {}
        self.calls: set[str] = set()
        self.files = {str(path.relative_to(stage)) for path in stage.rglob("*") if path.is_file()}
        for root in (stage, repo / TESTS, *(tree / place for place in PLACES)):
            for path in sorted(root.rglob("*")):
                if "Documentation" in path.parts or not path.is_file():
                    continue
                if path.is_relative_to(tree):
                    self.files.add(str(path.relative_to(tree)))
                self.read(path)
        self.all = set().union(*self.words.values())

    def read(self, path: Path) -> None:
        words = self.words[path] = {path.stem}
        if path.suffix not in SOURCES:
            return
        for word in _WORD.findall(path.read_text(encoding="utf-8", errors="replace")):
            name = word.rstrip(" (")
            words.add(name)
            if name != word:
                self.calls.add(name)

    def has(self, name: str) -> bool:
        return name in self.all or SUITES + name in self.all

    def has_file(self, name: str) -> bool:
        """A path from the top of a tree, or its end."""
        return any((tree / name).exists() for tree in self.trees) or \
            any(file.endswith(f"/{name}") for file in self.files)

    def together(self, name: str, member: str) -> bool:
        """Whether the file of this name, or the one with this KUnit suite, has another name."""
        return any(member in words and (path.stem == name or SUITES + name in words)
                   for path, words in self.words.items())

    def problem(self, literal: str) -> str | None:
        """What is wrong with a literal."""
        if _FILE.fullmatch(literal):
            return None if self.has_file(literal) else "there is no such file"
        if match := _GLOB.fullmatch(literal):
            start = match.group(1) or match.group(2)
            some = any(word.startswith(start) for word in self.all)
            return None if some else "no source has such a name"
        if not (match := _NAME.fullmatch(literal)):
            return None
        path, call = match.groups()
        if path.endswith("_x") or not (call or "::" in path or re.search(r"\w_\w", path)):
            return None
        *types, name = path.split("::")
        if not all(map(self.has, [*types, name])):
            return "no source has this name"
        return None if not call or name in self.calls else "no source calls or defines it"


def problems(stage: Path, sources: Sources) -> Iterator[str]:
    """A line for each literal that names nothing."""
    none = True
    for page in sorted((stage / "Documentation").rglob("*.rst")):
        where, text = page.relative_to(stage), page.read_text(encoding="utf-8")
        # What a program on the page defines
        own = set(re.findall(r"\w+", re.sub(_LITERAL, "", text)))
        for literal in sorted(set(_LITERAL.findall(text))):
            none = False
            what = sources.problem(" ".join(literal.split()))
            if what and literal not in own:
                yield f"{where}: {literal}: {what}"
        for name, members in _MEMBERS.findall(text):
            for member in _LITERAL.findall(members):
                if not sources.together(name, member):
                    yield f"{where}: {name}: has no {member}"
    if none:
        yield f"{stage}: no page names anything"


def main() -> int:
    if len(sys.argv) != 4:
        print("usage: python3 -m lint.names REPOSITORY STAGE TREE", file=sys.stderr)
        return 2
    repo, stage, tree = map(Path, sys.argv[1:])
    return report(lambda: problems(stage, Sources(repo, stage, tree)))


if __name__ == "__main__":
    sys.exit(main())
