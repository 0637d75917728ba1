// SPDX-License-Identifier: GPL-2.0-only
/* Configurations in races */
#include <linux/arm-smccc.h>

#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/vm_config.h"
#include "config.h"
#include "thread.h"
#include "vm.h"

/* vCPU 0 runs; one of the others is accessed by KVM_SET_ONE_REG. */
#define NR_VCPUS	3
#define ROUNDS		40

/* All sets have the same value for both of these. */
#define REG_A		KVM_REG_ARM_VENDOR_HYP_BMAP
#define REG_B		KVM_REG_ARM_VENDOR_HYP_BMAP_2
/* A set does not have this one. */
#define REG_OTHER	KVM_REG_ARM_STD_HYP_BMAP

static struct {
	unsigned long set, busy, frozen, too_late, opted_in, after_close;
} seen;

#define saw(what)	__atomic_add_fetch(&seen.what, 1, __ATOMIC_RELAXED)

struct vm_fds {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpus[NR_VCPUS];
	bool opted_in;
	bool stop;
};

static int any_fd(struct vm_fds *v)
{
	u32 nr = stress_random(NR_VCPUS + 1);

	return nr < NR_VCPUS ? v->vcpus[nr]->fd : v->vm->fd;
}

/* CHECK and SET have one entry for each of both. */
static int set_both(int fd, u32 op, u64 value)
{
	struct kvm_arm_vm_config_entry e[] = {
		{ .id = REG_A, .value = value }, { .id = REG_B, .value = value },
	};

	stress_step();
	return config_access(fd, op, 0, e, ARRAY_SIZE(e));
}

static void note_result(int ret)
{
	TEST_ASSERT(!ret || ret == EBUSY || ret == ERANGE, "SET: %s", strerror(ret));
	if (!ret)
		saw(set);
	else if (ret == EBUSY)
		saw(busy);
	else
		saw(frozen);
}

static void setter_run(void *arg)
{
	struct vm_fds *v = arg;

	while (!stress_get_flag(&v->stop)) {
		note_result(set_both(any_fd(v), KVM_ARM_VM_CONFIG_SET,
				     stress_random(4)));
		if (stress_one_in(4))
			usleep(stress_random(100));
	}
}

/* Whoever reads them together sees a whole set. */
static void reader_run(void *arg)
{
	struct vm_fds *v = arg;
	struct kvm_arm_vm_config_entry *a, *b;
	struct kvm_arm_vm_config request;
	struct config c;
	int ret;

	while (!stress_get_flag(&v->stop)) {
		stress_step();
		request = (struct kvm_arm_vm_config) {
			.op = KVM_ARM_VM_CONFIG_GET,
			.n = CONFIG_MAX,
			.entry_size = sizeof(c.entry[0]),
			.entries = (u64)c.entry,
		};
		ret = config_request(any_fd(v), &request);
		TEST_ASSERT(!ret || ret == EBUSY, "GET: %s", strerror(ret));
		if (!ret) {
			c.n = request.n;
			a = config_find(&c, REG_A);
			b = config_find(&c, REG_B);
			TEST_ASSERT(a && b && a->value == b->value,
				    "half of a set is seen: %#llx, %#llx",
				    a ? a->value : ~0, b ? b->value : ~0);
		}
		ret = set_both(any_fd(v), KVM_ARM_VM_CONFIG_CHECK, stress_random(4));
		TEST_ASSERT(!ret || ret == EBUSY || ret == ERANGE, "CHECK: %s",
			    strerror(ret));
		usleep(stress_random(100));
	}
}

/* What is written through a vCPU meanwhile is not lost. */
static void writer_run(void *arg)
{
	struct vm_fds *v = arg;
	u64 held = vcpu_get_reg(v->vcpus[2], REG_OTHER), now, val;
	int ret;

	while (!stress_get_flag(&v->stop)) {
		stress_step();
		val = stress_random(2);
		ret = one_reg_set(v->vcpus[2], REG_OTHER, val);
		TEST_ASSERT(!ret || ret == EBUSY, "KVM_SET_ONE_REG: %s", strerror(ret));
		if (!ret)
			held = val;
		now = vcpu_get_reg(v->vcpus[2], REG_OTHER);
		TEST_ASSERT(now == held, "%#lx is lost: %#lx", held, now);
		usleep(stress_random(50));
	}
}

