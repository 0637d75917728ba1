// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_bench_vm - What it costs to make VMs, and how the cost of saving and
 * restoring the registers of a VM grows with its vCPUs.
 *
 * save/ and restore/ move all firmware registers of a VM, and restore_all/ the
 * feature ID registers as well:
 *
 *	vcpus:N		read or written on each of N vCPUs, as VMMs do
 *	once:N		on one of them, if the list shows them to be the VM's
 *	vm_fd:N		on the VM's file descriptor
 *
 * The latter two need a VM that has opted in, and so does config/, the whole
 * configuration of a VM: see abi/bench/config.h. They come last, in this program
 * and in a boot: once a VM has opted in, every access to registers, of any VM,
 * checks for that.
 *
 * The VMs have no memory and no GIC, as neither matters here. See
 * abi/bench/measure.h for the method and the output.
 */
#include <asm/kvm_migration.h>

#include "abi/bench/config.h"
#include "abi/bench/ioctl.h"
#include "abi/bench/measure.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/reg_image.h"

#define MAX_VCPUS	64

static int kvm_fd;

struct bare_vm {
	int fd;
	int nr_vcpus;
	int vcpu_fd[MAX_VCPUS];
};

static int xioctl(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	TEST_ASSERT(ret >= 0, "ioctl %#lx: %s", cmd, strerror(errno));
	return ret;
}

static struct kvm_vcpu_init preferred_init(int vm_fd)
{
	struct kvm_vcpu_init init = {};

	xioctl(vm_fd, KVM_ARM_PREFERRED_TARGET, &init);
	init.features[0] |= BIT(KVM_ARM_VCPU_PSCI_0_2);
	return init;
}

/* @opt_ins is what the VM opts in to. */
static struct bare_vm __bare_vm_create(int nr_vcpus, u32 opt_ins)
{
	struct bare_vm vm = {
		.fd = xioctl(kvm_fd, KVM_CREATE_VM, NULL),
		.nr_vcpus = nr_vcpus,
	};
	struct kvm_vcpu_init init = preferred_init(vm.fd);
	int ret;
	long i;

	if (opt_ins) {
		ret = opt_in_enable(vm.fd, opt_ins);
		TEST_ASSERT(!ret, "KVM_CAP_ARM_MIGRATION %#x: %s", opt_ins,
			    strerror(ret));
	}

	for (i = 0; i < nr_vcpus; i++) {
		vm.vcpu_fd[i] = xioctl(vm.fd, KVM_CREATE_VCPU, (void *)i);
		xioctl(vm.vcpu_fd[i], KVM_ARM_VCPU_INIT, &init);
	}

	return vm;
}

static struct bare_vm bare_vm_create(int nr_vcpus)
{
	return __bare_vm_create(nr_vcpus, 0);
}

static void bare_vm_free(struct bare_vm *vm)
{
	int i;

	for (i = 0; i < vm->nr_vcpus; i++)
		close(vm->vcpu_fd[i]);
	close(vm->fd);
}

/* ---- Making VMs ---- */

/*
 * Nothing can be made twice, so each operation has a VM of its own, prepared up
 * to the step that is timed. With batches of one and two, the numbers are those
 * of the second operation, when the allocators' caches are not empty.
 */
#define NR_FRESH	2

/*
 * These numbers depend on what was done before: a VM has files in debugfs, and
 * the length of their hash chains varies; a vCPU allocates and frees memory,
 * and the caches of the allocators have some left or not. The error is at
 * most 1 %.
 */
static u64 create_vm_batch(void *unused, u32 n)
{
	int fd[NR_FRESH];
	u64 start, ticks;
	u32 i;

	start = bench_now();
	for (i = 0; i < n; i++)
		fd[i] = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	ticks = bench_now() - start;

	for (i = 0; i < n; i++) {
		TEST_ASSERT(fd[i] >= 0, "KVM_CREATE_VM: %s", strerror(errno));
		close(fd[i]);
	}
	return ticks;
}

static u64 create_vcpu_batch(void *unused, u32 n)
{
	struct bare_vm vm[NR_FRESH];
	u64 start, ticks;
	u32 i;

	for (i = 0; i < n; i++)
		vm[i] = bare_vm_create(0);

	start = bench_now();
	for (i = 0; i < n; i++)
		vm[i].vcpu_fd[0] = ioctl(vm[i].fd, KVM_CREATE_VCPU, 0);
	ticks = bench_now() - start;

	for (i = 0; i < n; i++) {
		TEST_ASSERT(vm[i].vcpu_fd[0] >= 0, "KVM_CREATE_VCPU: %s",
			    strerror(errno));
		vm[i].nr_vcpus = 1;
		bare_vm_free(&vm[i]);
	}
	return ticks;
}

