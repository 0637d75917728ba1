// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit suite of the locks of a VM: a call waits for its lock and decides on
 * the state under it; and mode check does not report state that changes without
 * a lock.
 */
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include <asm/sysreg.h>

#include <kvm/arm_opt_in.h>

#include "abi_kunit.h"
#include "../../sys_regs.h"

/* A call by another task, and the address of its argument in userspace. */
struct lock_test_call {
	struct abi_test *ctx;
	struct mm_struct *mm;
	unsigned long page;
	int (*call)(struct lock_test_call *c);
	struct completion begun, done;
	int ret;
};

static int lock_test_enable_cap(struct lock_test_call *c)
{
	const struct kvm_enable_cap cap = {
		.cap = KVM_CAP_ARM_MIGRATION,
		.args = { KVM_ARM_MIGRATION_REG_SCOPE },
	};

	return kvm_arm_rust_enable_cap(c->ctx->kvm, &cap);
}

/* The page holds a version of PSCI, followed by a bitmap. */
static int lock_test_set_version(struct lock_test_call *c)
{
	const struct kvm_one_reg reg = { .id = KVM_REG_ARM_PSCI_VERSION, .addr = c->page };

	return kvm_arm_rust_vm_one_reg(c->ctx->kvm, &reg, true);
}

static int lock_test_set_bitmap(struct lock_test_call *c)
{
	const struct kvm_one_reg reg = { .id = KVM_REG_ARM_VENDOR_HYP_BMAP, .addr = c->page + 8 };

	return kvm_arm_rust_vm_one_reg(c->ctx->kvm, &reg, true);
}

static int lock_test_set_vcpu_bitmap(struct lock_test_call *c)
{
	const struct kvm_one_reg reg = { .id = KVM_REG_ARM_VENDOR_HYP_BMAP, .addr = c->page + 8 };

	return kvm_arm_rust_set_fw_reg(c->ctx->vcpu, &reg);
}

static int lock_test_set_id_reg(struct lock_test_call *c)
{
	const u32 id = SYS_ID_AA64ISAR0_EL1;
	const struct sys_reg_desc *rd = kvm_arm_c_sys_reg_desc(id);

	/* The registers of the VM are 0. */
	return kvm_arm_rust_set_id_reg(c->ctx->vcpu, rd, id, rd->reset(c->ctx->vcpu, rd));
}

static int lock_test_get_workaround(struct lock_test_call *c)
{
	const struct kvm_one_reg reg = { .id = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2,
					 .addr = c->page };

	return kvm_arm_rust_vm_one_reg(c->ctx->kvm, &reg, false);
}

static void lock_test_create_vcpu(struct kvm *kvm)
{
	kvm->created_vcpus = 1;
}

static void lock_test_run(struct kvm *kvm)
{
	set_bit(KVM_ARCH_FLAG_HAS_RAN_ONCE, &kvm->arch.flags);
}

static void lock_test_features(struct kvm *kvm)
{
	set_bit(KVM_ARCH_FLAG_VCPU_FEATURES_CONFIGURED, &kvm->arch.flags);
}

static int lock_test_thread(void *data)
{
	struct lock_test_call *c = data;

	kthread_use_mm(c->mm);
	complete(&c->begun);
	c->ret = c->call(c);
	kthread_unuse_mm(c->mm);
	kthread_complete_and_exit(&c->done, 0);
}

