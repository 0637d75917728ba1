// SPDX-License-Identifier: GPL-2.0-only
/* The steps of a VM's life */
#include <linux/arm-smccc.h>
#include <linux/psci.h>
#include <linux/sizes.h>

#include "abi/cases.h"
#include "abi/fw_reg.h"
#include "abi/one_reg.h"
#include "abi/opt_in.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "abi/vgic_v2.h"
#include "call.h"
#include "gic.h"
#include "life.h"
#include "processor.h"

const char * const life_name[NR_LIFE_STEPS] = {
	"KVM_CREATE_VM", "KVM_ENABLE_CAP", "SMCCC filter", "KVM_CREATE_VCPU",
	"KVM_ARM_VCPU_INIT", "KVM_CREATE_DEVICE", "GIC's initialisation",
	"KVM_SET_USER_MEMORY_REGION", "KVM_RUN",
};

struct life {
	/* Not under test */
	int kvm;
	size_t run_size;
	u32 *code;
	bool gic_v3;

	int vm;
	int vcpu;
	int vcpu_off;
	int gic;
	struct kvm_run *run;
	struct kvm_vcpu_init init;
};

static struct life life;

/* A hypercall, and a store to an unmapped address */
#define LIFE_CODE_HVC	0xd4000002
#define LIFE_CODE_STORE	0xb9000128

void life_open(void)
{
	life.kvm = open_kvm_dev_path_or_exit();
	life.run_size = ioctl(life.kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	life.gic_v3 = kvm_supports_vgic_v3();
	life.code = kvm_mmap(getpagesize(), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1);
	life.code[0] = LIFE_CODE_HVC;
	life.code[1] = LIFE_CODE_STORE;
	life.vm = -1;
	life.vcpu = -1;
	life.vcpu_off = -1;
	life.gic = -1;
}

static int life_errno(int ret)
{
	return ret < 0 ? errno : 0;
}

int life_attr(int fd, u32 group, u64 attr, void *val)
{
	return vgic_v2_access(fd, KVM_SET_DEVICE_ATTR, group, attr, (u64)val);
}

static int life_opt_in(void)
{
	return opt_in_enable(life.vm, OPT_IN_ALL);
}

static int life_filter(void)
{
	struct kvm_smccc_filter filter = { FILTER_FREE, 1, FILTER_FWD };

	/* C has a WARN_ON_ONCE() for this failure, which is not under test. */
	if (!fault_mode_is_rust())
		return 0;
	return life_attr(life.vm, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER,
			 &filter);
}

static int life_gic(void)
{
	struct kvm_create_device dev = {
		.type = life.gic_v3 ? KVM_DEV_TYPE_ARM_VGIC_V3 :
				      KVM_DEV_TYPE_ARM_VGIC_V2,
	};
	int ret = life_errno(ioctl(life.vm, KVM_CREATE_DEVICE, &dev));

	if (!ret)
		life.gic = dev.fd;
	return ret;
}

static int life_gic_init(void)
{
	u64 dist = GICD_BASE_GPA, redist = GICR_BASE_GPA, cpu = GICC_BASE_GPA;
	int ret;

	ret = life_attr(life.gic, KVM_DEV_ARM_VGIC_GRP_ADDR,
			life.gic_v3 ? KVM_VGIC_V3_ADDR_TYPE_DIST :
				      KVM_VGIC_V2_ADDR_TYPE_DIST, &dist);
	if (!ret)
		ret = life_attr(life.gic, KVM_DEV_ARM_VGIC_GRP_ADDR,
				life.gic_v3 ? KVM_VGIC_V3_ADDR_TYPE_REDIST :
					      KVM_VGIC_V2_ADDR_TYPE_CPU,
				life.gic_v3 ? &redist : &cpu);
	if (!ret)
		ret = life_attr(life.gic, KVM_DEV_ARM_VGIC_GRP_CTRL,
				KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	return ret;
}

static int life_memory(void)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = SMCCC_CODE_GPA,
		.memory_size = getpagesize(),
		.userspace_addr = (u64)life.code,
	};

	return life_errno(ioctl(life.vm, KVM_SET_USER_MEMORY_REGION, &region));
}

/* Run up to KVM_EXIT_MMIO, which follows the hypercall. */
static int life_run(void)
{
	int ret = life_errno(ioctl(life.vcpu, KVM_RUN, NULL));

	return ret ?: life.run->exit_reason == KVM_EXIT_MMIO ? 0 : EPROTO;
}

int life_do(enum life_step step)
{
	switch (step) {
	case LIFE_VM:
		life.vm = ioctl(life.kvm, KVM_CREATE_VM, 0);
		return life_errno(life.vm);
	case LIFE_OPT_IN:
		return life_opt_in();
	case LIFE_FILTER:
		return life_filter();
	case LIFE_VCPU:
		life.vcpu = ioctl(life.vm, KVM_CREATE_VCPU, 0);
		return life_errno(life.vcpu);
	case LIFE_INIT:
		return life_errno(ioctl(life.vcpu, KVM_ARM_VCPU_INIT,
					&life.init));
	case LIFE_GIC:
		return life_gic();
	case LIFE_GIC_INIT:
		return life_gic_init();
	case LIFE_MEMORY:
		return life_memory();
	case LIFE_RUN:
		return life_run();
	default:
		TEST_FAIL("No such step");
	}
}