/* One ioctl on each VM, or on its only vCPU, which is not initialized. */
struct fresh_ioctl {
	bool of_vcpu;
	unsigned long cmd;
	void *arg;
};

static u64 fresh_ioctl_batch(void *arg, u32 n)
{
	struct fresh_ioctl *f = arg;
	struct bare_vm vm[NR_FRESH];
	int fd[NR_FRESH];
	u64 start, ticks;
	int ret = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		vm[i] = bare_vm_create(0);
		vm[i].vcpu_fd[0] = xioctl(vm[i].fd, KVM_CREATE_VCPU, NULL);
		vm[i].nr_vcpus = 1;
		fd[i] = f->of_vcpu ? vm[i].vcpu_fd[0] : vm[i].fd;
	}

	start = bench_now();
	for (i = 0; i < n; i++)
		ret |= ioctl(fd[i], f->cmd, f->arg);
	ticks = bench_now() - start;

	TEST_ASSERT(!ret, "ioctl %#lx: %s", f->cmd, strerror(errno));
	for (i = 0; i < n; i++)
		bare_vm_free(&vm[i]);
	return ticks;
}

static void bench_create(void)
{
	struct bare_vm vm = bare_vm_create(1);
	struct kvm_vcpu_init init = preferred_init(vm.fd);
	struct kvm_smccc_filter filter = {
		.base = 0xc6001000,
		.nr_functions = 16,
		.action = KVM_SMCCC_FILTER_DENY,
	};
	struct kvm_device_attr attr = {
		.group = KVM_ARM_VM_SMCCC_CTRL,
		.attr = KVM_ARM_VM_SMCCC_FILTER,
		.addr = (u64)&filter,
	};
	struct fresh_ioctl init_vcpu = { true, KVM_ARM_VCPU_INIT, &init };
	struct fresh_ioctl set_filter = { false, KVM_SET_DEVICE_ATTR, &attr };

	bench.approximate = true;
	bench_run("create/VM", 1, create_vm_batch, NULL);
	bench_run("create/vCPU", 1, create_vcpu_batch, NULL);
	bench_ioctl("create/vCPU_INIT:again", 0, vm.vcpu_fd[0],
		    KVM_ARM_VCPU_INIT, &init);
	bench.approximate = false;

	bench_run("create/vCPU_INIT", 1, fresh_ioctl_batch, &init_vcpu);
	bench_run("create/SMCCC_filter", 1, fresh_ioctl_batch, &set_filter);
	bare_vm_free(&vm);
}

/* ---- Saving and restoring ---- */

#define MAX_REGS	128

static u64 values[MAX_VCPUS][MAX_REGS];
static struct kvm_one_reg regs[MAX_VCPUS * MAX_REGS];
static struct bench_ioctl gets[MAX_VCPUS * MAX_REGS];
static struct bench_ioctl sets[MAX_VCPUS * MAX_REGS];

/* The ids of registers, as KVM_GET_REG_LIST returns them. */
struct ids {
	u64 n;
	u64 id[1024];
};

/* Which file descriptors are used for the VM's registers */
enum asker { EACH_VCPU, ONE_VCPU, VM_FD, NR_ASKERS };

static const struct {
	const char *name;
	u32 opt_ins;
} askers[NR_ASKERS] = {
	[EACH_VCPU] = { "vcpus" },
	[ONE_VCPU] = { "once", BIT(OPT_IN_SCOPE) },
	[VM_FD] = { "vm_fd", BIT(OPT_IN_VM_REGS) },
};

/* What is moved: the firmware registers, or all that belongs to the VM. */
static const struct move {
	const char *save, *restore;
	bool all;
	/* Numbers of vCPUs, as bits: in general, and for EACH_VCPU */
	u32 nr_vcpus, nr_asked;
} moves[] = {
	{ "save", "restore", false, GENMASK(6, 0), GENMASK(6, 0) },
	/*
	 * The VM's file descriptor has no feature ID registers. On each of 64
	 * vCPUs they take so long that every batch contains a timer interrupt.
	 */
	{ "", "restore_all", true, BIT(0) | BIT(3) | BIT(6), BIT(0) | BIT(3) },
};

/*
 * The registers of the VM that are moved. With scopes the list says which are
 * the VM's, and this must agree with image_is_vm_wide().
 */
static void list_vm_regs(const struct bare_vm *vm, enum asker who, bool all,
			 struct ids *ids)
{
	static struct ids list;
	u64 i, id;
	bool of_vm;