/* The guest sees a whole set, which is the VM's from then on. */
static void run_first(struct vm_fds *v)
{
	struct smccc_call c = {
		.vcpu = v->vcpus[0],
		.insn = SMCCC_HVC,
		.in = { ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID },
	};
	u64 a, b;
	int i;

	for (i = 0; i < 2; i++) {
		stress_step();
		smccc_call_start(&c);
		smccc_call_run(&c);
		TEST_ASSERT(!c.err && c.exit == KVM_EXIT_MMIO, "exit %u, error %d",
			    c.exit, c.err);
		/* If function 0, which is the call itself, is off, so is the call. */
		a = vcpu_get_reg(v->vcpus[1], REG_A);
		b = vcpu_get_reg(v->vcpus[1], REG_B);
		TEST_ASSERT(a == b, "half of a set is frozen: %#lx, %#lx", a, b);
		if (a & 1)
			TEST_ASSERT(c.x[0] == a && c.x[2] == b,
				    "the guest sees %#lx, %#lx of %#lx", c.x[0],
				    c.x[2], a);
		else
			TEST_ASSERT(c.x[0] == SMCCC_RET_NOT_SUPPORTED,
				    "the guest sees %#lx", c.x[0]);
	}
}

/* ---- Opting in, and the end ---- */

static void opt_in_run(void *arg)
{
	struct vm_fds *v = arg;

	usleep(stress_random(300));
	v->opted_in = !opt_in_enable(v->vm->fd, KVM_ARM_MIGRATION_VM_CONFIG);
}

static void set_on_copy(void *arg)
{
	int *fd = arg, i;

	for (i = 0; i < ROUNDS; i++) {
		/* Values of a VM that has run are refused, or are the VM's. */
		note_result(set_both(*fd, KVM_ARM_VM_CONFIG_SET, stress_random(4)));
		saw(after_close);
	}
	close(*fd);
}

void stress_config(void)
{
	static void (*const others[])(void *arg) = {
		setter_run, setter_run, reader_run, writer_run,
	};
	u32 features = BIT(KVM_ARM_VCPU_PSCI_0_2);
	struct stress_thread *threads[ARRAY_SIZE(others)], *t;
	struct vm_fds *v = calloc(1, sizeof(*v));
	int i, fd, ret;

	stress_step();
	v->vm = smccc_vm_create_empty(features);
	t = stress_start("config opt-in", stress_random(~0U), opt_in_run, v);
	usleep(stress_random(300));
	smccc_vm_add_vcpus(v->vm, NR_VCPUS, features, v->vcpus);
	stress_join(t);
	if (!v->opted_in) {
		saw(too_late);
		for (i = 0; i < 2; i++) {
			ret = set_both(i ? v->vm->fd : v->vcpus[0]->fd,
				       KVM_ARM_VM_CONFIG_SET, 0);
			TEST_ASSERT(ret == EINVAL, "SET without opting in: %s",
				    strerror(ret));
		}
		kvm_vm_free(v->vm);
		free(v);
		return;
	}
	saw(opted_in);

	/* The registers of a new VM differ. */
	ret = set_both(v->vm->fd, KVM_ARM_VM_CONFIG_SET, 3);
	TEST_ASSERT(!ret, "SET: %s", strerror(ret));
	for (i = 0; i < ARRAY_SIZE(others); i++)
		threads[i] = stress_start("config", stress_random(~0U), others[i], v);
	usleep(stress_random(4000));
	run_first(v);
	usleep(stress_random(1000));
	stress_set_flag(&v->stop);
	for (i = 0; i < ARRAY_SIZE(others); i++)
		stress_join(threads[i]);

	/* The VM's descriptors are closed while another one is in use. */
	fd = dup(v->vcpus[1]->fd);
	t = stress_start("config close", stress_random(~0U), set_on_copy, &fd);
	usleep(stress_random(500));
	kvm_vm_free(v->vm);
	stress_join(t);
	free(v);
}

bool stress_config_seen(void)
{
	return seen.set && seen.frozen && seen.opted_in && seen.after_close;
}

void stress_config_print(void)
{
	ksft_print_msg("configurations: %lu set, %lu times a vCPU in use, %lu frozen\n",
		       seen.set, seen.busy, seen.frozen);
	ksft_print_msg("%lu VMs had opted in to them, %lu were too late\n", seen.opted_in,
		       seen.too_late);
}
