// SPDX-License-Identifier: GPL-2.0-only
/* Writes that race with first runs */
#include <linux/arm-smccc.h>
#include <linux/psci.h>

#include "abi/fw_guest.h"
#include "abi/fw_reg.h"
#include "abi/smccc_call.h"
#include "abi/smccc_filter.h"
#include "abi/smccc_guest.h"
#include "first_run.h"
#include "thread.h"
#include "vm.h"

#define NR_RUNNERS	2
/* The other vCPUs never run, so access to them does not wait. */
#define NR_WRITERS	2
#define FIRST_RUN_VCPUS	(NR_RUNNERS + NR_WRITERS)

/* The maximum number of ranges of a filter, of one function each */
#define NR_FILTERED	64

struct first_run {
	struct stress_vm *v;
	struct stress_writer writers[NR_WRITERS];
	pthread_barrier_t barrier;
	int nr_filtered;
};

/* ---- The guest's calls ---- */

struct first_call {
	u32 fn;
	u32 arg;
};

static const struct first_call first_calls[] = {
	{ ARM_SMCCC_VENDOR_HYP_KVM_FEATURES_FUNC_ID },
	{ ARM_SMCCC_TRNG_VERSION },
	{ ARM_SMCCC_ARCH_FEATURES_FUNC_ID, ARM_SMCCC_HV_PV_TIME_FEATURES },
	{ PSCI_0_2_FN_PSCI_VERSION },
};

#define NR_FIRST_CALLS	ARRAY_SIZE(first_calls)

struct first_runner {
	struct first_run *r;
	struct kvm_vcpu *vcpu;
	/* The first x0-x3 of each call */
	struct fw_regs4 answer[NR_FIRST_CALLS];
};

/* The expected answer of a VM with the values @held; not if they may change. */
static struct fw_regs4 first_call_answer(const u64 *held, bool psci_0_2, int nr)
{
	struct fw_regs4 refused = { { SMCCC_RET_NOT_SUPPORTED } };

	switch (nr) {
	case 0:
		if (!(held[FW_VENDOR_HYP] & BIT(0)))
			return refused;
		return (struct fw_regs4) { { held[FW_VENDOR_HYP], 0,
					     held[FW_VENDOR_HYP_2] } };
	case 1:
		if (!(held[FW_STD] & BIT(0)))
			return refused;
		return (struct fw_regs4) { { 0x10000 } };
	case 2:
		if (!(held[FW_STD_HYP] & BIT(0)))
			return refused;
		return (struct fw_regs4) { { SMCCC_RET_SUCCESS } };
	default:
		if (!psci_0_2)
			return refused;
		return (struct fw_regs4) { { held[FW_PSCI_VERSION] } };
	}
}

static struct smccc_call first_call(struct kvm_vcpu *vcpu, u32 fn, u32 arg)
{
	return (struct smccc_call) {
		.vcpu = vcpu,
		.insn = stress_one_in(2) ? SMCCC_HVC : SMCCC_SMC,
		.in = { fn, arg, FW_POISON, FW_POISON },
	};
}

static void first_call_run(struct stress_vm *v, struct smccc_call *c)
{
	stress_step();
	smccc_call_start(c);
	stress_set_flag(&v->started);
	smccc_call_run(c);
	TEST_ASSERT(!c->err && c->pc == 4 &&
		    (c->exit == KVM_EXIT_MMIO || c->exit == KVM_EXIT_HYPERCALL),
		    "call %#lx: exit %u, error %d, PC advanced by %ld",
		    c->in[0], c->exit, c->err, c->pc);
	stress_set_flag(&v->ran);
}

static void first_runner_run(void *arg)
{
	struct first_runner *f = arg;
	struct stress_vm *v = f->r->v;
	int i, first = stress_random(NR_FIRST_CALLS);
	struct smccc_call c;

	pthread_barrier_wait(&f->r->barrier);
	usleep(stress_random(1000));

	for (i = 0; i < 2 * NR_FIRST_CALLS; i++) {
		int nr = (first + i) % NR_FIRST_CALLS;
		struct fw_regs4 *answer = &f->answer[nr];

		c = first_call(f->vcpu, first_calls[nr].fn, first_calls[nr].arg);
		first_call_run(v, &c);
		TEST_ASSERT_EQ(c.exit, KVM_EXIT_MMIO);
		if (i < NR_FIRST_CALLS)
			memcpy(answer, c.x, sizeof(*answer));
		else if (first_calls[nr].fn != PSCI_0_2_FN_PSCI_VERSION)
			TEST_ASSERT(!memcmp(answer, c.x, sizeof(*answer)),
				    "call %#lx: %lx %lx %lx, and then %lx %lx %lx",
				    c.in[0], answer->x[0], answer->x[1],
				    answer->x[2], c.x[0], c.x[1], c.x[2]);
	}
}

/* ---- What userspace does meanwhile ---- */

