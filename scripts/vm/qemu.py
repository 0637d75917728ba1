# SPDX-License-Identifier: GPL-2.0
"""QEMU: its command line, and running it with time limits."""

import shlex
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vm import qmp
from vm.matrix import BadSelection, Config

QEMU = "qemu-system-aarch64"
# From util-linux: sends the signal when the thread that started QEMU ends for any reason.
WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")
MEMORY_MIB = 1024
# KASAN and lockdep need memory, too.
DEBUG_MEMORY_MIB = 2048
# Host memory for a VM, as a multiple of the guest's: QEMU itself takes up to half as much again.
MEMORY_FACTOR = 1.5
CPUS = 2
# A busy host can stop a guest for half a minute and more, which the guest's hang detectors must
# not take for a deadlock. A real deadlock lasts until they report it.
PATIENCE = ("watchdog_thresh=60", "rcupdate.rcu_cpu_stall_timeout=120")
# Begins the problem of a guest that has gone silent.
HUNG = "hung"
POLL_SECONDS = 5.0

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
_stopping = False


class Stopped(Exception):
    """stop_all() was called."""


def need_tools() -> None:
    """Raises BadSelection if a program that boots need is missing."""
    for tool, package in ((QEMU, "qemu-system-arm"), (WITH_PARENT[0], "util-linux")):
        if not shutil.which(tool):
            raise BadSelection(f"{tool} not found: apt-get install {package}")


@dataclass(frozen=True)
class Machine:
    """What all boots of one run have in common."""
    image: Path
    initrd: Path
    cmdline: str
    memory_mib: int = MEMORY_MIB


def fitting(jobs: int, memory_mib: int, meminfo: Path = Path("/proc/meminfo")) -> int:
    """Returns how many VMs, `jobs` at most and one at least, fit into memory."""
    for line in meminfo.read_text(encoding="utf-8").splitlines():
        if line.startswith("MemAvailable:"):
            return max(1, min(jobs, int(int(line.split()[1]) / 1024 / memory_mib / MEMORY_FACTOR)))
    return jobs


def tcg(threads: str) -> tuple[str, ...]:
    """The option for how CPUs are distributed over host threads."""
    return ("-accel", f"tcg,thread={threads}")


@dataclass(frozen=True)
class Outcome:
    seconds: float
    # None: QEMU ended by itself.
    problem: str | None


def _cpu(model: str) -> str:
    # TCG spends half of its time on the architected pointer authentication hash, and a third on
    # the fifth level of page tables.
    return "max,pauth-impdef=on,lpa2=off" if model == "max" else model


def command(machine: Machine, config: Config, params: str, task: str,
            cpus: int = CPUS, cpu_options: str = "", options: tuple[str, ...] = ()) -> list[str]:
    """The command without the options for the console and the results."""
    append = " ".join(word for word in (
        "console=ttyAMA0", "panic=-1", *PATIENCE, config.kernel_params, params, machine.cmdline,
        "rdinit=/init", "--", task) if word)
    el2 = "on" if config.el2 else "off"
    return [QEMU, "-M", f"virt,virtualization={el2},gic-version={config.gic}",
            "-cpu", ",".join(filter(None, (_cpu(config.cpu), cpu_options))),
            "-smp", str(cpus), "-m", str(machine.memory_mib), *options,
            "-nodefaults", "-display", "none", "-no-reboot",
            "-kernel", str(machine.image), "-initrd", str(machine.initrd), "-append", append]


def _wait(child: subprocess.Popen[bytes], said: tuple[Path, ...], timeout: float,
          silence: float | None) -> tuple[bytes, str | None]:
    """Returns QEMU's standard error, and why QEMU must be killed, or None."""
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
            return b"", f"{HUNG}: no output for {silence:.0f} s, killed"


def _save_registers(monitor: Path, path: Path) -> str:
    """Save the registers of all CPUs; returns where, or why that failed."""
    try:
        path.write_text(qmp.monitor(monitor, "info registers -a"), encoding="utf-8")
    except qmp.NoAnswer as why:
        return f"no registers: {why}"
    return f"registers of all CPUs: {path}"


def _results(path: Path, virtio: bool) -> tuple[str, ...]:
    if not virtio:
        return "-serial", f"file:{path}"
    return ("-device", "virtio-serial-device", "-device", "virtconsole,chardev=results",
            "-chardev", f"file,id=results,path={path}")


def run(argv: list[str], console: Path, results: Path, timeout: float,
        silence: float | None = None, virtio: bool = True) -> Outcome:
    """Boot with the kernel's console and the tests' output in a file each. The tests write to a
    virtio console, or without `virtio` to the second UART. QEMU is killed after `timeout` seconds,
    or `silence` seconds without output to either file; its registers are saved first."""
    # The path of a socket can have at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="vm-") as place:
        monitor = Path(place, "qmp")
        argv = [*argv, "-serial", f"file:{console}", *_results(results, virtio)]
        console.with_suffix(".cmd").write_text(shlex.join(argv) + "\n", encoding="utf-8")
        registers = console.with_suffix(".registers")
        registers.unlink(missing_ok=True)
        for stale in (console, results):
            stale.write_bytes(b"")
        argv += ["-qmp", f"unix:{monitor},server=on,wait=off"]
        return _run(argv, (console, results), timeout, silence, monitor, registers)


def _run(argv: list[str], said: tuple[Path, ...], timeout: float, silence: float | None,
         monitor: Path, registers: Path) -> Outcome:
    begin = time.monotonic()
    with _lock:
        if _stopping:
            raise Stopped
        child = subprocess.Popen([*WITH_PARENT, *argv], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        _running.add(child)
    try:
        err, problem = _wait(child, said, timeout, silence)
        if problem:
            problem += f" ({_save_registers(monitor, registers)})"
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
    """Kill the running VMs and start no others."""
    global _stopping
    with _lock:
        _stopping = True
        for child in _running:
            child.kill()


@contextmanager
def pool(jobs: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that boot VMs. What ends the block early ends them and their VMs, too."""
    with ThreadPoolExecutor(jobs) as threads:
        try:
            yield threads
        except BaseException:
            stop_all()
            threads.shutdown(cancel_futures=True)
            raise
