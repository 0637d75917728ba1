# SPDX-License-Identifier: GPL-2.0
"""QEMU: the command line, and running it for so long and no longer."""

import shlex
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from vm.matrix import Config

QEMU = "qemu-system-aarch64"
MEMORY_MIB = 1024
# KASAN and lockdep want theirs, too.
DEBUG_MEMORY_MIB = 2048
CPUS = 2
# Begins what is said of a guest from which nothing comes any more.
HUNG = "hung"
POLL_SECONDS = 5.0

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_stopping = False


class Stopped(Exception):
    """stop_all() was called."""


@dataclass(frozen=True)
class Machine:
    """What all boots of one call have in common."""
    image: Path
    initrd: Path
    cmdline: str
    memory_mib: int = MEMORY_MIB


@dataclass(frozen=True)
class Outcome:
    seconds: float
    # None: ended by itself
    problem: str | None


def _cpu(model: str) -> str:
    # The architected pointer authentication hash costs TCG half of the time, a fifth level of
    # page tables a third.
    return "max,pauth-impdef=on,lpa2=off" if model == "max" else model


def command(machine: Machine, config: Config, params: str, task: str,
            cpus: int = CPUS, cpu_options: str = "", options: tuple[str, ...] = ()) -> list[str]:
    """The command, less where the console goes."""
    append = " ".join(word for word in (
        "console=ttyAMA0", "panic=-1", config.kernel_params, params, machine.cmdline,
        "rdinit=/init", "--", task) if word)
    return [QEMU, "-M", f"virt,virtualization=on,gic-version={config.gic}",
            "-cpu", ",".join(filter(None, (_cpu(config.cpu), cpu_options))),
            "-smp", str(cpus), "-m", str(machine.memory_mib), *options,
            "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", str(machine.image), "-initrd", str(machine.initrd), "-append", append]


def _wait(child: subprocess.Popen[bytes], said: tuple[Path, ...], timeout: float,
          silence: float | None) -> tuple[bytes, str | None]:
    """What QEMU wrote to its standard error, and why it has to be killed, or None."""
    begin = last = time.monotonic()
    sizes: tuple[int, ...] = ()
    while True:
        try:
            return child.communicate(timeout=POLL_SECONDS)[1], None
        except subprocess.TimeoutExpired:
            pass
        now = time.monotonic()
        if sizes != (sizes := tuple(path.stat().st_size for path in said)):
            last = now
        if now - begin > timeout:
            return b"", f"timeout: killed after {timeout:.0f} s"
        if silence and now - last > silence:
            return b"", f"{HUNG}: no word for {silence:.0f} s, killed"


def run(argv: list[str], console: Path, results: Path, timeout: float,
        silence: float | None = None) -> Outcome:
    """Boot with the kernel's console and the tests' output in a file each, for so many seconds at
    most, and so many without a word in either."""
    argv = [*argv, "-serial", f"file:{console}",
            "-device", "virtio-serial-device", "-device", "virtconsole,chardev=results",
            "-chardev", f"file,id=results,path={results}"]
    console.with_suffix(".cmd").write_text(shlex.join(argv) + "\n", encoding="utf-8")
    for stale in (console, results):
        stale.write_bytes(b"")
    begin = time.monotonic()
    with _lock:
        if _stopping:
            raise Stopped
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE)
        _running.add(child)
    try:
        err, problem = _wait(child, (console, results), timeout, silence)
        if child.returncode:
            words = err.decode(errors="replace").strip().splitlines()
            problem = f"QEMU ended with {child.returncode}: {words[-1] if words else 'no message'}"
    finally:
        child.kill()
        child.communicate()
        with _lock:
            _running.discard(child)
    if _stopping:
        raise Stopped
    return Outcome(time.monotonic() - begin, problem)


def stop_all() -> None:
    """Kill what runs and start nothing more."""
    global _stopping
    with _lock:
        _stopping = True
        for child in _running:
            child.kill()
