# SPDX-License-Identifier: GPL-2.0
"""The steps of `make`: what each says, needs and runs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from driver import builds, programs
from driver.programs import Doing, Start
from driver.settings import Settings

DEBUG = "debug-"
# What `make deb` takes, by Debian's name of the configuration: estimated from the first 300
# objects, at a second for each
DEB_TIMES = {"cloud-arm64": "2 hours", "arm64": "7 hours"}


@dataclass(frozen=True)
class Step:
    """Words in braces are those of `fields`."""
    name: str
    title: str | Callable[[Settings], str]
    # The steps that come before it
    needs: tuple[str, ...] = ()
    # What it costs until it has made a file; without one it costs that each time, except for the
    # part that `make test` has time for.
    cost: str = ""
    makes: str = ""
    # A script below scripts/ and its arguments, without those that are empty, or what does it and
    # returns the exit status. Default: NAME.sh
    run: tuple[str, ...] | Callable[[Doing], int] = ()
    # Only the part that `make test` needs, whatever the command
    brief: bool = False
    # Other commands may go on while it runs.
    unlocked: bool = False


def kernel_name(settings: Settings) -> str:
    return "debug kernel" if settings.config == "debug" else "kernel"


def fields(settings: Settings) -> dict[str, str]:
    """What steps can name: variables, and these."""
    debug = settings.config == "debug"
    flavour = settings["DEB_FLAVOUR"] or "cloud-arm64"
    return {**settings.env, "kernel": kernel_name(settings), "minutes": "20" if debug else "10",
            "flavour": flavour, "deb_time": DEB_TIMES[flavour],
            "image": str(settings.image), "seconds": settings.seconds, "SEED": settings["SEED"]}


def _source(settings: Settings) -> str:
    if settings["KERNEL_SRC"]:
        return f"using the kernel source {settings['KERNEL_SRC']}"
    first = "" if settings.path("DEBIAN_TREE").exists() else " (170 MB, once)"
    return f"getting the kernel source {settings['BASE_VERSION']}{first}"


def _vmm(settings: Settings) -> str:
    if settings.is_brief:
        return f"running a real VMM's guests on the {kernel_name(settings)} in QEMU"
    return "moving real VMMs' guests between kernels in QEMU"

STEPS = (
    Step("setup", "checking the tools"),
    Step("source", _source, ("setup",)),
    Step("lay", "laying the overlay over the tree", ("source",),
         "copies 1.6 GB the first time", "{OUT}/linux"),
    Step("kernel", "building the {kernel}", ("lay",),
         "{minutes} minutes or more on 2 cores the first time", "{image}"),
    Step("selftests", "building the KVM selftests", ("kernel",),
         "about 2 minutes the first time", "{OUT}/kselftest_install"),
    Step("objgate", "checking the Rust objects", ("kernel",)),
    # On the host
    Step("test-host", "testing the core crate, kvmfit and the scripts on the host", ("setup",)),
    Step("fuzz-core", "fuzzing the core crate on the host for {seconds} seconds", ("setup",),
         run=("fuzz-host.sh", "core", "{seconds}", "{SEED}")),
    Step("fuzz-kvmfit", "fuzzing kvmfit on the host for {seconds} seconds", ("setup",),
         run=("fuzz-host.sh", "kvmfit", "{seconds}", "{SEED}")),
    Step("kvmfit", "building kvmfit, for this machine and for arm64", ("setup",)),
    Step("mutants", "running mutation tests", ("source",)),
    # In QEMU
    Step("kunit", "running KUnit on the {kernel} in QEMU", ("kernel",),
         run=programs.guest("kunit")),
    Step("judge", "booting the {kernel} with planted mistakes, to test that they are found",
         ("selftests",), run=programs.guest("judge")),
    Step("run", "running the KVM selftests on the {kernel} in QEMU", ("selftests",),
         run=programs.guest("run")),
    Step("quick", "running the short KVM selftests on the {kernel} in QEMU",
         ("objgate", "selftests"), run=programs.guest("quick")),
    Step("fuzz", "fuzzing the {kernel} in QEMU for {seconds} seconds on each machine",
         ("selftests",), run=programs.guest("fuzz")),
    Step("boot", "booting", ("selftests",), run=programs.guest("boot"), unlocked=True),
    Step("builds", "building and booting other configurations", ("selftests",),
         "an hour or more on 2 cores the first time", "{OUT}/kernel-cfi", builds.builds),
    Step("flips", "flipping expectations of the selftests", ("selftests",), run=programs.flips),
    # Between kernels
    Step("kernels", "getting stock kernels", ("setup",), "25 MB for each, once",
         "{CACHE}/kernels", programs.kernels),
    # Those of `make test`, before it
    Step("test-kernels", "getting stock kernels", ("setup",), "25 MB for each, once",
         "{CACHE}/kernels", programs.kernels, brief=True),
    Step("matrix", "moving VMs between kernels in QEMU", ("kernel", "kernels", "kvmfit"),
         "15 minutes on 2 cores for all kernels and CPUs", run=programs.matrix),
    Step("vmms", "getting the VMMs", ("setup",), "40 MB, once", "{CACHE}/vmm",
         ("vmm/get.sh",)),
    Step("vmm", _vmm, ("kernel", "vmms", "kvmfit"), "half an hour on 2 cores", run=programs.vmm),
    # For a distribution
    Step("deb-setup", "checking the tools that make packages", ("setup",),
         run=("setup.sh", "deb")),
    Step("deb-config", "getting Debian's configurations", ("setup",), "1 MB, once",
         "{CACHE}/debian-config", ("deb/get.sh",)),
    Step("deb-root", "getting the packages of a Debian system", ("setup",), "100 MB, once",
         "{CACHE}/debian-root", ("deb/root.sh",)),
    Step("deb", "building a package with Debian's configuration {flavour}",
         ("lay", "deb-setup", "deb-config"), "about {deb_time} of CPU time the first time",
         "{OUT}/deb/{flavour}/build/arch/arm64/boot/Image", ("deb/build.sh",)),
    Step("test-deb", "installing the package in a Debian system in QEMU",
         ("deb-root", "deb", "selftests", "kvmfit"), run=programs.test_deb),
    # What Rust costs
    Step("bench-kernel", "building a kernel without the overlay", ("lay",),
         "5 minutes or more on 2 cores the first time",
         "{OUT}/kernel-without/arch/arm64/boot/Image", ("bench.sh", "bench-kernel")),
    Step("bench-plugin", "building the QEMU plugin that counts instructions", ("setup",),
         run=("bench.sh", "bench-plugin")),
    Step("bench-build", "measuring how long KVM takes to build", ("lay",),
         "about 4 minutes on 2 cores; BUILD=0 skips this", run=("bench.sh", "bench-build")),
    Step("bench", "counting instructions in QEMU", ("selftests", "bench-kernel", "bench-plugin"),
         run=programs.bench),
    # What of the Rust code runs
    Step("coverage-host", "counting the lines that the core's tests run", ("setup",),
         run=("coverage.sh", "coverage-host")),
    Step("coverage-kernel", "building a kernel with the numbers of Rust's lines", ("lay",),
         "5 minutes or more on 2 cores the first time",
         "{OUT}/kernel-coverage/arch/arm64/boot/Image", ("coverage.sh", "coverage-kernel")),
    Step("coverage", "counting what runs in QEMU",
         ("selftests", "coverage-host", "coverage-kernel"), run=programs.coverage),
    # The sources
    Step("lint", "checking style and warnings", ("lay",)),
    Step("series", "making the patch series", ("lay",)),
    Step("docs", "writing the drawing and the tables into the pages", run=programs.docs),
)

BY_NAME = {step.name: step for step in STEPS}

# What a goal of `make` ends with, in this order, if that is not the step of its name alone. What
# they need is put before each.
GOALS = {
    "setup": ("source", "test-kernels", "vmms"),
    "test": ("kernels", "vmms", "test-host", "fuzz-kvmfit", "objgate", "selftests", "kunit",
             "judge", "run", "kvmfit", "matrix", "vmm"),
    "test-debug": ("selftests", "debug-kernel", "debug-kunit", "debug-judge", "debug-run"),
    "test-vm": ("selftests", "kunit", "run"),
    "fuzz": ("fuzz-core", "fuzz-kvmfit", "fuzz"),
    "bench": ("selftests", "bench-kernel", "bench-plugin", "bench-build", "bench"),
}
# In these goals a step whose tests fail does not end the run, and each does what there is time for.
# The second is about the debug kernel alone.
TESTS = (TEST, TEST_DEBUG) = ("test", "test-debug")


def find(name: str) -> Step | None:
    """The step of this name; debug-STEP is that step for the debug kernel."""
    return BY_NAME.get(name.removeprefix(DEBUG))


def of(name: str, settings: Settings) -> tuple[Step, Settings]:
    """A step, and the settings for it."""
    step = BY_NAME[name.removeprefix(DEBUG)]
    if name.startswith(DEBUG):
        settings = settings.on("debug")
    if name != "series":
        # `make lint` makes the series, too, and must not build it.
        settings = settings.but(BUILD="")
    return step, settings.brief() if step.brief else settings


def needs(name: str) -> tuple[str, ...]:
    """The steps before a step."""
    found = BY_NAME[name.removeprefix(DEBUG)].needs
    if not name.startswith(DEBUG):
        return found
    kernel = f"{DEBUG}kernel"
    found = tuple(kernel if need == "kernel" else need for need in found)
    # The selftests are those of the base kernel.
    return (*found, kernel) if "selftests" in found else found


def expand(names: Iterable[str]) -> tuple[str, ...]:
    """The steps and all that they need, each once."""
    found: dict[str, None] = {}

    def add(name: str) -> None:
        if name not in found:
            for need in needs(name):
                add(need)
            found[name] = None

    for name in names:
        add(name)
    return tuple(found)


def goal(name: str, settings: Settings) -> tuple[str, ...]:
    """The steps of `make NAME`."""
    names = GOALS.get(name, (name,))
    if name == "bench" and settings["BUILD"] == "0":
        names = tuple(step for step in names if step != "bench-build")
    if name == "series" and settings["BUILD"] == "1":
        names = ("kernel", *names)
    return expand(names)


def title(name: str, settings: Settings) -> str:
    """What is printed when the step begins."""
    step, settings = of(name, settings)
    words = fields(settings)
    text = step.title(settings) if callable(step.title) else step.title.format_map(words)
    if step.makes:
        first = not Path(step.makes.format_map(words)).exists()
    else:
        first = not settings.is_brief
    return f"{text} ({step.cost.format_map(words)})" if step.cost and first else text


def do(name: str, settings: Settings, start: Start) -> int:
    """Do the step, and return its exit status."""
    step, settings = of(name, settings)
    doing = Doing(settings, start)
    if callable(step.run):
        return step.run(doing)
    script, *arguments = step.run or (f"{step.name}.sh",)
    words = (word.format_map(fields(settings)) for word in arguments)
    return doing.script(script, *filter(None, words))
