# SPDX-License-Identifier: GPL-2.0
"""Run the steps of a goal of `make`, or a single one of them.

Called by scripts/steps.sh, which checks the variables first. Exit status: 0, or 1 if a step failed.
"""

import argparse
import os
import signal
import sys

from driver import checks, steps
from driver.run import Run, say
from driver.settings import NAME, Settings, Wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog=f"scripts/{NAME}", description=__doc__)
    parser.add_argument("--only", action="store_true",
                        help="this step alone, without those that it needs, a title or a lock")
    parser.add_argument("goal", help="a goal of the Makefile, or a step")
    args = parser.parse_args()
    if not steps.find(args.goal) and (args.only or args.goal not in steps.GOALS):
        parser.error(f"there is no step '{args.goal}'")
    settings = Settings(dict(os.environ))
    run = Run(settings.brief() if args.goal in steps.TESTS else settings)
    try:
        if args.only:
            return run.do(args.goal)
        names = steps.goal(args.goal, settings)
        checks.check(settings, names)
        return run.all(names, keep_going=args.goal in steps.TESTS,
                       debug=args.goal == steps.TEST_DEBUG)
    except Wrong as why:
        say(str(why))
        return 1
    except KeyboardInterrupt:
        print(f"{NAME}: interrupted; completed work is kept, and the same command continues from "
              "there", file=sys.stderr)
        # So that those who wait for this process know.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        return 130
