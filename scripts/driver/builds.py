# SPDX-License-Identifier: GPL-2.0
"""`make builds`: kernels that `make test` does not build, each from configs/base.config and
configs/NAME.config in $O/kernel-NAME, each booted on one machine:

  off            without this project: what the patches leave in it is listed
  default-c      in mode c, and
  default-check  in mode check, without a parameter on the command line
  outline        with C's inline functions called from Rust, not inlined
  cfi            with calls through pointers that check the type
"""

import re
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from driver import programs
from driver.programs import Doing, note
from driver.settings import Wrong
from driver.variables import GOOD

_, _, *NAMES = GOOD["CONFIG"]
OFF = "off"
# In these modes; the others in the one that is there by itself
ABIS = {"outline": ("rust", "check"), "cfi": ("rust", "check")}
# For each surface a test or two that take a few seconds and keep the mode. No test of a host state:
# a machine comes with all that are asked for.
TESTS = ("get-reg-list", "hypercalls", "psci_test", "smccc_filter", "set_id_regs", "fw_reg_errors",
         "fw_reg_list", "id_reg_access", "reg_mask_range", "smccc_psci", "psci_cpu_on")
# Rust serves what VMs opt in to: the kernels that change how Rust is built run these, too.
TESTS_RUST = (*TESTS, "feature_levels", "reg_mask_fw", "vm_one_reg", "reg_scope")
MACHINE = {"CPU": "neoverse-n1", "GIC": "3", "MODE": "vhe"}
# How much room a kernel takes
MIB = 800


@dataclass
class Builds:
    doing: Doing
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def check(self, what: str, good: bool) -> bool:
        self.passed += good
        self.failed += not good
        note(f"{'ok     ' if good else 'FAILED '} {what}")
        return good

    def skip(self, what: str) -> None:
        """What cannot be done, since a build failed."""
        self.skipped += 1
        note(f"skipped {what}")

    def need_space(self, name: str) -> None:
        """As need_space in scripts/lib.sh"""
        out = self.doing.settings.out
        free = shutil.disk_usage(out).free >> 20
        if free < MIB:
            raise Wrong(f"{out} has room for {free} MiB, but the kernel {name} takes {MIB}; free "
                        "some space, or choose another directory with O= or XDG_CACHE_HOME")

    def build(self, name: str) -> bool:
        """A warning fails it, and what was built is removed, so that the next run prints the
        warning again."""
        settings = self.doing.settings.on(name)
        if not settings.kernel.is_dir():
            self.need_space(name)
        if self.doing.script("kernel.sh", CONFIG=name):
            return False
        # Not by CONFIG_WERROR, with which ccache could not use what base.config built.
        log = self.log(name)
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else None
        warnings = [line for line in (text or "").splitlines() if "warning:" in line]
        if text is None or warnings:
            sys.stderr.write("".join(f"{line}\n" for line in warnings))
            shutil.rmtree(settings.kernel, ignore_errors=True)
            return False
        return True

    def log(self, name: str) -> Path:
        return self.doing.settings.out / f"log/kernel-{name}.log"

    def boot(self, name: str, abi: str) -> None:
        """Add what the runner counts; a run that came to no end, or in which no test passed, is a
        failure of its own."""
        tests = TESTS_RUST if name in ABIS else TESTS
        settings = self.doing.settings.but(CONFIG=name, ABI=abi, TESTS=",".join(tests), ALL="0",
                                           **MACHINE)
        count = settings.results / "vm.count"
        count.unlink(missing_ok=True)
        status = programs.guest("run")(Doing(settings, self.doing.start))
        text = count.read_text(encoding="utf-8") if count.is_file() else ""
        found = re.fullmatch(r"(\d+) (\d+) (\d+)\n?", text)
        passed, failed, skipped = map(int, found.groups()) if found else (0, 0, 0)
        if not failed and (status or not passed):
            failed = 1
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        note(f"{'FAILED ' if failed else 'ok     '} {_boot(name, abi)}")

    def one(self, name: str) -> None:
        abis = ABIS.get(name, ("",))
        nothing = f"{OFF}: nothing of the project in vmlinux"
        note(f"{name} … log: {self.log(name)}")
        if not self.check(f"{name}: vmlinux", self.build(name)):
            if name == OFF:
                self.skip(nothing)
            for abi in abis:
                self.skip(_boot(name, abi))
            return
        if name == OFF:
            kernel = self.doing.settings.on(OFF).kernel
            self.check(nothing, not self.doing.python("objgate.without", kernel, clean=True))
        for abi in abis:
            self.boot(name, abi)


def _boot(name: str, abi: str) -> str:
    return f"{name}: a boot{f' in mode {abi}' if abi else ''}"


def builds(doing: Doing, names: Iterable[str] = NAMES) -> int:
    """Build and boot them. What is not done because a build failed counts as skipped."""
    made = Builds(doing)
    for name in names:
        made.one(name)
    doing.count("builds", made.passed, made.failed, made.skipped)
    out = doing.settings.out
    note(f"{made.passed} passed, {made.failed} failed, {made.skipped} skipped; "
         f"logs: {out}/log/kernel-*.log, {out}/results/*/run")
    return int(made.failed > 0)
