/* SPDX-License-Identifier: GPL-2.0-only */
/* abi_fuzz's requests about the filter of hypercalls */
#ifndef SELFTEST_KVM_ARM64_ABI_FUZZ_FILTER_H
#define SELFTEST_KVM_ARM64_ABI_FUZZ_FILTER_H

#include "episode.h"

/* A range that is accepted is added to the list; a refusal changes nothing. */
void fuzz_set_filter(struct fuzz *f, struct fuzz_vm *vm);

/* The list, read to any address: it is the filter, and reading it changes nothing. */
void fuzz_get_filter(struct fuzz *f, struct fuzz_vm *vm);

#endif /* SELFTEST_KVM_ARM64_ABI_FUZZ_FILTER_H */
