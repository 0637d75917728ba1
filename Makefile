# SPDX-License-Identifier: GPL-2.0
#
# The driver: fetches a kernel source, lays the overlay over a copy of it,
# builds it, boots it and tests it. It is never installed into a kernel tree.

VARIABLES := $(shell sed -n 's/^\([A-Z_]*\) *|.*/\1/p' scripts/driver/variables)

# Only the command line counts. Other software exports short names such as CPU, MODE and
# CONFIG, too: they must neither narrow a run without notice nor stop it.
ignored := $(strip $(foreach v,$(VARIABLES),$(if $(findstring environment,$(origin $v)),$v)))
ifneq ($(ignored),)
$(warning ignored, as variables count on the command line only: $(foreach v,$(ignored),$v=$(value $v)))
$(foreach v,$(ignored),$(eval override undefine $v))
endif
# The scripts pass these to each other.
unexport BRIEF CALLED

export $(filter-out SECONDS,$(VARIABLES))
# bash has a variable of this name: its timer.
unexport SECONDS
export FUZZ_SECONDS := $(SECONDS)

unknown := $(strip $(foreach v,$(.VARIABLES),$(if $(filter-out $(VARIABLES),$v),\
	$(if $(findstring command line,$(origin $v)),$v))))
ifneq ($(unknown),)
$(error unknown variable: $(unknown); the variables are: $(VARIABLES))
endif
ifneq ($(and $(filter-out base,$(CONFIG)),$(filter test test-debug quick lint bench coverage series mutants flips builds matrix vmm deb test-deb,$(MAKECMDGOALS))),)
$(error CONFIG=$(CONFIG) is for kernel, print-image, selftests, boot, run, test-vm and fuzz; \
	`make test-debug` runs a part on the debug kernel)
endif

ifneq ($(and $(filter 1,$(FIXES)),$(filter test test-debug lint bench coverage series mutants flips builds matrix vmm,$(MAKECMDGOALS))),)
$(error FIXES=1 is for kernel, print-image, selftests, boot, run, quick, test-vm, \
	fuzz, deb and test-deb)
endif

ifneq ($(filter 1,$(BASE_UPDATE)),)
ifneq ($(MAKECMDGOALS),setup)
$(error BASE_UPDATE=1 is for `make setup`)
endif
endif

# The steps of each goal are in scripts/driver/steps.py.
steps := scripts/steps.sh

.DEFAULT_GOAL := help
# The driver takes the lock, and each step builds in parallel by itself.
.NOTPARALLEL:

define HELP
The part of KVM/arm64 that decides what a guest may see, in Rust.

  make run          set up what is missing, build the kernel and the KVM selftests, and
                    run the selftests on two machines in the modes c, rust and check
                    (both, compared): ten minutes after the build. ALL=1: every machine
  make quick        after a change: build, check the objects, run the short selftests
                    on one machine in mode check; two minutes
  make test         host tests, object checks, KUnit and the KVM selftests (mode check
                    on every machine, all modes on two); boots with planted mistakes,
                    to test the test runner
  make test-debug   KUnit and some selftests on the debug kernel, which takes 20 minutes
                    to build

  make setup        install the tools, download the kernel source and everything else
                    that comes from the network
  make kernel       build the kernel
  make -s print-image   print the path of the built Image
  make selftests    build the KVM selftests
  make boot         a shell in the booted kernel; `exit` powers off
  make test-host    test the core crate and kvmfit (seconds, no kernel)
  make test-vm      KUnit and the KVM selftests in QEMU
  make fuzz         fuzz the core crate and kvmfit on the host, for SECONDS= each, then
                    compare C and Rust on random ioctls and hypercalls, for SECONDS= on
                    each machine
  make mutants      mutation tests: put one bug at a time into the Rust code and report
                    which test finds it
  make flips        flip one expectation in each selftest and in each file of their library,
                    and report which nothing notices
  make builds       build and boot the kernels that nothing else builds: without this
                    project, with other default modes, with helpers out of line, with
                    CFI
  make bench        count the instructions of the C and the Rust code; measure code size
                    and build time
  make coverage     count what of the Rust code runs: the core's lines in its tests on the
                    host; lines and instructions in the kernel, under the selftests
  make matrix       move VMs between ten releases of Linux and this kernel, on six CPUs, and
                    compare what happens with what kvmfit predicts: 15 minutes on two cores,
                    the first time after a download of 250 MB; writes docs/matrix.md
  make kvmfit       build the tool that says whether a VM fits a host: for this machine, and
                    static for arm64
  make vmm          let QEMU 10 and 11 move running VMs between releases of Linux and this
                    kernel, and compare that with kvmfit's prediction: half an hour on two
                    cores; writes docs/matrix-vmms.md
  make deb          build a Debian package of the kernel for real machines: Debian's own arm64
                    configuration with this project, to install beside Debian's kernel;
                    hours the first time
  make test-deb     install that package in a Debian system in QEMU, from EFI and GRUB on: boot
                    it, run VMs in each mode, and go back by the boot menu
  make lint         formatting, warnings, documentation, patches
  make docs         write the drawing, and the tables of the last `make run ALL=1` and
                    `make bench`, into README.md and docs/
  make series       export patches for `git am`; with BUILD=1, build each step
  make clean        remove what was built
  make distclean    remove the work tree, too (the cache of downloads stays)

