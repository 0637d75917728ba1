/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All registers that KVM_GET_REG_LIST has for a vCPU, with their values:
 * reading them, and comparing them with those of another vCPU.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_REG_IMAGE_H
#define SELFTEST_KVM_ARM64_ABI_REG_IMAGE_H

#include "kvm_util.h"
#include "processor.h"

/* The size of the largest register, an SVE Z register */
#define IMAGE_REG_WORDS	(2048 / 64)

#define IMAGE_SYS_REG(r)	KVM_ARM64_SYS_REG(SYS_ ## r)

/* Bits of CNTV_CTL_EL0 and CNTP_CTL_EL0 */
#define IMAGE_CTL_ENABLE_IMASK	(BIT(0) | BIT(1))
#define IMAGE_CTL_ISTATUS		BIT(2)

struct image_reg {
	u64 id;
	u64 val[IMAGE_REG_WORDS];
	/* For counters: the host's counter before and after the access */
	u64 before, after;
};

struct reg_image {
	int n;
	struct image_reg *reg;
};

const char *image_context(void);
void image_set_context(const char *context);
bool image_is_counter(u64 id);
u64 image_host_counter(void);

/* Access a register of any size. Returns 0 or the positive errno. */
int image_access_reg(struct kvm_vcpu *vcpu, unsigned long cmd,
		     struct image_reg *r);

struct reg_image image_read(struct kvm_vcpu *vcpu);
struct image_reg *image_find(const struct reg_image *img, u64 id);

/* The same registers in the same order, with the same values. */
void image_expect(struct kvm_vcpu *vcpu, const struct reg_image *want,
		  bool has_run, const char *when);

/* The number of an ID register, as in id_reg.h, or -1 */
int image_id_reg_nr(u64 id);

bool image_is_fw_reg(u64 id);

/* All ID registers are VM-wide, except two that belong to the vCPU. */
bool image_is_vm_wide(u64 id);

/* All vCPUs have the same VM-wide registers. */
void image_expect_vm_wide(const struct reg_image *img,
			  const struct reg_image *img_other);

/* No run changes any other VM-wide register. */
void image_expect_vm_wide_kept(const struct reg_image *before,
			       const struct reg_image *after);

#endif /* SELFTEST_KVM_ARM64_ABI_REG_IMAGE_H */
