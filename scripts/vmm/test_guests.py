# SPDX-License-Identifier: GPL-2.0
"""What guests answer, and what a guest must not show after it was resumed."""

import unittest

from vmm import guests
from vmm.guests import Answers

NEW = "CPU_ON 0\nend\n"
ANSWERS = ("counts 5 3\nend\ncpu0 mrs s3_0_c0_c4_0 0x11\nhvc 0x84000000 0x0 -> 0x10003\nend\n"
           "cpu1 off, affinity 1\nend\ncounts 9 7\nend\n")
ANSWERED = Answers((5, 3), (9, 7),
                   ("cpu0 mrs s3_0_c0_c4_0 0x11", "hvc 0x84000000 0x0 -> 0x10003"),
                   ("cpu1 off, affinity 1",))


class Parsing(unittest.TestCase):
    def test_the_answers_of_a_new_and_of_a_resumed_guest(self) -> None:
        self.assertEqual(guests.parse(NEW + ANSWERS, before=1), ANSWERED)
        self.assertEqual(guests.parse(4 * NEW + ANSWERS, before=4), ANSWERED)
        self.assertEqual(guests.parse(ANSWERS), ANSWERED)

    def test_a_guest_of_linux_may_end_its_lines_in_its_own_way(self) -> None:
        self.assertEqual(guests.parse(ANSWERS.replace("\n", "\r\n")), ANSWERED)

    def test_what_is_missing_is_no_answer(self) -> None:
        for text in ("", NEW, ANSWERS[:-4], ANSWERS + "end\n", ANSWERS.replace("counts", "count")):
            with self.assertRaises(guests.Incomplete, msg=text):
                guests.parse(text)


class Comparing(unittest.TestCase):
    def after(self, **changes: tuple[object, ...]) -> Answers:
        values = {"first": (10, 8), "last": (12, 9), "view": ANSWERED.view,
                  "replug": ANSWERED.replug}
        return Answers(**(values | changes))  # type: ignore[arg-type]

    def test_a_guest_that_goes_on_has_no_problem(self) -> None:
        self.assertEqual(guests.problems(ANSWERED, self.after()), [])
        self.assertEqual(guests.problems(ANSWERED, self.after(first=(9, 7))), [])

    def test_each_thing_that_a_resumed_guest_must_not_show(self) -> None:
        for change, words in (({"first": (10, 6)}, "went back"), ({"last": (12, 8)}, "no longer"),
                              ({"replug": ("CPU_ON -4",)}, "replugging a CPU: + CPU_ON -4")):
            found = guests.problems(ANSWERED, self.after(**change))
            self.assertTrue(any(words in problem for problem in found), found)

    def test_differences_are_the_lines_that_one_side_has(self) -> None:
        self.assertEqual(guests.differences(("a 1", "b 2", "c 3"), ("a 1", "b 3", "d 4")),
                         ["- b 2", "- c 3", "+ b 3", "+ d 4"])


if __name__ == "__main__":
    unittest.main()