Variables:
  ABI=c|rust|check  only this mode (boot: default rust)
  GIC=2|3           only machines with this interrupt controller
  CPU=              only this CPU model: max, neoverse-n1, cortex-a72, a64fx, ...
  MODE=vhe|nvhe|protected|nested    only this mode of KVM
  TESTS=a,b         only these tests
  VMM=              vmm: only qemu-10, qemu-11, or a small VMM that restores as
                    firecracker or cloud-hypervisor does
  FIRECRACKER=, CLOUD_HYPERVISOR=   vmm: a real one, built for arm64, in its place
  KERNELS='a b'     matrix, vmm: only these kernels: 6.1, 6.12, ..., this one's modes c, rust,
                    or at-6.1, ...: this one, at the level of that kernel
  ALL=1             run: every machine and host state
  CONFIG=debug      the debug kernel: KASAN, lockdep, fault injection and so on
  FIXES=1           lay the fixes of the base's bugs, too (docs/base-bugs.md)
  CONFIG=off|default-c|default-check|outline|cfi    a kernel of `make builds`
  SECONDS=          fuzz: how long (default 60); run: how long the timed tests run
  SEED=             seed of the random numbers (default: a new one for each run)
  CMDLINE=          additional kernel parameters
  JOBS=             parallel jobs (default: one per CPU)
  DEB_FLAVOUR=      deb, test-deb: cloud-arm64 (default) or arm64, as Debian names its configurations
  BASE=old.json     bench: compare with this earlier result; fail if a path is slower or
                    missing
  ONLY=selftests    series: only the selftests that it begins with, which need no Rust
  ONLY=fixes        series: the fixes of the base's bugs, for a tree without the overlay
  BUILD=0           bench: do not measure how long the build takes
  KERNEL_SRC=       your own kernel tree instead of Debian's; it is not modified
  KERNEL_DEB=       a file with Debian's linux-source package, instead of a download
  BASE_UPDATE=1     setup: move to the newest kernel source, if the patches apply to it
  O=                output directory, instead of one below ~/.cache/kvm-arm64-rust/work/
  DEBIAN_MIRROR=    a Debian archive, instead of the one that this machine uses
endef

.PHONY: help run quick test test-debug setup kernel print-image selftests boot test-host test-vm \
	fuzz mutants flips builds bench coverage kvmfit matrix vmm deb test-deb lint docs \
	series clean distclean

help:
	$(info $(HELP))
	@:

run quick test test-debug setup kernel selftests boot test-host test-vm fuzz mutants flips builds \
bench coverage kvmfit matrix vmm deb test-deb lint series:
	@$(steps) $@

print-image:
	@scripts/print-image.sh

docs:
	@$(steps) --only docs

clean distclean:
	@scripts/clean.sh $@
