// SPDX-License-Identifier: GPL-2.0-only
/* All registers of a vCPU */
#include "abi/cases.h"
#include "abi/id_reg.h"
#include "abi/one_reg.h"
#include "abi/reg_image.h"
#include "processor.h"

/* What is moved, and how; for messages */
static const char *image_context_now = "";

const char *image_context(void)
{
	return image_context_now;
}

void image_set_context(const char *context)
{
	image_context_now = context;
}

bool image_is_counter(u64 id)
{
	return id == KVM_REG_ARM_TIMER_CNT || id == KVM_REG_ARM_PTIMER_CNT;
}

u64 image_host_counter(void)
{
	u64 now;

	isb();
	now = read_sysreg(cntvct_el0);
	isb();
	return now;
}

int image_access_reg(struct kvm_vcpu *vcpu, unsigned long cmd,
		     struct image_reg *r)
{
	int ret;

	r->before = image_is_counter(r->id) ? image_host_counter() : 0;
	ret = one_reg(vcpu->fd, cmd, r->id, (u64)r->val);
	r->after = image_is_counter(r->id) ? image_host_counter() : 0;
	return ret;
}

struct reg_image image_read(struct kvm_vcpu *vcpu)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	struct reg_image img = { .n = list->n };
	int i, ret;

	img.reg = calloc(img.n, sizeof(*img.reg));
	TEST_ASSERT(img.reg, "Out of memory");
	for (i = 0; i < img.n; i++) {
		img.reg[i].id = list->reg[i];
		ret = image_access_reg(vcpu, KVM_GET_ONE_REG, &img.reg[i]);
		test_expect(!ret, "%s: %#lx is listed, but reads %s",
			    image_context(), img.reg[i].id, strerror(ret));
	}
	free(list);
	return img;
}

struct image_reg *image_find(const struct reg_image *img, u64 id)
{
	int i;

	for (i = 0; i < img->n; i++) {
		if (img->reg[i].id == id)
			return &img->reg[i];
	}

	return NULL;
}

/*
 * Bits that may read differently after a write, until the vCPU has run.
 * Counters are checked separately: they go on by the time that passes.
 */
static const struct {
	u64 id;
	u64 bits;
} not_restored[] = {
	/* Derived from counter and comparator, so KVM ignores it in a write */
	{ IMAGE_SYS_REG(CNTV_CTL_EL0), IMAGE_CTL_ISTATUS },
};

static u64 bits_not_restored(u64 id)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(not_restored); i++) {
		if (not_restored[i].id == id)
			return not_restored[i].bits;
	}

	return 0;
}

static void expect_counter(const struct image_reg *now,
			   const struct image_reg *then, const char *when)
{
	u64 passed = now->val[0] - then->val[0];
	u64 least = now->before - then->after;
	u64 most = now->after - then->before;

	test_expect(passed >= least && passed <= most,
		    "%s, %s: %#lx went on by %lu, expected %lu to %lu",
		    image_context(), when, now->id, passed, least, most);
}

void image_expect(struct kvm_vcpu *vcpu, const struct reg_image *want,
		  bool has_run, const char *when)
{
	struct reg_image now = image_read(vcpu);
	const struct image_reg *r, *w;
	u64 ignore;
	int i;

	test_expect(now.n == want->n, "%s, %s: %d registers, expected %d",
		    image_context(), when, now.n, want->n);

	for (i = 0; i < min(now.n, want->n); i++) {
		r = &now.reg[i];
		w = &want->reg[i];
		test_expect(r->id == w->id, "%s, %s: %#lx in place of %#lx",
			    image_context(), when, r->id, w->id);
		if (r->id != w->id)
			break;

		if (image_is_counter(r->id)) {
			expect_counter(r, w, when);
			continue;
		}

		ignore = has_run ? 0 : bits_not_restored(r->id);
		test_expect(!((r->val[0] ^ w->val[0]) & ~ignore) &&
			    !memcmp(r->val + 1, w->val + 1,
				    sizeof(r->val) - sizeof(r->val[0])),
			    "%s, %s: vCPU %u: %#lx reads %#lx, expected %#lx",
			    image_context(), when, vcpu->id, r->id, r->val[0],
			    w->val[0]);
	}

	free(now.reg);
}

int image_id_reg_nr(u64 id)
{
	int nr;

	for (nr = 0; nr < NR_ID_REGS && id_reg(nr) != id; nr++)
		;

	return nr < NR_ID_REGS ? nr : -1;
}

bool image_is_fw_reg(u64 id)
{
	u64 coproc = id & KVM_REG_ARM_COPROC_MASK;

	return coproc == KVM_REG_ARM_FW || coproc == KVM_REG_ARM_FW_FEAT_BMAP;
}

bool image_is_vm_wide(u64 id)
{
	return image_is_fw_reg(id) ||
	       (image_id_reg_nr(id) >= 0 && id != IMAGE_SYS_REG(MPIDR_EL1) &&
		id != IMAGE_SYS_REG(CLIDR_EL1));
}

void image_expect_vm_wide(const struct reg_image *img,
			  const struct reg_image *img_other)
{
	const struct image_reg *r, *other;
	int i;

	for (i = 0; i < img->n; i++) {
		r = &img->reg[i];
		if (!image_is_vm_wide(r->id))
			continue;

		other = image_find(img_other, r->id);
		test_expect(other && other->val[0] == r->val[0],
			    "%s: %#lx differs among vCPUs", image_context(),
			    r->id);
	}
}

/* The first run of a VM without a GIC clears these fields. */
static const struct {
	u64 id;
	u64 gic;
} gic_fields[] = {
	{ IMAGE_SYS_REG(ID_AA64PFR0_EL1), ID_AA64PFR0_EL1_GIC },
	{ IMAGE_SYS_REG(ID_AA64PFR2_EL1), ID_AA64PFR2_EL1_GCIE },
	{ IMAGE_SYS_REG(ID_PFR1_EL1), ID_PFR1_EL1_GIC },
};

void image_expect_vm_wide_kept(const struct reg_image *before,
			       const struct reg_image *after)
{
	const struct image_reg *b, *a;
	u64 want;
	int i, j;

	for (i = 0; i < before->n; i++) {
		b = &before->reg[i];
		if (!image_is_vm_wide(b->id))
			continue;

		want = b->val[0];
		for (j = 0; j < ARRAY_SIZE(gic_fields); j++) {
			if (b->id == gic_fields[j].id)
				want &= ~gic_fields[j].gic;
		}

		a = image_find(after, b->id);
		test_expect(a && a->val[0] == want,
			    "%s: %#lx is not %#lx any more", image_context(),
			    b->id, want);
	}
}
