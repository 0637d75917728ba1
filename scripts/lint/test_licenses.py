# SPDX-License-Identifier: GPL-2.0
"""Which licenses and sources of crates are refused."""

import unittest

from lint.licenses import PUBLIC, allowed, wrong

GOOD = {"MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"}


class Allowed(unittest.TestCase):
    def test_expressions(self) -> None:
        for text in ("MIT", "MIT OR GPL-2.0", "GPL-2.0 OR MIT", "MIT/Apache-2.0",
                     "(MIT OR GPL-2.0) AND Apache-2.0", "MIT AND (Apache-2.0)",
                     "Apache-2.0 WITH LLVM-exception OR GPL-2.0"):
            self.assertTrue(allowed(text, GOOD), text)
        for text in ("", "GPL-2.0", "MIT AND GPL-2.0", "MIT OR", "(MIT", "MIT)", "MIT MIT",
                     "MIT WITH LLVM-exception", "GPL-2.0 OR (GPL-2.0 AND MIT)"):
            self.assertFalse(allowed(text, GOOD), text)


class Wrong(unittest.TestCase):
    def test_each_crate_has_a_line(self) -> None:
        crate = {"name": "x", "version": "1.0.0", "license": "MIT", "source": PUBLIC}
        metadata = {"packages": [
            crate, crate | {"source": None}, crate | {"license": None},
            crate | {"license": "GPL-2.0"}, crate | {"source": "git+https://example.org/x"}]}
        said = wrong(metadata, {"licenses": {"allow": ["MIT"]}})
        self.assertEqual(said, ["x 1.0.0: its license is None", "x 1.0.0: its license is GPL-2.0",
                                "x 1.0.0: it comes from git+https://example.org/x"])


if __name__ == "__main__":
    unittest.main()
