# SPDX-License-Identifier: GPL-2.0
#
# The driver: fetches a kernel source, lays the overlay over a copy of it,
# builds, boots and tests. It is never installed into a kernel tree.

VARIABLES := KERNEL_SRC KERNEL_DEB BASE_UPDATE O ABI GIC CPU MODE TESTS CMDLINE JOBS BASE \
	BUILD DEBIAN_MIRROR CONFIG SECONDS SEED ALL

# Only the command line counts. Short names such as CPU, MODE and CONFIG are exported
# for other purposes, too: they must not make a run smaller than it looks, nor stop it.
ignored := $(strip $(foreach v,$(VARIABLES),$(if $(findstring environment,$(origin $v)),$v)))
ifneq ($(ignored),)
$(warning ignored, as variables count on the command line only: $(foreach v,$(ignored),$v=$(value $v)))
$(foreach v,$(ignored),$(eval override undefine $v))
endif
# The scripts pass it to each other.
unexport BRIEF CALLED

export $(filter-out BUILD SECONDS,$(VARIABLES))
# A shell has a variable of this name, which counts.
unexport SECONDS
export FUZZ_SECONDS := $(SECONDS)

unknown := $(strip $(foreach v,$(.VARIABLES),$(if $(filter-out $(VARIABLES),$v),\
	$(if $(findstring command line,$(origin $v)),$v))))
ifneq ($(unknown),)
$(error unknown variable: $(unknown); good ones: $(VARIABLES))
endif
ifneq ($(filter-out 0 1,$(BUILD)),)
$(error BUILD=$(BUILD) is not known; good values: 0, 1)
endif
ifneq ($(and $(filter-out base,$(CONFIG)),$(filter test quick lint bench series mutants builds,$(MAKECMDGOALS))),)
$(error CONFIG=$(CONFIG) is for kernel, print-image, selftests, boot, run, test-vm and fuzz; \
	`make test` runs on both kernels)
endif

ifneq ($(filter 1,$(BASE_UPDATE)),)
ifneq ($(MAKECMDGOALS),setup)
$(error BASE_UPDATE=1 is for `make setup`)
endif
endif

steps := scripts/steps.sh
tree := setup source lay
built := $(tree) kernel selftests

.DEFAULT_GOAL := help
# The steps lock, log and build in parallel by themselves.
.NOTPARALLEL:

define HELP
The part of KVM/arm64 that decides what a guest may see, in Rust.

  make run          set up what is missing, build the kernel and the KVM selftests, run
                    these with the C code, the Rust code and both compared, on two
                    machines: ten minutes after the build. ALL=1: on every machine
  make quick        after a change: build, look at the objects, run the short selftests
                    on one machine with both sides compared; two minutes
  make test         host, objects, KUnit and the KVM selftests, these in mode check on
                    every machine and in all modes on two; planted mistakes, to see
                    that they are found; then a part of it on a kernel that finds
                    mistakes at run time

  make setup        install the tools, get the kernel source and all else from the network
  make kernel       build the kernel
  make -s print-image   print the path of the built Image
  make selftests    build the KVM selftests
  make boot         a shell in the booted kernel; `exit` powers off
  make test-host    test the core crate (seconds, no kernel)
  make test-vm      KUnit and the KVM selftests in QEMU
  make fuzz         random calls and hypercalls, C against Rust, for SECONDS= on each
                    machine, and the core crate on the host
  make mutants      put bugs into the Rust code and see which test finds each
  make builds       build and boot the kernels that nothing else builds: without this
                    project, with other default modes, with helpers out of line, with
                    CFI; an hour or more the first time
  make bench        count the instructions that C and Rust take, and what else they cost
  make lint         formatting, warnings, documentation, patches
  make series       the change as patches for `git am`; with BUILD=1, build each step
  make clean        remove what was built
  make distclean    remove the work tree too (the cache of downloads stays)

Variables:
  ABI=c|rust|check  only this mode (boot: default rust)
  GIC=2|3           only machines with this interrupt controller
  CPU=              only this model: max, neoverse-n1, cortex-a72, a64fx, ...
  MODE=vhe|nvhe|protected|nested    only this mode of KVM
  TESTS=a,b         only these tests
  ALL=1             run: every machine and state of the host
  CONFIG=debug      the debug kernel: KASAN, lockdep, fault injection and the like
  CONFIG=off|default-c|default-check|outline|cfi    a kernel of `make builds`
  SECONDS=          fuzz: how long (default 60); run: how long the timed tests run
  SEED=             where random numbers begin (default: another one for each run)
  CMDLINE=          more kernel parameters
  JOBS=             parallel jobs (default: one per CPU)
  BASE=old.json     bench: compare with this earlier result; fail if a path is slower or gone
  BUILD=0           bench: do not measure how long the build takes
  KERNEL_SRC=       a kernel tree of yours instead of Debian's; it is not modified
  KERNEL_DEB=       Debian's linux-source package as a file, instead of a download
  BASE_UPDATE=1     setup: move to the newest kernel source, if the patches apply to it
  O=                where to build instead of ~/.cache/kvm-arm64-rust/work/
  DEBIAN_MIRROR=    a Debian archive instead of the one that this machine uses
endef

.PHONY: help run quick test setup kernel print-image selftests boot test-host test-vm \
	fuzz mutants builds bench lint series clean distclean

help:
	$(info $(HELP))
	@:

run:
	@$(steps) $(built) run

quick:
	@$(steps) $(tree) kernel objgate selftests quick

test:
	@$(steps) --test setup test-host source lay kernel objgate selftests kunit judge run \
		debug-kernel debug-kunit debug-judge debug-run

setup:
	@$(steps) setup source

kernel:
	@$(steps) $(tree) kernel

print-image:
	@scripts/print-image.sh

selftests:
	@$(steps) $(tree) kernel selftests

boot:
	@$(steps) $(built) boot

test-host:
	@$(steps) setup test-host

test-vm:
	@$(steps) $(built) kunit run

fuzz:
	@$(steps) setup fuzz-host source lay kernel selftests fuzz

mutants:
	@$(steps) setup source mutants

builds:
	@$(steps) $(built) builds

bench:
	@$(steps) $(built) bench-kernel bench-plugin $(if $(filter 0,$(BUILD)),,bench-build) bench

lint:
	@$(steps) $(tree) lint

series:
	@BUILD=$(BUILD) $(steps) $(tree) $(if $(filter 1,$(BUILD)),kernel) series

clean distclean:
	@scripts/clean.sh $@
