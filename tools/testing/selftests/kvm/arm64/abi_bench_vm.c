// SPDX-License-Identifier: GPL-2.0-only
/*
 * abi_bench_vm - What it costs to make VMs, and how the cost of saving and
 * restoring the firmware registers grows with a VM's vCPUs.
 *
 * save/ and restore/ are the whole VM: all of the registers, read or written on
 * each vCPU, as a VMM does it. The VMs have no memory and no GIC: neither
 * counts here. See abi_bench.h for the method and the output.
 */
#include "abi_bench_ioctl.h"

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

static struct bare_vm bare_vm_create(int nr_vcpus)
{
	struct bare_vm vm = {
		.fd = xioctl(kvm_fd, KVM_CREATE_VM, NULL),
		.nr_vcpus = nr_vcpus,
	};
	struct kvm_vcpu_init init = preferred_init(vm.fd);
	long i;

	for (i = 0; i < nr_vcpus; i++) {
		vm.vcpu_fd[i] = xioctl(vm.fd, KVM_CREATE_VCPU, (void *)i);
		xioctl(vm.vcpu_fd[i], KVM_ARM_VCPU_INIT, &init);
	}

	return vm;
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
 * Nothing can be made twice, so each operation has a VM of its own, made up to
 * what is to be timed. With batches of one and two, the numbers are those of
 * the second one, when the allocators' caches are not empty.
 */
#define NR_FRESH	2

/*
 * This one depends on the past: a VM has files in debugfs, which end up in hash
 * chains of any length. It is not off by more than 1 %.
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
	bench.approximate = false;

	bench_run("create/vCPU", 1, create_vcpu_batch, NULL);
	bench_run("create/vCPU_INIT", 1, fresh_ioctl_batch, &init_vcpu);
	bench_ioctl("create/vCPU_INIT:again", 0, vm.vcpu_fd[0],
		    KVM_ARM_VCPU_INIT, &init);
	bench_run("create/SMCCC_filter", 1, fresh_ioctl_batch, &set_filter);
	bare_vm_free(&vm);
}

/* ---- Saving and restoring ---- */

static u64 values[MAX_VCPUS][NR_FW_REGS];
static struct kvm_one_reg regs[MAX_VCPUS * NR_FW_REGS];
static struct bench_ioctl gets[MAX_VCPUS * NR_FW_REGS];
static struct bench_ioctl sets[MAX_VCPUS * NR_FW_REGS];

static void bench_move(int nr_vcpus)
{
	struct bare_vm vm;
	char path[64];
	int i, j, nr = 0;

	if (nr_vcpus > kvm_check_cap(KVM_CAP_MAX_VCPUS)) {
		snprintf(path, sizeof(path), "save/vcpus:%d", nr_vcpus);
		bench_skip(path, "a VM has at most %d vCPUs",
			   kvm_check_cap(KVM_CAP_MAX_VCPUS));
		snprintf(path, sizeof(path), "restore/vcpus:%d", nr_vcpus);
		bench_skip(path, "a VM has at most %d vCPUs",
			   kvm_check_cap(KVM_CAP_MAX_VCPUS));
		return;
	}

	vm = bare_vm_create(nr_vcpus);
	for (i = 0; i < nr_vcpus; i++) {
		for (j = 0; j < NR_FW_REGS; j++, nr++) {
			regs[nr] = (struct kvm_one_reg) {
				fw_regs[j].id, (u64)&values[i][j],
			};
			gets[nr] = (struct bench_ioctl) {
				vm.vcpu_fd[i], KVM_GET_ONE_REG, &regs[nr],
			};
			sets[nr] = (struct bench_ioctl) {
				vm.vcpu_fd[i], KVM_SET_ONE_REG, &regs[nr],
			};
		}
	}

	snprintf(path, sizeof(path), "save/vcpus:%d", nr_vcpus);
	bench_ioctls(path, 0, gets, nr);

	/* Not measured if it was not asked for, but this needs the values. */
	for (i = 0; i < nr; i++)
		xioctl(gets[i].fd, gets[i].cmd, gets[i].arg);
	snprintf(path, sizeof(path), "restore/vcpus:%d", nr_vcpus);
	bench_ioctls(path, 0, sets, nr);

	bare_vm_free(&vm);
}

static void block(void)
{
	int nr_vcpus;

	bench_create();
	for (nr_vcpus = 1; nr_vcpus <= MAX_VCPUS; nr_vcpus *= 2)
		bench_move(nr_vcpus);
}

int main(int argc, char *argv[])
{
	kvm_fd = open_kvm_dev_path_or_exit();
	return bench_main(argc, argv, 2, block);
}
