/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the KVM/arm64 surfaces that exist in C and in Rust.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_arm64_rust

#if !defined(_TRACE_KVM_ARM64_RUST_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_KVM_ARM64_RUST_H

#include <linux/tracepoint.h>

#ifndef _TRACE_KVM_ARM64_RUST_WATCH
#define _TRACE_KVM_ARM64_RUST_WATCH
/* While a tracepoint is enabled, the C code takes its watched path. */
int kvm_arm_abi_watch(void);
void kvm_arm_abi_unwatch(void);
#endif

#define kvm_arm64_show_side(rust)	((rust) ? "rust" : "c")

/* A read of a firmware register; val is 0 if it is refused. */
TRACE_EVENT_FN(kvm_arm64_get_fw_reg,
	TP_PROTO(int vcpu_id, u64 id, u64 val, int ret, bool rust),
	TP_ARGS(vcpu_id, id, val, ret, rust),

	TP_STRUCT__entry(
		__field(int, vcpu_id)
		__field(u64, id)
		__field(u64, val)
		__field(int, ret)
		__field(bool, rust)
	),

	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->id = id;
		__entry->val = val;
		__entry->ret = ret;
		__entry->rust = rust;
	),

	TP_printk("vcpu %d id 0x%llx val 0x%llx ret %d side %s",
		  __entry->vcpu_id, __entry->id, __entry->val, __entry->ret,
		  kvm_arm64_show_side(__entry->rust)),

	kvm_arm_abi_watch, kvm_arm_abi_unwatch
);

/* A write of a firmware register: old is the value before, val the new one. */
TRACE_EVENT_FN(kvm_arm64_set_fw_reg,
	TP_PROTO(int vcpu_id, u64 id, u64 old, u64 val, int ret, bool rust),
	TP_ARGS(vcpu_id, id, old, val, ret, rust),

	TP_STRUCT__entry(
		__field(int, vcpu_id)
		__field(u64, id)
		__field(u64, old)
		__field(u64, val)
		__field(int, ret)
		__field(bool, rust)
	),

	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->id = id;
		__entry->old = old;
		__entry->val = val;
		__entry->ret = ret;
		__entry->rust = rust;
	),

	TP_printk("vcpu %d id 0x%llx old 0x%llx val 0x%llx ret %d side %s",
		  __entry->vcpu_id, __entry->id, __entry->old, __entry->val,
		  __entry->ret, kvm_arm64_show_side(__entry->rust)),

	kvm_arm_abi_watch, kvm_arm_abi_unwatch
);

/* C and Rust differ; id is the id of the register, or 0. */
TRACE_EVENT(kvm_arm64_abi_mismatch,
	TP_PROTO(const char *surface, u64 id, int c_ret, u64 c_val,
		 int rust_ret, u64 rust_val),
	TP_ARGS(surface, id, c_ret, c_val, rust_ret, rust_val),

	TP_STRUCT__entry(
		__string(surface, surface)
		__field(u64, id)
		__field(int, c_ret)
		__field(u64, c_val)
		__field(int, rust_ret)
		__field(u64, rust_val)
	),

	TP_fast_assign(
		__assign_str(surface);
		__entry->id = id;
		__entry->c_ret = c_ret;
		__entry->c_val = c_val;
		__entry->rust_ret = rust_ret;
		__entry->rust_val = rust_val;
	),

	TP_printk("%s id 0x%llx c ret %d val 0x%llx rust ret %d val 0x%llx",
		  __get_str(surface), __entry->id, __entry->c_ret,
		  __entry->c_val, __entry->rust_ret, __entry->rust_val)
);

#endif /* _TRACE_KVM_ARM64_RUST_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
