/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * VMs with a GICv3 that move between hosts whose GICs differ.
 */
#ifndef SELFTEST_KVM_ARM64_ABI_MATRIX_GIC_H
#define SELFTEST_KVM_ARM64_ABI_MATRIX_GIC_H

#include "kvm_util.h"

#define NR_GIC_ROWS	5

extern const char * const gic_rows[NR_GIC_ROWS];

/*
 * Move a VM of a host to a VM of this one, which has opted in to fields of its own or
 * not, and whose guest has run before or not. Writes the result to @cell.
 */
void gic_move(int row, bool opted_in, bool has_run, char *cell, size_t size);

#endif /* SELFTEST_KVM_ARM64_ABI_MATRIX_GIC_H */
