# SPDX-License-Identifier: GPL-2.0
"""How a check ends: it prints what is wrong."""

from collections.abc import Callable, Iterable


def report(find: Callable[[], Iterable[str]], *reasons: type[Exception]) -> int:
    """Print what `find` finds, or why it cannot, which is one of the `reasons`.

    Returns the exit status: 0 if nothing is wrong.
    """
    wrong = False
    try:
        for line in find():
            print(line)
            wrong = True
    except reasons as why:
        print(why)
        wrong = True
    return int(wrong)
