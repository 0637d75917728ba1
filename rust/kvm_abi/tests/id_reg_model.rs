// SPDX-License-Identifier: GPL-2.0

//! Writes to the ID registers that all vCPUs share, compared with a model of C.
//!
//! The model restates the `set_id_*()` functions of `arch/arm64/kvm/sys_regs.c` in the steps and
//! errnos of C, and takes fields out of registers by their hexadecimal digit.

mod id_regs;

use id_regs::{
    aa64dfr0,
    ctr,
    dfr0,
    isar0,
    midr,
    mmfr0,
    mmfr2,
    pfr0,
    pfr1,
    Register,
    State, //
};
use kvm_abi::{
    FeatureRegister,
    IdReg,
    IdVisibility,
    RanOnce,
    Reject, //
};
use proptest::prelude::*;

// The model: errnos as in C.
const EINVAL: i32 = 22;
const EBUSY: i32 = 16;
const E2BIG: i32 = 7;

fn errno(reject: Reject) -> i32 {
    match reject {
        Reject::InvalidValue => EINVAL,
        Reject::UnsafeValue => E2BIG,
        Reject::Frozen => EBUSY,
        _ => panic!("{reject:?}"),
    }
}

/// `SYS_FIELD_GET()` of a field of four bits, by its hexadecimal digit.
fn get(digit: usize, register: u64) -> u32 {
    let text = format!("{register:016x}");
    text.chars().rev().nth(digit).unwrap().to_digit(16).unwrap()
}

/// The register with another hexadecimal digit.
fn put(digit: usize, register: u64, value: u32) -> u64 {
    let mut text: Vec<_> = format!("{register:016x}").chars().collect();
    text[15 - digit] = char::from_digit(value, 16).unwrap();
    u64::from_str_radix(&text.iter().collect::<String>(), 16).unwrap()
}

/// `set_id_reg()`.
fn c_set_id_reg(state: &State, val: u64) -> Result<u64, i32> {
    if state.ran == RanOnce::Yes {
        return if val != state.current {
            Err(EBUSY)
        } else {
            Ok(val)
        };
    }
    let register = match state.visibility {
        IdVisibility::Shown => FeatureRegister::Limited {
            limit: state.limit,
            writable: state.writable,
        },
        _ => FeatureRegister::Raz,
    };
    // The fields have an oracle of their own, in tests/id_reg.rs.
    let decided = register.decide(val, || state.fields.clone());
    decided.map(|()| val).map_err(errno)
}

/// `set_id_*()` and `set_imp_id_reg()`.
fn c_set(rule: IdReg, state: &State, val: u64) -> Result<u64, i32> {
    let hw_val = state.host;
    let mut user_val = val;
    if state.visibility == IdVisibility::RazIgnored {
        return Ok(state.current);
    }
    match rule {
        IdReg::Aa64Pfr0 => {
            if get(10, hw_val) == get(10, user_val) {
                user_val = put(10, user_val, 0);
            }
            if get(0, user_val) == 0
                || get(1, user_val) == 0
                || (state.has_el2 && get(2, user_val) == 0)
            {
                return Err(EINVAL);
            }
        }
        IdReg::Aa64Pfr1 => {
            let user_mte_frac = get(10, user_val);
            if get(4, hw_val) == get(4, user_val) {
                user_val = put(4, user_val, 0);
            }
            if get(2, hw_val) == 2 && get(10, hw_val) == 15 && user_mte_frac == 0 {
                user_val = put(10, user_val, 15);
            }
        }
        IdReg::Aa64Dfr0 => {
            let (debugver, pmuver) = (get(0, val), get(2, val));
            if pmuver == 15 {
                user_val = put(2, user_val, 0);
            }
            if debugver < 6 {
                return Err(EINVAL);
            }
            if state.has_el2 && get(9, hw_val) == 15 && get(9, user_val) == 0 {
                user_val = put(9, user_val, 15);
            }
        }
        IdReg::Dfr0 => {
            let (mut perfmon, copdbg) = (get(6, val), get(0, val));
            if perfmon == 15 {
                user_val = put(6, user_val, 0);
                perfmon = 0;
            }
            if perfmon != 0 && perfmon < 3 || copdbg < 6 {
                return Err(EINVAL);
            }
        }
        IdReg::Aa64Mmfr0 if state.has_el2 => {
            let limit = match state.visibility {
                IdVisibility::Shown => state.limit,
                _ => 0,
            };
            for granule in [10, 8, 9] {
                let (safe, user) = (get(granule, limit), get(granule, user_val));
                if safe != user && user != 1 {
                    return Err(EINVAL);
                }
            }
        }
        IdReg::Aa64Mmfr2 => {
            if get(6, hw_val) == get(6, user_val) {
                user_val = put(6, user_val, 0);
            }
        }
        IdReg::Ctr => {
            if user_val / 0x4000 % 4 < 2 {
                return Err(EINVAL);
            }
        }
        IdReg::Implementation => {
            if state.current == val {
                return Ok(val);
            }
            if !state.imp_ids_writable {
                return Err(EINVAL);
            }
            if state.ran == RanOnce::Yes {
                return Err(EBUSY);
            }
            return if val & state.writable != val {
                Err(EINVAL)
            } else {
                Ok(val)
            };
        }
        IdReg::Aa64Mmfr0 | IdReg::Plain => {}
    }
    c_set_id_reg(state, user_val)
}

