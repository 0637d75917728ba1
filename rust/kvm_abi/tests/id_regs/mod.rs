// SPDX-License-Identifier: GPL-2.0

//! ID registers with their fields, as in `arch/arm64/kernel/cpufeature.c`, and the masks of
//! `arch/arm64/kvm/sys_regs.c`.

#![allow(dead_code, reason = "no test uses all of it")]

use kvm_abi::{
    FeatureField,
    Field,
    IdReg,
    IdRegState,
    IdVisibility,
    RanOnce,
    Reject,
    SafeValue,
    Sign,
    SysReg, //
};

use SafeValue::{Exact, HigherOrZeroSafe, HigherSafe, LowerSafe};
use Sign::{Signed, Unsigned};

/// The state of a register in some VM on some host.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// How the vCPUs of the VM see the register.
    pub(crate) visibility: IdVisibility,
    /// Whether the vCPUs of the VM have EL2.
    pub(crate) has_el2: bool,
    /// The host's own value.
    pub(crate) host: u64,
    /// The most that the host can give to the VM.
    pub(crate) limit: u64,
    /// The bits that userspace may change.
    pub(crate) writable: u64,
    /// The register's value in the VM.
    pub(crate) current: u64,
    /// Whether a vCPU of the VM has run.
    pub(crate) ran: RanOnce,
    /// Whether the VM has `KVM_CAP_ARM_WRITABLE_IMP_ID_REGS`.
    pub(crate) imp_ids_writable: bool,
    /// The fields of the register, `None` if the kernel does not know it.
    pub(crate) fields: Option<Vec<FeatureField>>,
}

impl IdRegState for State {
    type Rule = SafeValue;
    type Fields = Vec<FeatureField>;

    fn visibility(&self) -> IdVisibility {
        self.visibility
    }

    fn has_el2(&self) -> bool {
        self.has_el2
    }

    fn host(&self) -> u64 {
        self.host
    }

    fn limit(&self) -> u64 {
        self.limit
    }

    fn writable(&self) -> u64 {
        self.writable
    }

    fn current(&self) -> u64 {
        self.current
    }

    fn ran_once(&self) -> RanOnce {
        self.ran
    }

    fn imp_ids_writable(&self) -> bool {
        self.imp_ids_writable
    }

    fn fields(&self) -> Option<Vec<FeatureField>> {
        self.fields.clone()
    }
}

/// Returns fields of four bits by their digit, from the least significant.
fn nibbles(digits: &[(u8, Sign, SafeValue)]) -> Vec<FeatureField> {
    let field = |(digit, sign, rule): &(u8, _, _)| FeatureField {
        field: Field::new(digit * 4, 4, *sign).unwrap(),
        rule: *rule,
    };
    digits.iter().map(field).collect()
}

/// Returns fields of four bits whose lower level is safe, with these digits signed.
fn lower(digits: &[u8], signed: &[u8]) -> Vec<FeatureField> {
    let field = |digit: &u8| {
        let sign = if signed.contains(digit) {
            Signed
        } else {
            Unsigned
        };
        (*digit, sign, LowerSafe)
    };
    nibbles(&digits.iter().map(field).collect::<Vec<_>>())
}

/// A register as the kernel's tables have it: its encoding, its fields and its mask.
#[derive(Debug)]
pub(crate) struct Register {
    pub(crate) reg: SysReg,
    pub(crate) fields: Vec<FeatureField>,
    pub(crate) writable: u64,
}

impl Register {
    fn new(crm: u32, op2: u32, fields: Vec<FeatureField>, writable: u64) -> Self {
        let reg = SysReg::new(3, 0, 0, crm, op2);
        Self {
            reg,
            fields,
            writable,
        }
    }

    /// A new VM whose limit and host are these.
    pub(crate) fn on(&self, host: u64, limit: u64) -> State {
        State {
            visibility: IdVisibility::Shown,
            has_el2: false,
            host,
            limit,
            writable: self.writable,
            current: limit,
            ran: RanOnce::No,
            imp_ids_writable: false,
            fields: Some(self.fields.clone()),
        }
    }

    pub(crate) fn decide(&self, value: u64, state: &State) -> Result<u64, Reject> {
        IdReg::of(self.reg).unwrap().decide(value, state)
    }
}

