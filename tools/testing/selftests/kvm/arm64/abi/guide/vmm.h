/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small VMM that saves and restores VMs. It is the example of
 * Documentation/virt/kvm/arm/rust-opt-in-migration.rst, and uses nothing but the
 * headers of the kernel and the C library. migration_guide runs it.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_GUIDE_VMM_H
#define SELFTEST_KVM_ARM64_ABI_GUIDE_VMM_H

/* ---- What is saved ---- */

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include <asm/kvm_migration.h>
#include <linux/kvm.h>

#define MAX_VCPUS	2
#define MAX_REGS	512
#define MAX_FILTERS	8
#define MAX_CONFIG	128

#define GICD_IIDR	0x08
#define GICC_PMR	0x04

/* What is the same on both ends, from the machine type: no stream changes it. */
struct machine {
	uint32_t opt_in;		/* KVM_ARM_MIGRATION_... */
	bool imp_id_regs;		/* KVM_CAP_ARM_WRITABLE_IMP_ID_REGS */
	uint32_t gic;			/* KVM_DEV_TYPE_ARM_VGIC_V2 or _V3 */
	uint32_t nr_vcpus;
	struct kvm_vcpu_init init;	/* the features of its vCPUs */
	/* Of a saved VM with KVM_ARM_MIGRATION_FILTER_LIST, what it had */
	uint32_t nr_filters;
	struct kvm_smccc_filter filter[MAX_FILTERS];
};

struct reg {
	uint64_t id;
	union {
		uint64_t val;
		uint8_t bytes[256];	/* registers of SVE */
	};
};

struct saved_vcpu {
	struct kvm_mp_state mp_state;
	uint32_t gicc_pmr;
	uint32_t nr;
	struct reg reg[MAX_REGS];
};

struct saved {
	struct machine machine;
	uint32_t gicd_iidr;
	uint32_t pmr_group;		/* which says what form GICC_PMR has */
	struct saved_vcpu vcpu[MAX_VCPUS];
	/* ... the rest of the interrupt controller, and memory */
};

struct vm {
	int fd;
	int gic_fd;
	int vcpu_fd[MAX_VCPUS];
};

/* ---- Functions ---- */

/* All return 0, or -1 after a message. @lengths: those of SVE's vectors, or NULL */
int vmm_make(int kvm_fd, const struct machine *m, const struct reg *lengths,
	     struct vm *vm);
int vmm_save(const struct vm *vm, const struct machine *m, struct saved *s);
int vmm_restore(int kvm_fd, const struct machine *m, const struct saved *s,
		struct vm *vm);
void vmm_close(struct vm *vm);

int vmm_check(int kvm_fd, const struct machine *m, const struct saved *s);

int vmm_available(int kvm_fd);
int vmm_opted_in(int vm_fd);
int choose_psci_1_1(int vm_fd);
int services(int vm_fd, uint64_t id, uint64_t *mask);
int vmm_icc_ctlr(const struct vm *vm, uint64_t *ctlr);
bool levels_fit(uint64_t saved, uint64_t host);
bool icc_ctlr_fits(uint64_t saved, uint64_t host);

int vmm_get_reg(int fd, struct reg *reg);
int vmm_set_reg(int fd, const struct reg *reg);
int gic_attr(int gic_fd, unsigned long request, uint32_t group, uint64_t attr,
	     void *val);
uint32_t pmr_group(const struct vm *vm, const struct machine *m);
int gicc_pmr(const struct vm *vm, uint32_t group, unsigned long request,
	     uint32_t vcpu, uint32_t *pmr);
uint32_t reg_size(uint64_t id);

#endif /* SELFTEST_KVM_ARM64_ABI_GUIDE_VMM_H */