static void first_writer_run(void *arg)
{
	struct stress_writer *w = arg;
	int i;

	while (!stress_get_flag(&w->v->stop)) {
		/* Then let the others use the CPU for a while. */
		for (i = 0; i < 8; i++)
			stress_access(w);
		stress_look(w->v, w->vcpu);
		usleep(stress_random(200));
	}
}

static void first_filter_run(void *arg)
{
	struct first_run *r = arg;
	bool ran = false, busy = false;
	int i, ret;

	pthread_barrier_wait(&r->barrier);
	for (i = 0; i < NR_FILTERED && (!ran || !busy); i++) {
		stress_step();
		ran = stress_get_flag(&r->v->ran);
		ret = smccc_set_filter(r->v->vm, FILTER_FREE + i, 1,
				       FILTER_FWD);
		if (!ret) {
			TEST_ASSERT(!ran && !busy,
				    "A VM that has run accepts a filter");
			r->nr_filtered++;
		} else {
			TEST_ASSERT(ret == EBUSY &&
				    stress_get_flag(&r->v->started),
				    "filter: %s", strerror(ret));
			busy = true;
		}
		usleep(stress_random(50));
	}

	if (busy && r->nr_filtered)
		stress_saw(filter_cut);
}

/* ---- The results ---- */

static void first_expect_answers(struct first_runner *f)
{
	struct stress_vm *v = f->r->v;
	struct fw_regs4 want, *r;
	int i;

	for (i = 0; i < NR_FIRST_CALLS; i++) {
		r = &f->answer[i];
		want = first_call_answer(v->held, v->psci_0_2, i);
		if (i == NR_FIRST_CALLS - 1 && v->psci_0_2 &&
		    !stress_freezes(&f->r->writers[0], FW_PSCI_VERSION)) {
			TEST_ASSERT(fw_is_psci_version(r->x[0]),
				    "PSCI_VERSION returns %#lx", r->x[0]);
			want.x[0] = r->x[0];
		}
		TEST_ASSERT(!memcmp(r, &want, sizeof(want)),
			    "call %#x: the guest gets %lx %lx %lx, the registers say %lx %lx %lx",
			    first_calls[i].fn, r->x[0], r->x[1], r->x[2],
			    want.x[0], want.x[1], want.x[2]);
	}
}

/* The last range that was accepted is in force, and the next one is not. */
static void first_expect_filter(struct first_run *r)
{
	struct kvm_vcpu *vcpu = r->v->vcpus[0];
	struct smccc_call c;

	c = first_call(vcpu, FILTER_FREE + r->nr_filtered, 0);
	first_call_run(r->v, &c);
	TEST_ASSERT(c.exit == KVM_EXIT_MMIO && c.x[0] == SMCCC_RET_NOT_SUPPORTED,
		    "A range that was refused is in force: exit %u", c.exit);
	if (!r->nr_filtered)
		return;

	c = first_call(vcpu, FILTER_FREE + r->nr_filtered - 1, 0);
	first_call_run(r->v, &c);
	TEST_ASSERT(c.exit == KVM_EXIT_HYPERCALL,
		    "A range that was accepted is not in force: exit %u", c.exit);
}

void stress_first_run(void)
{
	struct stress_thread *threads[NR_RUNNERS + NR_WRITERS + 1];
	struct first_runner runners[NR_RUNNERS];
	struct first_run r = {};
	int i, nr = 0;
	u32 owned;

	r.v = stress_vm_create(FIRST_RUN_VCPUS, 0);
	pthread_barrier_init(&r.barrier, NULL, NR_RUNNERS + 1);

	/* The first writer owns the version, and each bitmap has one owner. */
	owned = (stress_random(1 << NR_FW_REGS) & STRESS_BMAPS) |
		BIT(FW_PSCI_VERSION);
	for (i = 0; i < NR_WRITERS; i++) {
		r.writers[i] = stress_writer(r.v, r.v->vcpus[NR_RUNNERS + i],
					     i ? GENMASK(NR_FW_REGS - 1, 0) & ~owned :
						 owned);
		threads[nr++] = stress_start("writer", stress_random(~0U),
					     first_writer_run, &r.writers[i]);
	}
	threads[nr++] = stress_start("filter", stress_random(~0U),
				     first_filter_run, &r);
	for (i = 0; i < NR_RUNNERS; i++) {
		runners[i] = (struct first_runner) { &r, r.v->vcpus[i] };
		threads[nr++] = stress_start("first run", stress_random(~0U),
					     first_runner_run, &runners[i]);
	}

	for (i = NR_WRITERS; i < nr; i++) {
		stress_step();
		stress_join(threads[i]);
	}
	stress_set_flag(&r.v->stop);
	for (i = 0; i < NR_WRITERS; i++) {
		stress_step();
		stress_join(threads[i]);
	}

	stress_saw(frozen);
	stress_expect_frozen(r.v);
	for (i = 0; i < NR_RUNNERS; i++)
		first_expect_answers(&runners[i]);
	first_expect_filter(&r);

	pthread_barrier_destroy(&r.barrier);
	stress_vm_free(r.v);
}
