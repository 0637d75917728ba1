#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""In place of QEMU and its guest, as far as vm.sh talks to them. The file `how` beside this program
may say `refuse` (no saved VM is taken), `fail` (none is saved), `mute` (the guest never answers)
or `die`.

If the guest is mute, the clock that vm.sh reads, the file CLOCK, goes on while nobody asks: a wait
then ends because of what happened, however slow the machine is.
"""

import os
import select
import sys
from pathlib import Path

HOW = Path(sys.argv[0]).with_name("how")
# Less than vm.sh waits: a tick that was due before a question does not end the wait for its answer.
TICK, SECONDS = 0.05, 40
ANSWERS = {"c": "counts {n} {n}", "v": "view", "p": "replugged", "r": "booted"}


def advance(clock: Path) -> None:
    """Renamed, since it is read meanwhile."""
    seconds = int(clock.read_text(encoding="utf-8")) + SECONDS
    new = clock.with_suffix(".new")
    new.write_text(str(seconds), encoding="utf-8")
    new.replace(clock)


def main() -> int:
    how = HOW.read_text(encoding="utf-8") if HOW.exists() else ""
    pipes = {}
    for word in sys.argv:
        if word.startswith("pipe,id="):
            name, path = word.removeprefix("pipe,id=").split(",path=")
            # As QEMU: both directions, so that nothing blocks.
            pipes[name] = tuple(os.open(path + end, os.O_RDWR) for end in (".in", ".out"))

    def say(name: str, text: str) -> None:
        os.write(pipes[name][1], (text + "\n").encode())

    incoming = [word for word in sys.argv if word.startswith("file:") and word != sys.argv[-1]
                and sys.argv[sys.argv.index(word) - 1] == "-incoming"]
    count = 0
    # Where the guest is being saved: its state is complete only when QEMU says so.
    saving: list[Path] = []
    asked = 0
    if incoming:
        if how == "refuse":
            print("qemu: load of migration failed: Operation not permitted", file=sys.stderr)
            return 1
        count = int(Path(incoming[0].removeprefix("file:")).read_text(encoding="utf-8"))
    elif how != "mute":
        say("uart", "hello\nend")
    if how == "die":
        return 1
    while True:
        ready, _, _ = select.select([pipe[0] for pipe in pipes.values()], [], [],
                                    TICK if how == "mute" else None)
        if not ready:
            advance(Path(os.environ["CLOCK"]))
        for name, (read, _) in pipes.items():
            if read not in ready:
                continue
            for word in os.read(read, 4096).decode().split("\n" if name == "monitor" else None):
                if name == "uart" and how != "mute":
                    for letter in word:
                        count += 1
                        say("uart", ANSWERS[letter].format(n=count) + "\nend")
                elif word.startswith("migrate file:"):
                    saving.append(Path(word.removeprefix("migrate file:")))
                    saving[0].write_text("cut off", encoding="utf-8")
                elif word == "info migrate" and saving:
                    asked += 1
                    if how == "fail":
                        say("monitor", "Status: \t\tfailed")
                    elif asked == 1:
                        say("monitor", "Status: \t\tdevice")
                    else:
                        saving[0].write_text(str(count), encoding="utf-8")
                        say("monitor", "Status: \t\tcompleted")
                elif word == "info status":
                    say("monitor", "VM status: running")
                elif word == "quit":
                    return 0


if __name__ == "__main__":
    sys.exit(main())
