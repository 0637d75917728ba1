// SPDX-License-Identifier: GPL-2.0-only
/*
 * compat_boot - The level of a host's new VMs, which the kernel's command line sets.
 *
 * A VMM that knows nothing of levels has to get what one gets that asks for the same
 * level. Without kvm-arm.compat=, and with one that names no level, it is native.
 */
#include <errno.h>
#include <linux/psci.h>
#include <stdio.h>
#include <string.h>

#include "abi/cases.h"
#include "abi/compat.h"
#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "processor.h"

#define PARAMETER	"kvm-arm.compat="
#define DEBUGFS		"/sys/kernel/debug/kvm/arm_abi/compat"
#define MAX_REGS	1024

/* Of compat_names[], by the command line */
static int booted;

static void read_line(const char *path, char *line, int size)
{
	FILE *f = fopen(path, "r");

	TEST_ASSERT(f && fgets(line, size, f), "%s: %s", path, strerror(errno));
	fclose(f);
	line[strcspn(line, "\n")] = 0;
}

static int level_of_command_line(void)
{
	char line[4096], *word, *next = line;
	int i, level = 0;

	read_line("/proc/cmdline", line, sizeof(line));
	while ((word = strsep(&next, " "))) {
		if (strncmp(word, PARAMETER, strlen(PARAMETER)))
			continue;
		for (i = 0; i < NR_COMPAT_NAMES; i++) {
			if (!strcmp(word + strlen(PARAMETER), compat_names[i].name))
				level = i;
		}
	}
	return level;
}

/* What a VMM saves of a VM that has not run: the registers, in order, and values */
struct saved {
	u64 n;
	u64 reg[MAX_REGS];
	u64 value[MAX_REGS][2];
};

/* Time goes on from one VM to the next. */
static bool is_counter(u64 id)
{
	return id == KVM_REG_ARM_TIMER_CNT || id == ARM64_SYS_REG(3, 3, 14, 0, 1);
}

/* @bit: the level that the VMM asks for, or 0 if it knows of none */
static void save(u64 bit, struct saved *saved)
{
	struct kvm_vm *vm = vm_create(1);
	struct kvm_vcpu *vcpu;
	int i, ret;

	ret = bit ? compat_choose(vm, bit) : 0;
	TEST_ASSERT(!ret, "level %#lx: %s", bit, strerror(ret));
	fw_vm_add_vcpus(vm, 1, BIT(KVM_ARM_VCPU_PSCI_0_2), fw_guest_code, &vcpu);
	memset(saved, 0, sizeof(*saved));
	saved->n = MAX_REGS;
	ret = one_reg_list(vcpu->fd, saved);
	TEST_ASSERT(!ret, "KVM_GET_REG_LIST: %s", strerror(ret));
	for (i = 0; i < saved->n; i++) {
		ret = one_reg_get(vcpu, saved->reg[i], saved->value[i]);
		test_expect(!ret, "%#lx: %s", saved->reg[i], strerror(ret));
	}
	kvm_vm_free(vm);
}

static void check_new_vm(int unused)
{
	struct kvm_vm *vm = vm_create(1);
	int level = compat_get(vm->fd);

	test_expect(level == compat_names[booted].bit, "%#x, expected %s", level,
		    compat_names[booted].name);
	kvm_vm_free(vm);
}

static void check_debugfs(int unused)
{
	char line[64];

	read_line(DEBUGFS, line, sizeof(line));
	test_expect(!strcmp(line, compat_names[booted].name), "%s, expected %s", line,
		    compat_names[booted].name);
}

static void check_unaware_vmm(int unused)
{
	static struct saved unaware, asked;
	int i;

	save(0, &unaware);
	save(compat_names[booted].bit, &asked);
	test_expect(unaware.n == asked.n, "%lu registers, expected %lu", unaware.n, asked.n);
	for (i = 0; i < min(unaware.n, asked.n); i++) {
		test_expect(unaware.reg[i] == asked.reg[i], "%d: %#lx, expected %#lx", i,
			    unaware.reg[i], asked.reg[i]);
		if (is_counter(asked.reg[i]))
			continue;
		test_expect(!memcmp(unaware.value[i], asked.value[i],
				    sizeof(asked.value[i])), "%#lx: %#lx, expected %#lx",
			    asked.reg[i], unaware.value[i][0], asked.value[i][0]);
	}
}

/* One VM can leave the host's level, and takes it again. */
static void check_other_level(int nr)
{
	struct kvm_vm *vm = vm_create(1);
	int ret = compat_choose(vm, compat_names[nr].bit), level = compat_get(vm->fd);

	test_expect(!ret && level == compat_names[nr].bit, "%#x: %s", level, strerror(ret));
	ret = compat_choose(vm, compat_names[booted].bit);
	level = compat_get(vm->fd);
	test_expect(!ret && level == compat_names[booted].bit, "back, %#x: %s", level,
		    strerror(ret));
	kvm_vm_free(vm);
}

/* No older kernel has KVM_CAP_ARM_MIGRATION; a VM that leaves its level can opt in. */
static void check_opt_ins(int unused)
{
	u32 all = booted ? 0 : opt_in_offered();
	int kvm_fd = open_kvm_dev_path_or_exit(), ret;
	struct kvm_vm *vm = vm_create(1);

	ret = opt_in_get(kvm_fd);
	test_expect(ret == all, "/dev/kvm: %#x, expected %#x", ret, all);
	ret = opt_in_enable(vm->fd, BIT(OPT_IN_LEVELS));
	test_expect(ret == (booted ? EINVAL : 0), "%s", strerror(ret));
	kvm_vm_free(vm);

	vm = vm_create(1);
	ret = compat_choose(vm, KVM_ARM_COMPAT_NATIVE);
	test_expect(!ret, "native: %s", strerror(ret));
	ret = opt_in_enable(vm->fd, BIT(OPT_IN_LEVELS));
	test_expect(!ret, "native, opting in: %s", strerror(ret));
	kvm_vm_free(vm);
	close(kvm_fd);
}

int main(void)
{
	static const struct test_case cases[] = {
		{ "a new VM has the level of the command line", check_new_vm },
		{ "debugfs shows it", check_debugfs },
		{ "a VMM that asks for nothing gets what it would ask for", check_unaware_vmm },
		{ "a VM leaves it for native, and returns", check_other_level, 0 },
		{ "a VM leaves it for 6.18, and returns", check_other_level, 1 },
		{ "a VM leaves it for 6.16, and returns", check_other_level, 2 },
		{ "a VM leaves it for 6.12, and returns", check_other_level, 3 },
		{ "a VM leaves it for 6.1, and returns", check_other_level, 4 },
		{ "opt-ins are for native VMs", check_opt_ins },
	};

	TEST_REQUIRE(kvm_has_cap(KVM_CAP_ARM_COMPAT));
	ksft_print_header();
	booted = level_of_command_line();
	test_set_plan(ARRAY_SIZE(cases));
	test_run_cases(cases, ARRAY_SIZE(cases));
	test_finished();
}
