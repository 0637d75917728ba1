# SPDX-License-Identifier: GPL-2.0
"""What is tried in the Debian system, step by step: the package is installed beside the stock
kernel, its kernel serves VMs in each mode, and the boot menu brings the stock kernel back."""

import base64
import gzip
import json
import re
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deb.machine import Answer, Lost, Machine
from kernels import initramfs
from vm import console
from vm.matrix import ABI_MODES, FLIPPING, LONG, ONLY_IN, OPT_IN_TESTS, QUICK
from vmm.tour import served

# Where the archive is unpacked in the system, and what is in it
PLACE = "/opt/trial"
ARCHIVE = "/dev/disk/by-id/virtio-archive"
ABI = "/sys/kernel/debug/kvm/arm_abi"
# The mode that is chosen on the kernel's command line
CHOSEN = "check"
GRUB_FILE = "/etc/default/grub.d/kvm-arm64-rust.cfg"
# Short selftests that also pass on plain C
TESTS = tuple(name for name in QUICK if name not in OPT_IN_TESTS and name not in FLIPPING
              and name not in LONG and ONLY_IN[name] == ABI_MODES)
SKIPPED = 4
# The guest of QEMU
GUEST_INIT = """#!/bin/sh
echo "guest: Linux $(/bin/busybox uname -r) has booted"
exec /bin/busybox poweroff -f
"""
NEXT, ENTER = b"\x0e", b"\r"
# GRUB's titles: of the menu in which each kernel has entries, and of the entry of a kernel
ADVANCED = "Advanced options for"
ENTRY = "Debian GNU/Linux, with Linux {}"
MINUTE = 60.0
# What systemd says of the system once it has started everything
STATE = """while state=$(systemctl is-system-running)
	[ "$state" = initializing ] || [ "$state" = starting ]
do
	sleep 2
done
echo "$state"
"""


@dataclass
class Verdict:
    """What was looked at, and what is wrong with it."""
    what: str
    problems: list[str] = field(default_factory=list)
    skipped: str = ""


@dataclass(frozen=True)
class Parts:
    """What is tried, and what that takes."""
    package: Path
    # kvmfit for arm64, and for this machine
    kvmfit: Path
    host_kvmfit: Path
    # The directory of the installed selftests
    selftests: Path
    busybox: Path


