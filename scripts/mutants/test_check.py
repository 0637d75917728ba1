# SPDX-License-Identifier: GPL-2.0
"""Finding planted mutants that no longer fit the code."""

import tempfile
import unittest
from pathlib import Path

from mutants import check, planted
from mutants.planted import Planted
from testing import written

RUST = "arch/arm64/kvm/rust/smccc.rs"
SOURCES = {
    RUST: "one\ntwo\nthree\n",
    "arch/arm64/kvm/rust/tests/smccc_kunit.c":
        "static struct kunit_case cases[] = {\n\tKUNIT_CASE_SLOW(ids),\n\tKUNIT_CASE(filter),\n\t{}\n};\n"
        "\nstatic struct kunit_suite suite = {\n\t.name = \"of_c\",\n};\n",
    "arch/arm64/kvm/rust/tests/kunit.rs":
        "#[kunit_tests(of_rust)]\nmod tests {\n    #[test]\n    fn first() {}\n\n    fn helper() {}\n}\n"
        "#[kunit_tests(another)]\nmod more {\n    #[test]\n    fn second() {}\n}\n",
    "rust/kvm_abi/tests/level.rs": "#[test]\nfn levels() {}\n",
    "tools/testing/selftests/kvm/arm64/smccc.c": "int main(void) {}\n",
    "tools/testing/selftests/kvm/dirty_log_test.c": "int main(void) {}\n",
}
PATCH = f"""What is wrong.

Host: level::levels

--- a/{RUST}
+++ b/{RUST}
@@ -1,3 +1,3 @@
 one
-two
+2
 three
"""


class Check(unittest.TestCase):
    def setUp(self) -> None:
        self.repo = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name, text in SOURCES.items():
            self.write(name, text)
        self.patch = self.write("X99-slip.patch", PATCH)

    def write(self, name: str, text: str) -> Path:
        return written(self.repo / name, text)

    def found(self, **tests: tuple[str, ...]) -> list[str]:
        all_tests = {"Host": (), "KUnit": (), "Kselftest": (), **tests}
        mutant = Planted("X99", self.patch, "what", "", all_tests)
        return list(check.findings([mutant], self.repo, self.repo))

    def test_nothing_is_wrong(self) -> None:
        self.assertEqual(self.found(
            Host=("level::levels",), Kselftest=("smccc", "dirty_log_test"),
            KUnit=("of_c.ids", "of_c.filter", "of_rust.first", "another.second")), [])

    def test_a_patch_that_does_not_apply_is_found(self) -> None:
        self.write(RUST, "one\nTWO\nthree\n")
        (line,) = self.found(Host=("level::levels",))
        self.assertIn("X99-slip.patch no longer applies", line)

    def test_a_patch_of_a_missing_file_is_found(self) -> None:
        (self.repo / RUST).unlink()
        self.assertEqual(len(self.found()), 1)

    def test_a_test_that_does_not_exist_is_found(self) -> None:
        for kind, test in (("Host", "level::level"), ("Host", "levels::levels"), ("KUnit", "of_c.first"),
                           ("KUnit", "of_rust.helper"), ("KUnit", "of_rust.second"),
                           ("KUnit", "of_b.ids"), ("Kselftest", "smccc_psci")):
            with self.subTest(test):
                self.assertEqual(self.found(**{kind: (test,)}),
                                 [f"X99-slip.patch names {test}, which does not exist"])

    def test_no_patches_at_all_are_wrong(self) -> None:
        self.assertEqual(list(check.findings([], self.repo, self.repo)),
                         [f"there are no patches in {planted.PLANTED}"])


if __name__ == "__main__":
    unittest.main()
