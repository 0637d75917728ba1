// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMs with a GICv3 that move between hosts whose GICs differ
 *
 * The test has one host: the source is what userspace has read on another one. This
 * host is another one with each value of the parameter kvm-arm.debug_icc_ctlr.
 */
#include <errno.h>

#include "abi/cases.h"
#include "abi/gic_fields.h"
#include "abi/vm_config.h"
#include "gic.h"
#include "migrant.h"

const char * const gic_rows[NR_GIC_ROWS] = {
	"GICv3: 5 bits of priority, INTIDs of 16",
	"GICv3: 5 bits, INTIDs of 24, A3V",
	"GICv3: 5 bits, INTIDs of 24, A3V, SEIS",
	"GICv3: 7 bits, INTIDs of 16, A3V, SEIS",
	"GICv3: 7 bits, INTIDs of 24, A3V",
};

/* What userspace of the source has read: ICC_CTLR_EL1, of the VM and of its vCPU */
static const u64 sources[NR_GIC_ROWS] = { 0x0400, 0x8c00, 0xcc00, 0xc600, 0x8e00 };

/* A number of a field, of which the host has at least as much */
static bool is_within(u64 field, u64 val, u64 host)
{
	return (val & field) <= (host & field);
}

/* What C accepts of a vCPU, whatever its guest reads */
static bool c_accepts(u64 val, u64 host)
{
	u64 equal = GIC_CTLR_SEIS | GIC_CTLR_A3V;

	return is_within(GIC_CTLR_PRI_BITS, val, host) &&
	       is_within(GIC_CTLR_ID_BITS, val, host) && (val & equal) == (host & equal);
}

/* What a VM with fields of its own can have */
static bool can_have(u64 val, u64 host)
{
	return is_within(GIC_CTLR_PRI_BITS, val, host) &&
	       is_within(GIC_CTLR_ID_BITS, val, host) &&
	       is_within(GIC_CTLR_A3V, val, host);
}

static int restore(struct gic_vm *g, u64 val, bool opted_in, int want)
{
	struct config set = {};
	int err;

	if (opted_in) {
		config_add(&set, GIC_CONFIG_CTLR, val);
		config_expect(g->vm->fd, 0, &set, want ? ERANGE : 0);
		err = -set.entry[0].err;
		test_expect(err == want, "the VM: %s, expected %s", errno_name(err),
			    errno_name(want));
		/* Without this, the vCPU's is refused as well. */
		want = want ? EINVAL : 0;
	}
	val |= GIC_CTLR_EOI_MODE;
	err = gic_access(g, KVM_SET_DEVICE_ATTR, 0, GIC_CTLR, &val);
	test_expect(err == want, "the vCPU: %s, expected %s", errno_name(err),
		    errno_name(want));
	return opted_in ? -set.entry[0].err : err;
}

void gic_move(int row, bool opted_in, bool has_run, char *cell, size_t size)
{
	u64 val = sources[row], hardware, host, seen, before;
	int want, err;
	struct gic_vm g;

	snprintf(cell, size, "(skipped)");
	if (opted_in ? !gic_fields_possible(false) : !gic_vm_possible(false))
		return;
	hardware = gic_fields_of_hardware();
	g = gic_fields_vm_create(opted_in ? KVM_ARM_MIGRATION_GIC_FIELDS : 0, 1, false,
				 gic_fields_guest_code);
	host = gic_get(&g, 0, GIC_CTLR) & GIC_FIELDS;
	before = opted_in ? host : hardware;
	if (has_run)
		gic_fields_guest_read(&g, NULL);

	if (!opted_in)
		want = c_accepts(val, host) ? 0 : EINVAL;
	else if (!can_have(val, host))
		want = EINVAL;
	else
		want = has_run && val != host ? EBUSY : 0;

	err = restore(&g, val, opted_in, want);
	seen = gic_fields_guest_read(&g, NULL);
	if (!err)
		test_expect(seen & GIC_CTLR_EOI_MODE, "EOImode is lost");
	seen &= GIC_FIELDS;
	before = opted_in && !err ? val : before;
	test_expect(seen == before, "the guest reads %#lx, expected %#lx", seen, before);
	if (err)
		snprintf(cell, size, "ICC_CTLR %s", errno_name(err));
	else
		snprintf(cell, size, seen == val ? "ok" : "ok, reads %#lx", seen);
	gic_vm_free(&g);
}
