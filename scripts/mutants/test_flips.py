# SPDX-License-Identifier: GPL-2.0
"""Flipping expectations of the selftests."""

import tempfile
import unittest
from pathlib import Path

from mutants import flips
from mutants.flips import NoExpectation, flip

TEST = Path("arm64/some.c")
HEAD = "#define test_expect(...)\tx\n\nstatic void check(int unused)\n{\n"


class Flipping(unittest.TestCase):
    def test_the_condition_of_the_first_expectation(self) -> None:
        one = flip(TEST, HEAD + '\ttest_expect(f(a, "x, y") == 1 &&\n'
                                '\t\t    b,\n\t\t    "%d", a);\n'
                                '\ttest_expect(c, "second");\n}\n')
        self.assertEqual(one.line, 5)
        self.assertIn('\ttest_expect(!(f(a, "x, y") == 1 &&\n\t\t    b), '
                      '"flipped arm64/some.c: " "%d", a);', one.text)
        self.assertIn('test_expect(c, "second");', one.text)

    def test_an_expectation_with_the_line_of_its_caller(self) -> None:
        one = flip(TEST, 'void x(int line)\n{\n\t__test_expect(line, !ret, "%d", ret);\n}\n')
        self.assertIn('__test_expect(line, !(!ret), "flipped arm64/some.c: " "%d", ret);', one.text)

    def test_an_unconditional_failure_is_left_alone(self) -> None:
        text = 'void x(int line)\n{\n\t__test_expect(line, false, "no level");\n}\n'
        self.assertRaises(NoExpectation, flip, TEST, text)

    def test_an_assertion_only_if_nothing_else_is_there(self) -> None:
        assertion = 'void x(void)\n{\n\tTEST_ASSERT(ok, "ok");\n'
        self.assertIn('TEST_ASSERT(!(ok), ', flip(TEST, assertion + "}\n").text)
        self.assertRaises(NoExpectation, flip, TEST, assertion + "}\n", False)
        both = flip(TEST, assertion + '\ttest_expect(ok, "ok");\n}\n').text
        self.assertIn('TEST_ASSERT(ok, "ok")', both)

    def test_what_an_expectation_of_the_library_wants(self) -> None:
        state = flip(TEST, 'void x(void)\n{\n\tpsci_expect_mp_state(v,\n'
                           '\t\tKVM_MP_STATE_STOPPED, "x");\n}\n')
        self.assertIn('KVM_MP_STATE_RUNNABLE, "x"', state.text)
        ranges = flip(TEST, "void x(void)\n{\n\tfilter_expect_set(vm, 0, 1, FILTER_DENY, 0);\n}\n")
        self.assertIn("FILTER_DENY, EINVAL);", ranges.text)


class Files(unittest.TestCase):
    def test_tests_and_library(self) -> None:
        with tempfile.TemporaryDirectory() as place:
            kvm = Path(place) / flips.KVM
            for name in ("arm64/fw_reg.c", "arm64/vm_keeper.c", "arm64/abi_bench_vm.c",
                         "arm64/fault_alloc.c", "arm64/abi/bench/guest.c",
                         "arm64/abi/fuzz/args.c", "lib/arm64/abi/cases.c"):
                (kvm / name).parent.mkdir(parents=True, exist_ok=True)
                (kvm / name).touch()
            self.assertEqual(flips.tests_of(Path(place)), ["fw_reg"])
            self.assertEqual([str(path) for path in flips.library_of(Path(place))],
                             ["arm64/abi/fuzz/args.c", "lib/arm64/abi/cases.c"])

    def test_a_flip_that_is_noticed(self) -> None:
        said = "ok 1 selftests: kvm: fw_reg # SKIP\nnot ok 2 selftests: kvm: fw_reg_list # exit=1\n"
        self.assertFalse(flips.noticed(said, "fw_reg"))
        self.assertTrue(flips.noticed(said, "fw_reg_list"))
        # One that fails anyway has to fail for the flip.
        expected = frozenset(["fw_reg_list"])
        self.assertFalse(flips.noticed(said, "fw_reg_list", expected))
        flipped = f"# line 35: flipped arm64/fw_reg_list.c: EINVAL\n{said}"
        self.assertTrue(flips.noticed(flipped, "fw_reg_list", expected))


if __name__ == "__main__":
    unittest.main()