	list.n = ARRAY_SIZE(list.id);
	ids->n = 0;
	if (who == VM_FD)
		xioctl(vm->fd, KVM_ARM_VM_GET_REG_LIST, &list);
	else
		xioctl(vm->vcpu_fd[0], KVM_GET_REG_LIST, &list);
	for (i = 0; i < list.n; i++) {
		id = list.id[i] & ~(u64)KVM_REG_ARM_SCOPE_MASK;
		of_vm = image_is_vm_wide(id);
		if (who == ONE_VCPU)
			TEST_ASSERT(of_vm == (id != list.id[i]),
				    "%#lx has another scope", list.id[i]);
		if (of_vm && (all || image_is_fw_reg(id)))
			ids->id[ids->n++] = list.id[i];
	}
	TEST_ASSERT(all ? ids->n > NR_FW_REGS : ids->n == NR_FW_REGS,
		    "%lu registers", ids->n);
	TEST_ASSERT(ids->n <= MAX_REGS, "Too many registers");
}

/* Returns whether a VM can be moved in this way, and prints why not. */
static bool can_move(const char *path, enum asker who, int nr_vcpus)
{
	int max = kvm_check_cap(KVM_CAP_MAX_VCPUS);

	if (bench.list) {
		bench_run(path, 0, NULL, NULL);
		return false;
	}
	/* Opt in only for a benchmark that runs. */
	if (!bench_wants(path))
		return false;
	if (nr_vcpus > max) {
		bench_skip(path, "a VM has at most %d vCPUs", max);
		return false;
	}
	if (askers[who].opt_ins && opt_in_get(kvm_fd) <= 0) {
		bench_absent(path, "the kernel has nothing to opt in to");
		return false;
	}

	return true;
}

static void bench_move(const struct move *m, enum asker who, int nr_vcpus)
{
	int fd, i, j, nr = 0, nr_fds = who == EACH_VCPU ? nr_vcpus : 1;
	char save[64], restore[64];
	bool can_save, can_restore;
	struct bare_vm vm;
	struct ids ids;

	snprintf(save, sizeof(save), "%s/%s:%d", m->save, askers[who].name,
		 nr_vcpus);
	snprintf(restore, sizeof(restore), "%s/%s:%d", m->restore,
		 askers[who].name, nr_vcpus);
	can_save = *m->save && can_move(save, who, nr_vcpus);
	can_restore = can_move(restore, who, nr_vcpus);
	if (!can_save && !can_restore)
		return;

	vm = __bare_vm_create(nr_vcpus, askers[who].opt_ins);
	list_vm_regs(&vm, who, m->all, &ids);
	for (i = 0; i < nr_fds; i++) {
		fd = who == VM_FD ? vm.fd : vm.vcpu_fd[i];
		for (j = 0; j < ids.n; j++, nr++) {
			regs[nr] = (struct kvm_one_reg) {
				ids.id[j], (u64)&values[i][j],
			};
			gets[nr] = (struct bench_ioctl) {
				fd, one_reg_cmd(fd, KVM_GET_ONE_REG), &regs[nr],
			};
			sets[nr] = (struct bench_ioctl) {
				fd, one_reg_cmd(fd, KVM_SET_ONE_REG), &regs[nr],
			};
		}
	}

	if (can_save)
		bench_ioctls(save, 0, gets, nr);

	if (can_restore) {
		/* Read the values to be restored. */
		for (i = 0; i < nr; i++)
			xioctl(gets[i].fd, gets[i].cmd, gets[i].arg);
		bench_ioctls(restore, 0, sets, nr);
	}

	bare_vm_free(&vm);
}

static void bench_moves(enum asker who)
{
	const struct move *m;
	u32 nr_vcpus;
	int bit;

	for (m = moves; m < moves + ARRAY_SIZE(moves); m++) {
		if (m->all && who == VM_FD)
			continue;
		nr_vcpus = who == EACH_VCPU ? m->nr_asked : m->nr_vcpus;
		for (bit = 0; 1 << bit <= MAX_VCPUS; bit++) {
			if (nr_vcpus & BIT(bit))
				bench_move(m, who, 1 << bit);
		}
	}
}

static void bench_whole_config(void)
{
	static const char * const paths[] = {
		"config/GET", "config/GET:one_by_one", "config/CHECK", "config/SET",
		"config/SET:one_by_one", "config/SET:changed",
		"config/SET:changed:one_by_one",
	};
	bool wanted = false;
	struct bare_vm vm;
	int i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		wanted |= can_move(paths[i], VM_FD, 1);
	if (!wanted)
		return;

	vm = __bare_vm_create(1, BIT(OPT_IN_VM_CONFIG) | BIT(OPT_IN_LEVELS));
	bench_config(vm.fd, vm.vcpu_fd[0]);
	bare_vm_free(&vm);
}

static void block(void)
{
	bench_create();
	bench_moves(EACH_VCPU);
}

static void opt_in_block(void)
{
	bench_moves(ONE_VCPU);
	bench_moves(VM_FD);
	bench_whole_config();
}

int main(int argc, char *argv[])
{
	int ret;

	kvm_fd = open_kvm_dev_path_or_exit();
	ret = bench_main(argc, argv, 2, block);
	bench_blocks(opt_in_block);
	return ret;
}