static void life_set_x(int i, u64 val)
{
	one_reg(life.vcpu, KVM_SET_ONE_REG, ARM64_CORE_REG(regs.regs[i]),
		(u64)&val);
}

/* Set the call that the guest makes next. */
static void life_set_call(u64 fn, u64 arg1, u64 arg2, u64 arg3)
{
	u64 pc = SMCCC_CODE_GPA;

	one_reg(life.vcpu, KVM_SET_ONE_REG, ARM64_CORE_REG(regs.pc),
		(u64)&pc);
	life_set_x(0, fn);
	life_set_x(1, arg1);
	life_set_x(2, arg2);
	life_set_x(3, arg3);
	life_set_x(9, 0);
}

static void life_add_vcpu_off(void)
{
	struct kvm_vcpu_init init = life.init;

	init.features[0] |= BIT(KVM_ARM_VCPU_POWER_OFF);
	life.vcpu_off = ioctl(life.vm, KVM_CREATE_VCPU, 1);
	ioctl(life.vcpu_off, KVM_ARM_VCPU_INIT, &init);
}

void life_prepare(enum life_step step)
{
	if (step == LIFE_INIT) {
		life.init = (struct kvm_vcpu_init) {};
		ioctl(life.vm, KVM_ARM_PREFERRED_TARGET, &life.init);
		life.init.features[0] |= BIT(KVM_ARM_VCPU_PSCI_0_2);
	}
	/* Once there is a GIC it is too late for another vCPU. */
	if (step == LIFE_GIC)
		life_add_vcpu_off();
	if (step != LIFE_RUN)
		return;

	life.run = kvm_mmap(life.run_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			    life.vcpu);
	life_set_call(ARM_SMCCC_VERSION_FUNC_ID, 0, 0, 0);
}

void life_end(void)
{
	int *fds[] = { &life.gic, &life.vcpu_off, &life.vcpu, &life.vm };
	int i;

	if (life.run)
		kvm_munmap(life.run, life.run_size);
	life.run = NULL;
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

void life_advance_to(enum life_step step)
{
	int i, ret;

	life_end();
	for (i = LIFE_VM; i < step; i++) {
		life_prepare(i);
		ret = life_do(i);
		TEST_ASSERT(!ret, "%s: %s", life_name[i], strerror(ret));
	}
	life_prepare(step);
}

void __life_expect_good(int line, const struct fw_state *want, const char *when)
{
	u64 val, x0 = 0;
	int i, ret;

	for (i = 0; i < NR_FW_REGS; i++) {
		ret = one_reg(life.vcpu, KVM_GET_ONE_REG, fw_regs[i].id,
			      (u64)&val);
		__test_expect(line, !ret && val == want->val[i],
			      "%s: %s reads %#lx (%s), expected %#lx", when,
			      fw_regs[i].name, val, strerror(ret),
			      want->val[i]);
	}
	ret = one_reg(life.vcpu, KVM_GET_ONE_REG,
		      ARM64_CORE_REG(regs.regs[0]), (u64)&x0);
	__test_expect(line, !ret && x0 == ARM_SMCCC_VERSION_1_1,
		      "%s: the guest's SMCCC_VERSION returns %#lx", when, x0);
}

#define LIFE_CONTEXT_ID	0xc0de12345678UL

void __life_expect_cpu_on(int line, const char *when)
{
	u64 ids[] = { ARM64_CORE_REG(regs.pc), ARM64_CORE_REG(regs.regs[0]) };
	u64 entry = SMCCC_CODE_GPA + 4, x0 = ~0UL, begin[2] = {};
	struct kvm_mp_state state = { .mp_state = -1 };
	int i, ret;

	/* The PC is only moved past the store by the next KVM_RUN. */
	life.run->immediate_exit = true;
	ioctl(life.vcpu, KVM_RUN, NULL);
	life.run->immediate_exit = false;

	life_set_call(PSCI_0_2_FN64_CPU_ON, 1, entry, LIFE_CONTEXT_ID);
	ret = life_run();
	one_reg(life.vcpu, KVM_GET_ONE_REG, ARM64_CORE_REG(regs.regs[0]),
		(u64)&x0);
	__test_expect(line, !ret && !x0, "%s: CPU_ON returns %#lx (%s)", when,
		      x0, strerror(ret));

	ioctl(life.vcpu_off, KVM_GET_MP_STATE, &state);
	for (i = 0; i < 2; i++)
		one_reg(life.vcpu_off, KVM_GET_ONE_REG, ids[i], (u64)&begin[i]);
	__test_expect(line, state.mp_state == KVM_MP_STATE_RUNNABLE &&
		      begin[0] == entry && begin[1] == LIFE_CONTEXT_ID,
		      "%s: the vCPU that is turned on has state %u, begins at %#lx with x0 %#lx",
		      when, state.mp_state, begin[0], begin[1]);
}
