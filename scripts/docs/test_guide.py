# SPDX-License-Identifier: GPL-2.0
"""The code of the guide for VMMs is code that runs: its C comes from a selftest, its Rust is an
example of kvmfit-host."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "Documentation/virt/kvm/arm/rust-opt-in-migration.rst"
GUIDE = ROOT / "tools/testing/selftests/kvm/arm64/abi/guide"
EXAMPLE = ROOT / "tools/kvmfit/crates/kvmfit-host/examples/restore/vmm.rs"

_INCLUDE = re.compile(r"^\.\. literalinclude:: (\S+)\n((?:   :.*\n)+)", re.MULTILINE)
_OPTION = re.compile(r"^   :([\w-]+): (.*)$", re.MULTILINE)
_SECTION = re.compile(r"^/\* ---- .* ---- \*/$", re.MULTILINE)
# What is only for the test
NOT_SHOWN = {"vmm.h": ["/* ---- Functions ---- */"]}


def included() -> dict[str, list[str]]:
    """The parts of each file that the page includes, one after the other."""
    found: dict[str, list[str]] = {}
    for match in _INCLUDE.finditer(PAGE.read_text(encoding="utf-8")):
        path = (PAGE.parent / match[1]).resolve()
        options = dict(_OPTION.findall(match[2]))
        text = path.read_text(encoding="utf-8")
        start = text.index(options["start-after"])
        start = text.index("\n", start) + 1
        end = text.index(options["end-before"]) if "end-before" in options else len(text)
        found.setdefault(path.name, []).append(text[start:end])
        assert start < end and path.parent == GUIDE
    return found


def block(language: str) -> list[str]:
    """The code blocks in a language, without their indent."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(rf"^\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", text, re.MULTILINE)
    return [re.sub("^   ", "", one, flags=re.MULTILINE).strip("\n") + "\n" for one in found]


class Guide(unittest.TestCase):
    def test_the_c_code_is_that_of_the_selftest(self) -> None:
        self.assertEqual(block("c"), [])
        shown = included()
        self.assertEqual(set(shown), {path.name for path in GUIDE.iterdir()})
        for name, parts in shown.items():
            sections = _SECTION.split((GUIDE / name).read_text(encoding="utf-8"))
            for title, section in zip(_SECTION.findall(
                    (GUIDE / name).read_text(encoding="utf-8")), sections[1:], strict=True):
                is_shown = any(section.strip() in part for part in parts)
                self.assertEqual(is_shown, title not in NOT_SHOWN.get(name, []), f"{name}: {title}")

    def test_the_rust_code_is_an_example(self) -> None:
        (shown,) = block("rust")
        lines = EXAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
        # All but the licence and what the file is
        self.assertEqual(lines[0], "// SPDX-License-" "Identifier: Apache-2.0 OR MIT\n")
        self.assertEqual(shown, "".join(lines[4:]))

    def test_there_is_one_order(self) -> None:
        """No code of the page writes registers in the order of KVM_GET_REG_LIST."""
        code = "".join(part for parts in included().values() for part in parts)
        writers = re.findall(r"^static int (\w+)\([^)]*\)\n\{(?:(?!^\}).)*vmm_set_reg", code,
                             re.MULTILINE | re.DOTALL)
        self.assertEqual(writers, ["finalize", "restore_vcpu"])
        self.assertIn("rank(s->reg[i].id) == r", code)
        self.assertIn("restore_order(state, None)", EXAMPLE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    unittest.main()
