# SPDX-License-Identifier: GPL-2.0
"""What the steps that are Python programs do, with the user's choices as arguments."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from driver.settings import ROOT, SCRIPTS, Settings, Wrong
from matrix.machines import BRIEF_KERNELS, OWN
from vmm import boots as vmms

PYTHON = "/usr/bin/python3"
# As clean_env in scripts/lib.sh
CLEAN = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}


# Runs a program in a directory, with an environment, and returns its exit status.
Start = Callable[[Sequence[str], Path, Mapping[str, str]], int]


def note(text: str) -> None:
    print(f"      {text}", flush=True)


@dataclass(frozen=True)
class Doing:
    """A step that is being done."""
    settings: Settings
    start: Start

    def script(self, name: str, *arguments: str | Path, **changes: str) -> int:
        """Run a script below scripts/."""
        return self.start([str(SCRIPTS / name), *map(str, arguments)], ROOT,
                          self.settings.but(**changes).env)

    def python(self, module: str, *arguments: str | Path, nicely: bool = True,
               clean: bool = False) -> int:
        """Run one of the packages."""
        env = self.settings.env
        if clean:
            env = {**{name: self.settings[name] for name in ("HOME", "USER", "TERM")}, **CLEAN}
        before, strictly = (("nice",), ("-W", "error")) if nicely else ((), ())
        return self.start([*before, PYTHON, "-B", *strictly, "-m", module, *map(str, arguments)],
                          SCRIPTS, env)

    def count(self, stage: str, passed: int, failed: int, skipped: int) -> None:
        """As count in scripts/lib.sh"""
        path = self.settings.results / f"{stage}.count"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{passed} {failed} {skipped}\n", encoding="utf-8")


def _given(settings: Settings, *names: str) -> Iterable[str]:
    """The options of the variables that are set."""
    for name in names:
        if settings[name]:
            yield f"--{name.lower().replace('_', '-')}"
            yield settings[name]


def guest(task: str) -> Callable[[Doing], int]:
    """`python3 -m vm TASK` with the built kernel"""
    def do(doing: Doing) -> int:
        return doing.python("vm", task, *guest_arguments(task, doing.settings), nicely=False)
    return do


def guest_arguments(task: str, settings: Settings) -> list[str | Path]:
    config = settings.config
    arguments: list[str | Path] = [
        "--image", settings.image, "--selftests", settings.path("KSELFTEST"),
        "--busybox", settings.path("BUSYBOX"), "--out", settings.results,
        "--jobs", settings["JOBS"], *_given(settings, "ABI", "GIC", "CPU", "MODE", "CMDLINE")]
    if config == "debug":
        arguments.append("--debug")
    elif config == "off":
        arguments.append("--stock")
    elif config.startswith("default-") and not settings["ABI"]:
        arguments += ["--default-abi", config.removeprefix("default-")]
    if settings["FIXES"] == "1":
        arguments.append("--fixed")
    if settings.is_brief:
        arguments.append("--brief")
    if settings["ALL"] == "1":
        arguments.append("--all")
    if task != "kunit":
        if settings["FUZZ_SECONDS"]:
            arguments += ["--seconds", settings["FUZZ_SECONDS"]]
        arguments += _given(settings, "SEED")
    if task in ("run", "quick"):
        arguments += _given(settings, "TESTS")
    return arguments


def bench(doing: Doing) -> int:
    settings = doing.settings
    times = settings.out / "state/bench-build.json"
    return doing.python(
        "bench", "run", "--kernel", settings.kernel, "--without", settings.path("WITHOUT"),
        "--selftests", settings.path("KSELFTEST"), "--busybox", settings.path("BUSYBOX"),
        "--plugin", settings.out / "cargo-plugin/release/libhandlers.so",
        "--out", settings.results, "--jobs", settings["JOBS"],
        *_given(settings, "GIC", "CPU", "MODE", "BASE", "CMDLINE"),
        *(("--build", times) if times.is_file() else ()), nicely=False)


def coverage(doing: Doing) -> int:
    settings = doing.settings
    return doing.python(
        "coverage", "run", "--kernel", settings.out / "kernel-coverage",
        "--selftests", settings.path("KSELFTEST"), "--busybox", settings.path("BUSYBOX"),
        "--out", settings.results, "--jobs", settings["JOBS"], *_given(settings, "CPU"),
        nicely=False)


def flips(doing: Doing) -> int:
    settings = doing.settings
    if not settings.image.is_file():
        raise Wrong(f"there is no kernel at {settings.image}: run 'make kernel'")
    work = settings.out / "flips"
    work.mkdir(parents=True, exist_ok=True)
    return doing.python("mutants.flips", ROOT, work, settings.image, settings.path("BUSYBOX"))


def docs(doing: Doing, *names: str) -> int:
    """Write the parts of the pages that are made from something else: these, or all for which
    there is a whole run of this clone."""
    settings = doing.settings
    if settings.config != "base":
        raise Wrong(f"CONFIG={settings.config}: the pages show the base kernel")
    return doing.python("docs", ROOT, settings.results, *names, clean=True)


def kernels(doing: Doing) -> int:
    few = (name for name in BRIEF_KERNELS if name not in OWN)
    return doing.script("kernels.sh", *(few if doing.settings.is_brief else ()))


def test_deb(doing: Doing) -> int:
    """Tries the package that `make deb` has built."""
    settings = doing.settings
    flavour = settings["DEB_FLAVOUR"] or "cloud-arm64"
    return doing.python(
        "deb", "--package", settings.out / "deb" / flavour,
        "--debian", settings.path("CACHE") / "debian-root", "--kvmfit", settings.out / "kvmfit",
        "--selftests", settings.path("KSELFTEST"), "--busybox", settings.path("BUSYBOX"),
        "--out", settings.out / "test-deb", "--results", settings.results)


def _between(settings: Settings, out: Path, names: Iterable[str]) -> list[str | Path]:
    """The arguments of those that boot many kernels."""
    return ["--cache", settings.path("CACHE") / "kernels", "--image", settings.image,
            "--busybox", settings.path("BUSYBOX"), "--kvmfit", settings.out / "kvmfit",
            "--out", out, "--results", settings.results, "--jobs", settings["JOBS"],
            "--kernels", " ".join(names), *(("--brief",) if settings.is_brief else ()),
            *_given(settings, "CPU", "GIC")]


def _narrowed(settings: Settings, *names: str) -> bool:
    return settings.is_brief or any(settings[name] for name in names)


def matrix(doing: Doing) -> int:
    """Moves VMs between kernels. What was booted already is not booted again."""
    settings = doing.settings
    status = doing.python("matrix", *_between(settings, settings.out / "matrix",
                                              settings["KERNELS"].split()))
    # The page is of all.
    if status < 2 and not _narrowed(settings, "KERNELS", "CPU", "GIC"):
        return docs(doing, "matrix") or status
    return status


def _gone(settings: Settings) -> str:
    """What the archive no longer has, of what real VMMs need, or "". Raises Wrong if something was
    not downloaded."""
    cache = settings.path("CACHE")
    kernel = cache / "kernels" / vmms.GUEST_KERNEL
    for path, gone, how in (
            (cache / "vmm/vmms.cpio", cache / "vmm.gone", "scripts/vmm/pin.sh"),
            (kernel / "vmlinuz", kernel.with_name(f"{kernel.name}.gone"),
             "the row in scripts/kernels/pinned")):
        if path.is_file():
            continue
        if not gone.is_file():
            raise Wrong(f"there is no {path}: run 'make setup'")
        said = gone.read_text(encoding="utf-8").strip()
        return f"{said}; to use a version that it has: {how}"
    return ""


def vmm(doing: Doing) -> int:
    """Lets real VMMs move VMs between kernels. What was booted already is not booted again."""
    settings = doing.settings
    names = settings["KERNELS"].split() or (() if settings.is_brief else vmms.KERNELS)
    if status := doing.script("kernels.sh", KERNELS=" ".join((*names, vmms.GUEST_KERNEL))):
        return status
    if why := _gone(settings):
        if not settings.is_brief:
            raise Wrong(why)
        note(f"skipped: {why}")
        doing.count("vmm", 0, 0, 1)
        return 0
    parts = settings.out / "vmm"
    if status := doing.script("vmm/parts.sh", parts):
        return status
    status = doing.python("vmm", *_between(settings, parts, names),
                          "--vmms", settings.path("CACHE") / "vmm/vmms.cpio", "--parts", parts,
                          *_given(settings, "VMM", "FIRECRACKER", "CLOUD_HYPERVISOR"))
    if status < 2 and not _narrowed(settings, "KERNELS", "VMM", "CPU", "GIC", "FIRECRACKER",
                                    "CLOUD_HYPERVISOR"):
        return docs(doing, "vmm") or status
    return status