def archive(parts: Parts, place: Path) -> Path:
    """The archive that is the system's second disk."""
    guest = place / "guest.cpio"
    initramfs.write(guest, {"init": GUEST_INIT, "bin/busybox": parts.busybox},
                    {"bin/sh": "busybox"})
    output = place / "archive"
    with tarfile.open(output, "w") as files:
        for name, path in (("package.deb", parts.package), ("kvmfit", parts.kvmfit),
                           ("guest.cpio", guest),
                           *((f"kvm/{name}", parts.selftests / "kvm" / name) for name in TESTS)):
            files.add(path.resolve(), name)
    with output.open("r+b") as file:
        file.truncate(-(-output.stat().st_size // 512) * 512)
    return output


def release_of(package: Path) -> str:
    """The release of a package's kernel, which is in the package's name."""
    done = subprocess.run(["dpkg-deb", "-f", package, "Package"], check=True, capture_output=True,
                          text=True)
    return done.stdout.strip().removeprefix("linux-image-")


class Trial:
    """A system on which the steps are done, and what they found."""

    def __init__(self, machine: Machine, parts: Parts, stock: str, place: Path) -> None:
        self.machine, self.parts, self.stock, self.place = machine, parts, stock, place
        self.ours = release_of(parts.package)
        self.package = f"linux-image-{self.ours}"
        self.said = ""
        self.verdicts: list[Verdict] = []

    def _ask(self, words: str, minutes: float = 10) -> Answer:
        return self.machine.ask(words, minutes * MINUTE)

    def _fails(self, words: str, minutes: float = 10) -> list[str]:
        """Run a command that has to succeed; says what is wrong otherwise."""
        answer = self._ask(words, minutes)
        if not answer.status:
            return []
        return [f"{words.splitlines()[0][:60]}: ended with {answer.status}: {answer.last}"]

    def _is(self, what: str, wanted: str, words: str) -> list[str]:
        """Run a command that has to print this."""
        text = self._ask(words).text.strip()
        return [] if text == wanted else [f"{what}: {text or 'nothing'}, not {wanted}"]

    # What is true of each boot

    def _system(self, release: str) -> list[str]:
        """The system after a boot, by its firmware, GRUB, its kernel and systemd."""
        found = self._is("the kernel", release, "uname -r")
        found += self._fails("[ -d /sys/firmware/efi ]")
        if "GNU GRUB" not in self.said:
            found.append("GRUB did not show its menu")
        state = self._ask(STATE, 30).text.strip()
        if state != "running":
            failed = self._ask("systemctl --failed --plain --no-legend").text.split("\n")
            found.append(f"systemd is {state}: {'; '.join(line for line in failed if line)}")
        return found + self._kernel_log()

    def _kernel_log(self) -> list[str]:
        log = console.kernel_log(self._ask("dmesg").text.splitlines())
        found = [] if log.kvm and log.kvm.startswith("VHE") else [f"KVM is {log.kvm or 'absent'}"]
        return found + log.splats + log.differences

    def _guest(self) -> list[str]:
        """A VM of QEMU with the stock kernel, which powers off when it has booted."""
        said = self._ask(
            f"timeout 1500 qemu-system-aarch64 -M virt,accel=kvm,gic-version=3 -cpu host -smp 2 "
            f"-m 256 -nodefaults -display none -no-reboot -serial stdio "
            f"-kernel /boot/vmlinuz-{self.stock} -initrd {PLACE}/guest.cpio "
            "-append 'console=ttyAMA0 quiet panic=-1 rdinit=/init'", 30)
        wanted = f"guest: Linux {self.stock} has booted"
        found = [f"QEMU ended with {said.status}: {said.last}"] if said.status else []
        return found + ([] if wanted in said.text else [f"the guest did not boot: {said.last}"])

    def _dump(self, name: str) -> tuple[Path, list[str]]:
        """kvmfit's dump of the running kernel, as a file here."""
        path = self.place / f"{name}.json"
        path.unlink(missing_ok=True)
        if wrong := self._fails(f"{PLACE}/kvmfit dump -o {PLACE}/{name}.json", 30):
            return path, wrong
        text = self._ask(f"gzip -c {PLACE}/{name}.json | base64 -w0").text
        try:
            data = gzip.decompress(base64.b64decode(text))
            json.loads(data)
        except (ValueError, OSError, EOFError) as why:
            return path, [f"the dump did not arrive: {why}"]
        path.write_bytes(data)
        return path, []

    def _plan(self, old: Path, new: Path) -> tuple[int, str]:
        """What kvmfit says of a VM of one host on the other: its exit status and first line."""
        done = subprocess.run([self.parts.host_kvmfit, "plan", old, new], check=False,
                              capture_output=True, text=True)
        return done.returncode, (done.stdout or done.stderr).split("\n")[0]

    # The steps

    def stock_boots(self) -> Iterator[Verdict]:
        self.machine.ready()
        self.said = self.machine.console.since(0)
        yield Verdict(f"the stock kernel {self.stock} boots by EFI, GRUB and systemd",
                      self._system(self.stock))
        yield Verdict("the files for the trial are there", self._fails(
            f"mkdir -p {PLACE} && tar -x -C {PLACE} -f {ARCHIVE}", 30))
        yield Verdict("a VM of QEMU boots on the stock kernel", self._guest())
        yield Verdict("kvmfit dumps the stock kernel", self._dump("stock")[1])

    def installed(self) -> Iterator[Verdict]:
        yield Verdict(f"dpkg installs {self.package}", self._fails(
            f"dpkg --install {PLACE}/package.deb", 90))
        found = []
        for release in (self.stock, self.ours):
            found += self._fails(f"[ -s /boot/vmlinuz-{release} ] && [ -s /boot/initrd.img-{release}"
                                 f" ] && [ -d /lib/modules/{release} ]")
            if release not in self._entries():
                found.append(f"the boot menu lacks {release}")
        found += self._is("GRUB's first choice", f"vmlinuz-{self.ours}",
                          "grep -m1 -o 'vmlinuz-[^ ]*' /boot/grub/grub.cfg")
        yield Verdict("both kernels are installed and in the boot menu", found)

    def _entries(self) -> list[str]:
        """The kernels of the menu that has one entry for each, and others, in this order."""
        text = self._ask("""awk -F"'" '/^\tmenuentry / { print $2 }' /boot/grub/grub.cfg""").text
        return [line.rpartition(" with Linux ")[2] for line in text.splitlines()]

    def ours_boots(self) -> Iterator[Verdict]:
        self.said = self.machine.reboot()
        found = self._system(self.ours)
        found += self._is("the mode", "c", f"cat {ABI}/mode")
        yield Verdict("after a reboot the package's kernel runs, and C serves", found)

    def modes(self) -> Iterator[Verdict]:
        """Each mode, chosen while the system runs."""
        dumps = {}
        for mode in ABI_MODES:
            found = self._fails(f"echo {mode} >{ABI}/mode && echo 1 >{ABI}/count")
            yield Verdict(f"mode {mode} is chosen while the system runs",
                          found + self._is("the mode", mode, f"cat {ABI}/mode"))
            before = self._ask(f"cat {ABI}/stats").text
            found = self._guest()
            found += served(mode, before, self._ask(f"cat {ABI}/stats").text)
            yield Verdict(f"a VM of QEMU boots in mode {mode}", found)
            dumps[mode], found = self._dump(mode)
            yield Verdict(f"kvmfit dumps mode {mode}", found)
            for test in TESTS:
                yield self._selftest(test, mode)
        yield Verdict("a VM of C fits Rust, and one of Rust fits C",
                      [said for old, new in (("c", "rust"), ("rust", "c"))
                       for status, said in [self._plan(dumps[old], dumps[new])] if status])
        status, said = self._plan(self.place / "stock.json", dumps["c"])
        yield Verdict(f"kvmfit knows whether a VM of the stock kernel fits ({said})",
                      [said] if status not in (0, 1) else [])
        yield Verdict("C and Rust never differed, and the kernel had no complaint",
                      self._differences() + self._kernel_log())

    def _selftest(self, test: str, mode: str) -> Verdict:
        answer = self._ask(f"timeout 1200 {PLACE}/kvm/{test}", 25)
        verdict = Verdict(f"{test} in mode {mode}")
        if answer.status == SKIPPED:
            verdict.skipped = answer.last.rpartition("SKIP")[2].strip(" :-") or "no reason given"
        elif answer.status:
            verdict.problems.append(f"it ended with {answer.status}: {answer.last}")
        return verdict

    def _differences(self) -> list[str]:
        return [f"{words[3]} differences: {words[0]}"
                for line in self._ask(f"cat {ABI}/stats").text.splitlines()[1:]
                if len(words := line.split()) > 3 and words[3] != "0"]

    def command_line(self) -> Iterator[Verdict]:
        """A mode that is kept over a reboot, as docs/operators.md has it."""
        text = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX kvm-arm.abi={CHOSEN}"'
        found = self._fails(f"echo '{text}' >{GRUB_FILE} && update-grub", 20)
        self.said = self.machine.reboot()
        found += self._system(self.ours)
        found += self._is("the mode", CHOSEN, f"cat {ABI}/mode")
        yield Verdict(f"mode {CHOSEN} is chosen by the command line of GRUB", found)
        yield Verdict(f"a VM of QEMU boots in mode {CHOSEN} of the command line",
                      self._guest() + self._differences())

    def rolled_back(self) -> Iterator[Verdict]:
        entries = self._entries()
        if self.stock not in entries:
            yield Verdict("the boot menu has the stock kernel", [f"only {', '.join(entries)}"])
            return
        at = entries.index(self.stock)

        def menu(machine: Machine, begin: int) -> None:
            machine.awaits(ADVANCED, begin)
            here = machine.console.length
            machine.console.send(NEXT + ENTER)
            machine.awaits(re.escape(ENTRY.format(self.stock)), here)
            machine.console.send(NEXT * at + ENTER)

        self.said = self.machine.reboot(menu)
        yield Verdict("the boot menu starts the stock kernel again", self._system(self.stock))
        yield Verdict("a VM of QEMU boots on the stock kernel again", self._guest())

    def removed(self) -> Iterator[Verdict]:
        found = self._fails(f"dpkg --purge {self.package}", 30)
        found += self._is("what is left", "", f"ls -d /boot/*{self.ours} /lib/modules/{self.ours}"
                          " 2>/dev/null")
        if self.ours in self._entries():
            found.append("it is still in the boot menu")
        found += self._is("GRUB's first choice", f"vmlinuz-{self.stock}",
                          "grep -m1 -o 'vmlinuz-[^ ]*' /boot/grub/grub.cfg")
        yield Verdict("dpkg takes the package away again", found)

    def run(self) -> list[Verdict]:
        """All steps. One after which nothing can follow ends them."""
        for step in (self.stock_boots, self.installed, self.ours_boots, self.modes,
                     self.command_line, self.rolled_back, self.removed):
            try:
                for verdict in step():
                    self.verdicts.append(verdict)
                    print(f"      {line(verdict)}", flush=True)
            except Lost as why:
                self.verdicts.append(Verdict(f"{step.__name__.replace('_', ' ')}",
                                             [f"{why}; what follows was not tried"]))
                print(f"      {line(self.verdicts[-1])}", flush=True)
                break
        return self.verdicts


def line(verdict: Verdict) -> str:
    """Without a number, as TAP has it"""
    text = f"{'not ok' if verdict.problems else 'ok'} - {verdict.what}"
    if verdict.problems:
        text += ": " + " ".join("; ".join(verdict.problems).split())
    text = text.replace("#", "")
    return f"{text} # SKIP {verdict.skipped}" if verdict.skipped else text


def tap(verdicts: list[Verdict]) -> list[str]:
    """A line for each."""
    return ["TAP version 13", f"1..{len(verdicts)}",
            *(line(verdict).replace(" - ", f" {n} - ", 1) for n, verdict in enumerate(verdicts, 1))]
