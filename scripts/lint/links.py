# SPDX-License-Identifier: GPL-2.0
"""Links of Markdown pages to files and headings of this repository that are not there.

Usage: python3 -m lint.links REPOSITORY PAGE...

Prints a line for each. Links to other places are not followed.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from findings import report

_CODE = re.compile(r"^```.*?^```$|^    .*?$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The headings as GitHub names them: lower case, blanks as hyphens, no punctuation."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in _HEADING.findall(re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S))}


def problems(root: Path, pages: list[str]) -> Iterator[str]:
    for page in pages:
        text = _CODE.sub("", (root / page).read_text(encoding="utf-8"))
        for link in _LINK.findall(text):
            if re.match(r"[a-z]+:", link):
                continue
            place, _, anchor = link.partition("#")
            target = (root / page).parent / place if place else root / page
            if not target.exists():
                yield f"{page}: {link}: there is no such file"
            elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
                yield f"{page}: {link}: there is no such heading"


def main() -> int:
    root, *pages = sys.argv[1:]
    return report(lambda: problems(Path(root), pages))


if __name__ == "__main__":
    sys.exit(main())