pub(crate) fn pfr0() -> Register {
    let digits = [15, 14, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0];
    let fixed = [11, 10, 8, 5, 4].map(|digit| 0xf << (4 * digit));
    Register::new(4, 0, lower(&digits, &[5, 4]), !fixed.iter().sum::<u64>())
}

pub(crate) fn pfr1() -> Register {
    let digits = [14, 11, 10, 6, 4, 3, 2, 1, 0];
    let fixed = [15, 13, 12, 11, 10, 9, 7, 6, 5, 4, 2].map(|digit| 0xf << (4 * digit));
    Register::new(4, 1, lower(&digits, &[10]), !fixed.iter().sum::<u64>())
}

pub(crate) fn aa64dfr0() -> Register {
    // PMUVer and DebugVer are exact for the host, and lower is safe for KVM.
    let fields = lower(&[9, 8, 7, 5, 3, 2, 0], &[9]);
    Register::new(5, 0, fields, 0xf0_00f0_0f0f)
}

pub(crate) fn dfr0() -> Register {
    Register::new(1, 2, lower(&[6, 5, 4, 3, 2, 1, 0], &[]), 0xffff_ffff)
}

pub(crate) fn mmfr0() -> Register {
    let mut fields = lower(&[15, 14, 11, 7, 6, 5, 4, 3, 2, 1, 0], &[7, 6]);
    fields.extend(nibbles(
        &[10, 9, 8].map(|digit| (digit, Unsigned, Exact(1))),
    ));
    Register::new(7, 0, fields, !(0xff << 48 | 0xf0))
}

pub(crate) fn mmfr2() -> Register {
    let digits = [15, 14, 13, 12, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0];
    let fixed = [14, 11, 10, 9, 6, 5].map(|digit| 0xf << (4 * digit));
    Register::new(7, 2, lower(&digits, &[]), !fixed.iter().sum::<u64>())
}

pub(crate) fn ctr() -> Register {
    let field = |shift, width, rule| FeatureField {
        field: Field::new(shift, width, Unsigned).unwrap(),
        rule,
    };
    Register {
        reg: SysReg::new(3, 3, 0, 0, 1),
        fields: vec![
            field(31, 1, Exact(1)),
            field(29, 1, LowerSafe),
            field(28, 1, LowerSafe),
            field(24, 4, HigherOrZeroSafe),
            field(20, 4, HigherOrZeroSafe),
            field(16, 4, LowerSafe),
            field(14, 2, Exact(2)),
            field(0, 4, LowerSafe),
        ],
        writable: 0x300f_c00f,
    }
}

/// Any register without rules of its own, such as `ID_AA64ISAR0_EL1`.
pub(crate) fn isar0() -> Register {
    let digits: Vec<_> = (1..16).filter(|digit| *digit != 6).collect();
    Register::new(6, 0, lower(&digits, &[]), !0xf)
}

pub(crate) fn midr() -> Register {
    Register::new(0, 0, vec![], 0xffff_ffff)
}

pub(crate) fn mmfr1() -> Register {
    let mut fields = lower(&[15, 13, 11, 10, 9, 8, 7, 5, 4, 3, 2, 1, 0], &[]);
    fields.extend(nibbles(&[(6, Unsigned, HigherSafe)]));
    let fixed = [7, 2, 1].map(|digit| 0xf << (4 * digit));
    Register::new(7, 1, fields, !fixed.iter().sum::<u64>())
}

pub(crate) fn mmfr3() -> Register {
    Register::new(7, 3, lower(&[4, 2, 1, 0], &[]), 0xf_0fff)
}

pub(crate) fn isar2() -> Register {
    let mut fields = lower(&[15, 14, 13, 12, 7, 5, 4, 2, 1, 0], &[]);
    fields.extend(nibbles(&[(3, Unsigned, Exact(0))]));
    let fixed = [11, 3, 2].map(|digit| 0xf << (4 * digit));
    Register::new(6, 2, fields, !fixed.iter().sum::<u64>())
}

pub(crate) fn revidr() -> Register {
    Register::new(0, 6, vec![], u64::MAX)
}
