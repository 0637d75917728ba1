// SPDX-License-Identifier: GPL-2.0

//! The order of the steps in the kernel's sources is that of the model.
//!
//! The model shows the consequences of an order. These tests check that the kernel has this order:
//! they search each function below for the steps, one after the other.

use std::{
    fs,
    path::Path, //
};

use kvm_abi_model::{
    Step,
    Switch, //
};

/// A function, and the order of its reads and writes.
struct Order {
    file: &'static str,
    /// The beginning of the function's definition.
    function: &'static str,
    steps: &'static [&'static str],
}

const ORDERS: &[Order] = &[
    // `Switch::count()` reads the mode once.
    Order {
        file: "arch/arm64/kvm/rust/switch.c",
        function: "enum kvm_arm_abi_mode kvm_arm_abi_count(",
        steps: &[
            "READ_ONCE(mode)",
            "kvm_arm_abi_checking()",
            "READ_ONCE(counting)",
            "return now;",
        ],
    },
    // `Switch::server()`
    Order {
        file: "include/kvm/arm_abi.h",
        function: "kvm_arm_abi_set_fw_reg(",
        steps: &[
            "kvm_arm_abi_serve(",
            "kvm_arm_set_fw_reg(",
            "kvm_arm_rust_set_fw_reg(",
            "kvm_arm_slow_set_fw_reg(",
        ],
    },
    Order {
        file: "arch/arm64/kvm/rust/switch.c",
        function: "int kvm_arm_slow_set_fw_reg(",
        steps: &[
            "kvm_arm_abi_count(",
            "return kvm_arm_rust_traced_set_fw_reg(",
            "return kvm_arm_c_traced_set_fw_reg(",
        ],
    },
    // `Switch::set()`
    Order {
        file: "arch/arm64/kvm/rust/switch.c",
        function: "static ssize_t mode_write(",
        steps: &["guard(mutex)(&mode_lock)", "set_mode("],
    },
    Order {
        file: "arch/arm64/kvm/rust/switch.c",
        function: "static int count_set(",
        steps: &["guard(mutex)(&mode_lock)", "set_mode("],
    },
    // `check_get_psci_version()`
    Order {
        file: "arch/arm64/kvm/rust/check/fw_reg.rs",
        function: "fn get(vcpu: &Vcpu, id: u64)",
        steps: &[
            "let _config = vcpu.vm().lock_config();",
            "let before = Outcome::value(reg.get(vcpu))",
            "let c = c_get(",
            "let after = Outcome::value(reg.get(vcpu))",
            "stood_still &= before == after",
            "mismatch(",
        ],
    },
    // `judge_bitmap()`
    Order {
        file: "arch/arm64/kvm/rust/check/fw_reg.rs",
        function: "pub unsafe extern \"C\" fn kvm_arm_check_fw_reg_bmap(",
        steps: &[
            "copy_of(vcpu, &locked)",
            "set(old)",
            "write(&copy, reg, val)",
            "locked.bitmap(map)",
        ],
    },
    // `every_vcpu_sees_that_its_vm_opted_in()` in `psci_version.rs`
    Order {
        file: "rust/kvm_abi/src/enable_cap.rs",
        function: "pub fn enable<",
        steps: &[
            "vm.enable_call_sites(wanted)",
            "let locked = vm.lock_vcpus();",
            "admit(wanted, &locked.caps())",
            "locked.store(",
        ],
    },
    // `vm_config()`: what is written to userspace comes before the locks.
    Order {
        file: "arch/arm64/kvm/rust/opt_in/vm_config.rs",
        function: "fn serve(",
        steps: &[
            "request.read()?",
            "entry.answer(ConfigAnswer::ACCEPTED)",
            "request.write(&entries)?",
            "run(vm, op, flags, &mut entries)?",
        ],
    },
    Order {
        file: "arch/arm64/kvm/rust/opt_in/vm_config.rs",
        function: "fn run(",
        steps: &["ConfigWorkspace::new(", "op.run(", "LockedVm::lock(vm)?"],
    },
    // `LockedVm::lock()`
    Order {
        file: "rust/kernel/kvm/vm_config.rs",
        function: "pub fn lock(",
        steps: &["vm.lock_vcpus_too()", "AllVcpus(vm)", "vm.lock_config()"],
    },
    Order {
        file: "arch/arm64/kvm/rust/opt_in_state.c",
        function: "int kvm_arm_lock_all_vcpus(",
        steps: &[
            "mutex_lock(&kvm->lock)",
            "!kvm_is_vcpu_creation_in_progress(kvm)",
            "!kvm_trylock_all_vcpus(kvm)",
            "mutex_unlock(&kvm->lock)",
            "return -EBUSY",
        ],
    },
    // Its fields are dropped in this order.
    Order {
        file: "rust/kernel/kvm/vm_config.rs",
        function: "pub struct LockedVm<",
        steps: &["config: Guard<", "_vcpus: AllVcpus<"],
    },
    Order {
        file: "arch/arm64/kvm/rust/opt_in_state.c",
        function: "void kvm_arm_unlock_all_vcpus(",
        steps: &["kvm_unlock_all_vcpus(kvm)", "mutex_unlock(&kvm->lock)"],
    },
    // `LockedVm::snapshot()` and `commit()`, between which the lock is held
    Order {
        file: "rust/kvm_abi/src/vm_config/decide.rs",
        function: "pub fn run<",
        steps: &["vm.snapshot()", "workspace.decide(", "vm.commit("],
    },
    Order {
        file: "rust/kernel/kvm/vm_config.rs",
        function: "fn commit(",
        steps: &[
            "self.config.write_id_reg(",
            "self.config.store_bitmap(",
            "levels.commit(",
            "vm.store_psci_version(",
            "self.config.write_gic(",
        ],
    },
    // `Vcpu::start()`
    Order {
        file: "rust/kernel/kvm/smccc/power.rs",
        function: "fn start(",
        steps: &[
            "self.reset_state_field().set(",
            "self.request_reset()",
            "smp_mb(Write)",
            "KVM_MP_STATE_RUNNABLE",
        ],
    },
];

