# SPDX-License-Identifier: GPL-2.0
"""Runs steps in turn: titles, the lock of the clone, and what goes on after a failure."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from driver import steps
from driver.programs import note
from driver.settings import NAME, ROOT, SCRIPTS, Settings, Wrong

# The descriptor of the lock, as in scripts/lib.sh: children that may live longer close it.
LOCK = 9


def say(error: str) -> None:
    print(f"{NAME}: error: {error}", file=sys.stderr, flush=True)


def wait(child: subprocess.Popen[bytes]) -> int:
    """The exit status. Ctrl-C reaches the child as well: it ends by itself, and may have virtual
    machines to end before."""
    interrupted = False
    while True:
        try:
            status = child.wait()
            break
        except KeyboardInterrupt:
            interrupted = True
    if interrupted:
        raise KeyboardInterrupt
    return status


class Run:
    """The steps of one command."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.locked = False

    def _lock(self, path: Path) -> None:
        """Until the last child ends, unless it closes the descriptor."""
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        if file != LOCK:
            os.dup2(file, LOCK)
            os.close(file)
        self.locked = True
        try:
            fcntl.flock(LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note(f"waiting for another make, which holds {path}")
            fcntl.flock(LOCK, fcntl.LOCK_EX)

    def _unlock(self) -> None:
        os.close(LOCK)
        self.locked = False

    def _make_out(self) -> None:
        """As out_dir in scripts/lib.sh"""
        out = self.settings.out
        for path in (out, out / "log", out / "state", self.settings.results):
            path.mkdir(parents=True, exist_ok=True)
        with (out / ".kvm-arm64-rust").open("a", encoding="utf-8"):
            pass

    def _counts(self) -> list[Path]:
        return sorted(self.settings.results.rglob("*.count"))

    def _start(self, argv: Sequence[str], place: Path, env: Mapping[str, str]) -> int:
        return wait(subprocess.Popen(argv, cwd=place, env=env,
                                     pass_fds=(LOCK,) if self.locked else ()))

    def do(self, name: str) -> int:
        """Do one step, and return its exit status."""
        try:
            return steps.do(name, self.settings, self._start)
        except Wrong as why:
            say(str(why))
            return 1

    def _step(self, name: str, last: bool, keep_going: bool) -> tuple[bool, bool]:
        """Whether it went well, and whether the next one can begin."""
        count = self.settings.results / f"{name}.count"
        count.unlink(missing_ok=True)
        before = self._counts()
        step, _ = steps.of(name, self.settings)
        if step.unlocked:
            self._unlock()
        begin = time.monotonic()
        status = self.do(name)
        seconds = int(time.monotonic() - begin)
        if seconds >= 2:
            note(f"done in {seconds // 60}:{seconds % 60:02}")
        if not status:
            return True, True
        # Failed tests leave a count; without one the step itself failed.
        counted = self._counts() != before
        if keep_going and counted:
            return False, True
        if not counted:
            count.parent.mkdir(parents=True, exist_ok=True)
            count.write_text("0 1 0\n", encoding="utf-8")
        if not last:
            print(f"{name} failed; the remaining steps are not run", file=sys.stderr)
        return False, False

    def all(self, names: Sequence[str], keep_going: bool, debug: bool = False) -> int:
        """Run the steps. With `keep_going`, those after a step with failed tests run, too, and the
        last line is the sum of all counts, with `debug` of those of the debug kernel."""
        self._make_out()
        self._lock(self.settings.out / "lock")
        if keep_going:
            for path in self._counts():
                place = str(path.relative_to(self.settings.results))
                if place.startswith("debug") if debug else place != "lint.count":
                    path.unlink()
        good = True
        for number, name in enumerate(names, 1):
            print(f"[{number}/{len(names)}] {steps.title(name, self.settings)}", flush=True)
            well, on = self._step(name, number == len(names), keep_going)
            good = good and well
            if not on:
                break
        if keep_going:
            total = self._start([str(SCRIPTS / "total.sh"), *(["--debug"] if debug else [])], ROOT,
                                self.settings.env)
            good = total == 0 and good
        return 0 if good else 1