/* A change while a call waits for the lock, and the result of the call. */
static void calls_decide_under_their_lock(struct kunit *test)
{
	static const struct {
		int (*call)(struct lock_test_call *c);
		void (*change)(struct kvm *kvm);
		int ret;
		/* Under kvm->lock, not the config_lock */
		bool vcpus;
	} cases[] = {
		{ lock_test_enable_cap,      lock_test_create_vcpu, -EINVAL, true },
		{ lock_test_set_version,     lock_test_run,         -EBUSY },
		{ lock_test_set_bitmap,      lock_test_run,         -EBUSY },
		{ lock_test_set_vcpu_bitmap, lock_test_run,         -EBUSY },
		{ lock_test_set_id_reg,      lock_test_run,         -EBUSY },
		{ lock_test_get_workaround,  lock_test_features,    0 },
	};
	static const u64 words[] = { 0x10000, 0 };
	struct abi_test *ctx = test->priv;
	struct kvm *kvm = ctx->kvm;
	unsigned long page;

	page = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, page, 0);

	for (int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mutex *lock = &kvm->arch.config_lock;
		struct lock_test_call c = {
			.ctx = ctx, .mm = current->mm, .page = page, .call = cases[i].call,
		};
		struct task_struct *task;
		bool waits;

		if (cases[i].vcpus)
			lock = &kvm->lock;
		KUNIT_ASSERT_EQ(test, copy_to_user((void __user *)page, words,
						   sizeof(words)), 0);
		kvm->created_vcpus = 0;
		kvm->arch.vgic.initialized = false;
		kvm->arch.flags = 0;
		kvm->arch.psci_version = 0;
		kvm->arch.smccc_feat.vendor_hyp_bmap = 1;
		init_completion(&c.begun);
		init_completion(&c.done);

		mutex_lock(lock);
		task = kthread_run(lock_test_thread, &c, "kvm_lock_test");
		if (IS_ERR(task)) {
			mutex_unlock(lock);
			KUNIT_FAIL_AND_ABORT(test, "no thread");
		}
		wait_for_completion(&c.begun);
		waits = !wait_for_completion_timeout(&c.done, HZ / 20);
		cases[i].change(kvm);
		mutex_unlock(lock);
		if (waits)
			wait_for_completion(&c.done);

		KUNIT_EXPECT_TRUE_MSG(test, waits, "case %d", i);
		KUNIT_EXPECT_EQ_MSG(test, c.ret, cases[i].ret, "case %d", i);
		KUNIT_EXPECT_EQ_MSG(test, kvm->arch.flags & KVM_ARCH_OPT_IN_FLAGS, 0,
				    "case %d", i);
		KUNIT_EXPECT_EQ_MSG(test, kvm->arch.psci_version, 0, "case %d", i);
		KUNIT_EXPECT_EQ_MSG(test, kvm->arch.smccc_feat.vendor_hyp_bmap, 1,
				    "case %d", i);
	}
}

static int lock_test_change_version(void *data)
{
	struct kvm *kvm = data;

	while (!kthread_should_stop()) {
		for (int i = 0; i < 1024; i++)
			WRITE_ONCE(kvm->arch.psci_version, 0x10000 | (i & 1));
		cond_resched();
	}

	return 0;
}

/* Without a lock, the version may differ just while C reads it. */
static void a_version_that_changes_is_not_reported(struct kunit *test)
{
	struct kvm_one_reg reg = { .id = KVM_REG_ARM_PSCI_VERSION };
	struct abi_test *ctx = test->priv;
	long before = abi_test_mismatches();
	struct task_struct *task;
	unsigned long end;
	u64 val;

	ctx->kvm->arch.psci_version = 0x10000;
	opt_in_set_features(ctx->kvm, true);
	abi_test_set_mode(KVM_ARM_ABI_CHECK);
	task = kthread_run(lock_test_change_version, ctx->kvm, "kvm_lock_test");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));

	for (end = jiffies + HZ; time_before(jiffies, end);) {
		if (kvm_arm_c_traced_get_fw_reg(ctx->vcpu, &reg, &val, true) ||
		    val >> 1 != 0x8000) {
			KUNIT_FAIL(test, "read 0x%llx", val);
			break;
		}
	}

	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, abi_test_mismatches(), before);
}

static struct kunit_case lock_test_cases[] = {
	KUNIT_CASE_SLOW(calls_decide_under_their_lock),
	KUNIT_CASE_SLOW(a_version_that_changes_is_not_reported),
	{}
};

static struct kunit_suite lock_test_suite = {
	.name = "kvm_arm64_locks",
	.init = opt_in_test_init,
	.exit = opt_in_test_exit,
	.test_cases = lock_test_cases,
};

kunit_test_suite(lock_test_suite);