fn source(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let path = root.join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the text between the braces of a function.
fn body<'a>(source: &'a str, function: &str) -> Option<&'a str> {
    source.match_indices(function).find_map(|(at, _)| {
        let rest = &source[at..];
        let begin = rest.find(['{', ';'])?;
        let mut depth = 0;
        let end = rest[begin..].find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        })?;
        // A declaration has no body.
        (end > 0).then(|| &rest[begin..begin + end])
    })
}

fn without_comments(source: &str) -> String {
    source
        .lines()
        .filter(|line| {
            !["//", "/*", "* ", "*/"]
                .iter()
                .any(|c| line.trim_start().starts_with(c))
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the first step that does not come after the ones before it.
fn first_missing<'a>(mut text: &str, steps: &[&'a str]) -> Option<&'a str> {
    steps
        .iter()
        .copied()
        .find(|step| match text.split_once(step) {
            Some((_, rest)) => {
                text = rest;
                false
            }
            None => true,
        })
}

#[test]
fn kernel_has_the_order_of_the_model() {
    for order in ORDERS {
        let Order {
            file,
            function,
            steps,
        } = order;
        let source = without_comments(&source(file));
        let body = body(&source, function).unwrap_or_else(|| panic!("{file}: no {function}"));
        let missing = first_missing(body, steps);
        assert_eq!(
            missing, None,
            "{file}: {function}: not in the model's order"
        );
    }
}

#[test]
fn mode_and_keys_are_set_in_the_order_of_the_model() {
    let source = without_comments(&source("arch/arm64/kvm/rust/switch.c"));
    let body = body(&source, "static void set_mode(").expect("there is set_mode()");
    let names = |step| match step {
        Step::Fence => "smp_mb();",
        Step::Mode => "WRITE_ONCE(mode,",
        Step::Counting => "WRITE_ONCE(counting,",
        Step::CheckKey => "set_key(&kvm_arm_abi_check_key.",
        Step::RustKey => "set_key(&kvm_arm_abi_rust_key.",
        Step::Key => "set_key(&kvm_arm_abi_key.",
    };
    let steps = Switch::ORDER.map(names);
    assert_eq!(
        first_missing(body, &steps),
        None,
        "not in the model's order"
    );
    // The other stores note that the mode was changed, and are to the key of hypercalls without an
    // exit: a call that finds it on asks for no other key and is not counted.
    let stores: usize = ["WRITE_ONCE(", "set_key(", "smp_"]
        .map(|store| body.matches(store).count())
        .iter()
        .sum();
    let others = [
        "WRITE_ONCE(switched, true)",
        "set_key(&kvm_arm_abi_fast_key.",
    ];
    for other in others {
        assert_eq!(body.matches(other).count(), 1, "{other}");
    }
    assert_eq!(stores, steps.len() + others.len());
}

#[test]
fn doors_ask_the_keys_in_the_order_of_the_model() {
    // A macro has no braces.
    let header = source("include/kvm/arm_abi.h");
    let (_, door) = header
        .split_once("#define kvm_arm_abi_serve(")
        .expect("there is a door");
    let steps = [
        "!kvm_arm_abi_on() ? (c)",
        "kvm_arm_abi_rust_alone() ? (rust)",
        ": (slow)",
    ];
    assert_eq!(first_missing(door, &steps), None);
}

#[test]
fn mode_is_read_once_to_count_and_to_choose() {
    let source = without_comments(&source("arch/arm64/kvm/rust/switch.c"));
    let body = body(&source, "enum kvm_arm_abi_mode kvm_arm_abi_count(")
        .expect("there is kvm_arm_abi_count()");
    assert_eq!(body.matches("READ_ONCE(mode)").count(), 1);
}

#[test]
fn another_order_is_found() {
    let source = "int f(void);\n/* a; b */\nint f(void)\n{\n\tif (a) {\n\t\tb;\n\t}\n\tc;\n}\nd;\n";
    let body = body(source, "int f(").expect("there is a definition");
    assert_eq!(first_missing(body, &["a", "b", "c"]), None);
    assert_eq!(first_missing(body, &["b", "a"]), Some("a"));
    assert_eq!(first_missing(body, &["c", "d"]), Some("d"));
    assert_eq!(first_missing(body, &["b", "b"]), Some("b"));
}
