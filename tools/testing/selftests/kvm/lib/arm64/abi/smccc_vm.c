// SPDX-License-Identifier: GPL-2.0-only
/* Configurable VMs for SMCCC calls */
#include <linux/psci.h>
#include <pthread.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/smccc_call.h"
#include "abi/smccc_guest.h"
#include "abi/smccc_vm.h"
#include "processor.h"

struct smccc_vm smccc_vm_default(void)
{
	struct smccc_vm v = {
		.psci = FW_PSCI_LATEST,
		.system_suspend = true,
		.stolen_time = kvm_has_cap(KVM_CAP_STEAL_TIME),
	};
	int i;

	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
		v.bmap[i] = fw_regs[i].initial;

	return v;
}

bool smccc_is_arch_call(u32 id)
{
	return (id & ~(BIT(30) | 0xffff)) == BIT(31);
}

void smccc_filter_all(struct kvm_vm *vm, u8 action)
{
	static const u32 first[] = { 0x00000000, 0x80010000, 0xc0010000 };
	static const u32 last[] = { 0x7fffffff, 0xbfffffff, 0xffffffff };
	int i, ret;

	for (i = 0; i < ARRAY_SIZE(first); i++) {
		ret = smccc_set_filter(vm, first[i], last[i] - first[i] + 1,
				       action);
		TEST_ASSERT(!ret, "filter %#x-%#x: %s", first[i], last[i],
			    strerror(ret));
	}
}

/* A call that wrongly stops the vCPU never returns. */
#define SMCCC_LIMIT_S	15

static void *smccc_watch(void *unused)
{
	unsigned long before, now = 0;

	do {
		before = now;
		sleep(SMCCC_LIMIT_S);
		now = smccc_nr_runs();
	} while (now != before);

	ksft_exit_fail_msg("A call has not returned for %d s\n",
			   SMCCC_LIMIT_S);
}

/* Only the main thread must get SIGALRM. */
static void smccc_start_watching(void)
{
	static bool started;
	sigset_t all, old;
	pthread_t thread;

	if (started)
		return;

	started = true;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	kvm_pthread_create(&thread, NULL, smccc_watch, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void smccc_vm_start(struct smccc_vm *v)
{
	u64 npages, ipa = SMCCC_DATA_GPA;
	u32 features = BIT(KVM_ARM_VCPU_POWER_OFF);
	int i;

	smccc_start_watching();

	if (v->is_32bit)
		features |= BIT(KVM_ARM_VCPU_EL1_32BIT);
	if (v->psci != PSCI_VERSION(0, 1))
		features |= BIT(KVM_ARM_VCPU_PSCI_0_2);

	v->vm = smccc_vm_create(SMCCC_NR_VCPUS, features, v->vcpu);
	smccc_set_mp_state(v->vcpu[2], KVM_MP_STATE_RUNNABLE);

	vcpu_set_reg(v->vcpu[0], KVM_REG_ARM_PSCI_VERSION, v->psci);
	for (i = FW_FIRST_BMAP; i < NR_FW_REGS; i++)
		vcpu_set_reg(v->vcpu[0], fw_regs[i].id, v->bmap[i]);

	if (v->filter)
		smccc_filter_all(v->vm, v->filter);
	if (v->system_suspend)
		vm_enable_cap(v->vm, KVM_CAP_ARM_SYSTEM_SUSPEND, 0);
	if (v->stolen_time) {
		npages = vm_calc_num_guest_pages(v->vm->mode, getpagesize());
		vm_userspace_mem_region_add(v->vm, VM_MEM_SRC_ANONYMOUS, ipa, 1,
					    npages, 0);
		vcpu_device_attr_set(v->vcpu[0], KVM_ARM_VCPU_PVTIME_CTRL,
				     KVM_ARM_VCPU_PVTIME_IPA, &ipa);
	}
}

void smccc_vm_free(struct smccc_vm *v)
{
	kvm_vm_free(v->vm);
}

void __smccc_go_on(int line, struct smccc_call *c)
{
	struct smccc_want want = {};

	if (c->exit == KVM_EXIT_MMIO)
		return;

	memcpy(want.x, c->x, sizeof(want.x));
	smccc_set_mp_state(c->vcpu, KVM_MP_STATE_RUNNABLE);
	smccc_call_run(c);
	__smccc_expect(line, c, &want);
}

void __smccc_expect_others(int line, struct smccc_vm *v,
			   const struct smccc_call *c, bool started, u64 pc,
			   u64 x0)
{
	bool stopped = c->exit == KVM_EXIT_SYSTEM_EVENT &&
		       c->system_event.type != KVM_SYSTEM_EVENT_SUSPEND;
	u32 want[] = { [1] = KVM_MP_STATE_STOPPED, KVM_MP_STATE_RUNNABLE };
	u64 val;
	u32 now;
	int i;

	if (started)
		want[1] = KVM_MP_STATE_RUNNABLE;
	if (stopped)
		want[2] = KVM_MP_STATE_STOPPED;

	for (i = 1; i < SMCCC_NR_VCPUS; i++) {
		now = smccc_get_mp_state(v->vcpu[i]);
		__test_expect(line, now == want[i],
			      "call %#lx: state of vCPU %d is %u, expected %u",
			      c->in[0], i, now, want[i]);
	}

	if (started) {
		val = vcpu_get_reg(v->vcpu[1], ARM64_CORE_REG(regs.pc));
		__test_expect(line, val == pc,
			      "vCPU 1 begins at %#lx, not %#lx", val, pc);
		val = smccc_get_x(v->vcpu[1], 0);
		__test_expect(line, val == x0, "vCPU 1 has x0 %#lx, not %#lx",
			      val, x0);
	}

	if (want[1] != KVM_MP_STATE_STOPPED)
		smccc_set_mp_state(v->vcpu[1], KVM_MP_STATE_STOPPED);
	if (want[2] != KVM_MP_STATE_RUNNABLE)
		smccc_set_mp_state(v->vcpu[2], KVM_MP_STATE_RUNNABLE);
}
