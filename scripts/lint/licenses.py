# SPDX-License-Identifier: GPL-2.0
"""What kvmfit's crates are licensed under, and where they come from: as deny.toml allows.

cargo-deny says the same and more, but takes longer to build than all else here, so that only
who has it runs it. `cargo metadata | python -m lint.licenses deny.toml`
"""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

PUBLIC = "registry+https://github.com/rust-lang/crates.io-index"


def allowed(expression: str, licenses: set[str]) -> bool:
    """Whether an SPDX expression is one of these licenses; "/" is an old way to write OR."""
    words = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))

    def alternatives() -> bool:
        good = conjunction()
        while words and words[0] == "OR":
            words.pop(0)
            # Not short-circuited: it has to be read.
            good = conjunction() or good
        return good

    def conjunction() -> bool:
        good = license_or_group()
        while words and words[0] == "AND":
            words.pop(0)
            good = license_or_group() and good
        return good

    def license_or_group() -> bool:
        word = words.pop(0) if words else ")"
        if word == "(":
            good = alternatives()
            return bool(words) and words.pop(0) == ")" and good
        if word == ")":
            words.append(word)
        if words and words[0] == "WITH":
            word = f"{word} WITH {words[1] if len(words) > 1 else ''}"
            del words[:2]
        return word in licenses

    # What should not be there is left over.
    return alternatives() and not words


def wrong(metadata: dict[str, Any], deny: dict[str, Any]) -> list[str]:
    """A line for each crate that deny.toml does not allow."""
    licenses = set(deny["licenses"]["allow"])
    said = []
    for package in metadata["packages"]:
        name = f"{package['name']} {package['version']}"
        if not allowed(package["license"] or "", licenses):
            said.append(f"{name}: its license is {package['license']}")
        # None: a member of the workspace.
        if package["source"] not in (None, PUBLIC):
            said.append(f"{name}: it comes from {package['source']}")
    return said


def main() -> int:
    said = wrong(json.load(sys.stdin),
                 tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    print("\n".join(said), end="\n" if said else "", file=sys.stderr)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
