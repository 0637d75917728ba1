# SPDX-License-Identifier: GPL-2.0
"""That a link of a page which leads nowhere is found, and no other one is."""

import tempfile
import unittest
from pathlib import Path

from lint import links
from testing import said_by

PAGE = """# A page

## What it costs, and what not

[a page](docs/other.md), [a heading](docs/other.md#a-heading_of-it), [a directory](docs),
[here](#what-it-costs-and-what-not), [elsewhere](https://example.org/x#y), `[code](nowhere)`.

    [code](nowhere)

```
[code](nowhere)
# no heading
```
"""
OTHER = "# Other\n\n## A heading_of `it`\n\n[back](../README.md), ![a picture](x.svg)\n"


class Links(unittest.TestCase):
    def setUp(self) -> None:
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.root / "docs").mkdir()
        (self.root / "docs/x.svg").touch()
        self.write(PAGE, OTHER)

    def write(self, page: str, other: str) -> None:
        (self.root / "README.md").write_text(page, encoding="utf-8")
        (self.root / "docs/other.md").write_text(other, encoding="utf-8")

    def run_main(self) -> tuple[int, str]:
        return said_by(links.main, self.root, "README.md", "docs/other.md")

    def test_good_links(self) -> None:
        self.assertEqual(self.run_main(), (0, ""))

    def test_bad_links(self) -> None:
        for link, what in (("docs/gone.md", "file"), ("docs/other.md#gone", "heading"),
                           ("#no-heading", "heading"), ("gone/", "file")):
            with self.subTest(link):
                self.write(f"{PAGE}\n[x]({link})\n", OTHER)
                self.assertEqual(self.run_main(),
                                 (1, f"README.md: {link}: there is no such {what}\n"))

    def test_a_bad_link_of_a_page_below(self) -> None:
        self.write(PAGE, f"{OTHER}[x](README.md)\n")
        self.assertEqual(self.run_main()[1], "docs/other.md: README.md: there is no such file\n")


if __name__ == "__main__":
    unittest.main()