fn any_register() -> impl Strategy<Value = Register> {
    (0..9usize).prop_map(|which| {
        let registers = [pfr0, pfr1, aa64dfr0, dfr0, mmfr0, mmfr2, ctr, isar0, midr];
        registers[which]()
    })
}

/// A value with few digits that differ from the base.
fn near(base: u64) -> impl Strategy<Value = u64> {
    prop::collection::vec((0..16usize, 0..16u32), 0..3).prop_map(move |changes| {
        let change = |value, (digit, level)| put(digit, value, level);
        changes.into_iter().fold(base, change)
    })
}

/// A register, and its state in some VM on some host.
fn any_state() -> impl Strategy<Value = (Register, State)> {
    let visibility = prop_oneof![
        8 => Just(IdVisibility::Shown),
        1 => Just(IdVisibility::Raz),
        1 => Just(IdVisibility::RazIgnored),
    ];
    let bases = prop::sample::select(vec![
        0x1101_0110_2111_1112,
        0xf0_1030_5609,
        0x2f0_0000_0200,
        0x0220_0111_0200_1011,
        0xb444_c004,
        0x0000_0212_0f10_0005,
    ]);
    let values = bases.prop_flat_map(|base| (near(base), near(base), near(base)));
    let bools = any::<[bool; 4]>();
    (any_register(), values, visibility, bools).prop_map(
        |(register, (host, limit, current), visibility, [has_el2, ran, cap, known])| {
            let fields = Some(register.fields.clone());
            let state = State {
                visibility,
                has_el2,
                host,
                limit,
                writable: register.writable,
                current: if visibility == IdVisibility::Shown {
                    current
                } else {
                    0
                },
                ran: if ran { RanOnce::Yes } else { RanOnce::No },
                imp_ids_writable: cap,
                fields: fields.filter(|_| known || ran),
            };
            (register, state)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 8192,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn any_write_is_as_in_c(
        ((register, state), value) in any_state().prop_flat_map(|(register, state)| {
            let value = prop_oneof![
                near(state.limit),
                near(state.host),
                near(state.current),
                any::<u64>(),
            ];
            (Just((register.reg, state)), value)
        }),
    ) {
        let rule = IdReg::of(register).unwrap();
        let decided = rule.decide(value, &state);
        prop_assert_eq!(decided.map_err(errno), c_set(rule, &state, value));
    }

    #[test]
    fn what_was_stored_is_accepted_again_and_stored_unchanged(
        ((register, state), value) in any_state().prop_flat_map(|(register, state)| {
            let value = near(state.limit);
            (Just((register.reg, state)), value)
        }),
    ) {
        let rule = IdReg::of(register).unwrap();
        if let Ok(stored) = rule.decide(value, &state) {
            prop_assert_eq!(rule.decide(stored, &state), Ok(stored));
            let frozen = State { current: stored, ran: RanOnce::Yes, ..state };
            prop_assert_eq!(rule.decide(stored, &frozen), Ok(stored));
            prop_assert_eq!(rule.decide(value, &frozen), Ok(stored));
        }
    }
}
