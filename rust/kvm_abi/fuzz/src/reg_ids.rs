// SPDX-License-Identifier: GPL-2.0

//! Ids of registers: the register that an id names, its scope, and its id in a list.
//!
//! The rules follow `Documentation/virt/kvm/api.rst`, `KVM_SET_ONE_REG`: they split an id into its
//! fields, and compare each field.

use kvm_abi::{
    FeatureLevelReg,
    FwReg,
    OptIns,
    Reject,
    Scope,
    SysReg,
    VmReg, //
};

use crate::Input;

/// Ids of registers, and ids without a register close to them.
const IDS: [u64; 26] = [
    0x6030_0000_0014_0000,
    0x6030_0000_0014_0001,
    0x6030_0000_0014_0002,
    0x6030_0000_0014_0003,
    0x6030_0000_0014_0004,
    0x6030_0000_0016_0000,
    0x6030_0000_0016_0001,
    0x6030_0000_0016_0002,
    0x6030_0000_0016_0003,
    0x6030_0000_0016_0004,
    0x6030_0000_0017_0000,
    0x6030_0000_0017_0005,
    0x6030_0000_0017_0007,
    0x6030_0000_0017_0008,
    0x6030_0000_1014_0000,
    0x6030_0000_1017_0000,
    // MIDR_EL1, REVIDR_EL1, ID_PFR0_EL1, ID_AA64PFR0_EL1, and the last one, AIDR_EL1, CTR_EL0.
    0x6030_0000_0013_c000,
    0x6030_0000_0013_c006,
    0x6030_0000_0013_c008,
    0x6030_0000_0013_c020,
    0x6030_0000_0013_c03f,
    0x6030_0000_0013_c807,
    0x6030_0000_0013_d801,
    0x6030_0000_1013_c020,
    // A core register, and an id without a group.
    0x6030_0000_0010_0042,
    0x6030_0000_0000_0000,
];

/// The fields of an id.
struct Fields {
    architecture: u64,
    log2_size: u64,
    reserved: u64,
    scope_vm: bool,
    group: u64,
    number: u64,
}

impl Fields {
    fn of(id: u64) -> Self {
        let field = |from: u32, to: u32| (0..=to - from).map(|n| (id >> (from + n) & 1) << n).sum();
        Self {
            architecture: field(56, 63),
            log2_size: field(52, 55),
            reserved: field(29, 51),
            scope_vm: field(28, 28) == 1,
            group: field(16, 27),
            number: field(0, 15),
        }
    }

    /// Returns whether the id is one of `KVM_REG_ARM64` without reserved bits and without a scope.
    fn is_plain_arm64(&self) -> bool {
        self.architecture == 0x60 && self.reserved == 0 && !self.scope_vm
    }

    fn has_64_bits(&self) -> bool {
        1u64 << self.log2_size == 8
    }

    /// Returns the place in the list of firmware registers; the bitmaps have 4 to 7.
    fn fw(&self) -> Result<usize, Reject> {
        let number = self.number as usize;
        match self.group {
            _ if !self.has_64_bits() => Err(Reject::WrongSize),
            0x14 if self.is_plain_arm64() && number < 4 => Ok(number),
            0x16 if self.is_plain_arm64() && number < 4 => Ok(4 + number),
            _ => Err(Reject::UnknownRegister),
        }
    }

    fn is_in_level_group(&self) -> bool {
        self.is_plain_arm64() && self.group == 0x17
    }

    fn level(&self) -> Result<usize, Reject> {
        match self.number {
            _ if !self.has_64_bits() => Err(Reject::WrongSize),
            0..8 if self.is_in_level_group() => Ok(self.number as usize),
            _ => Err(Reject::UnknownRegister),
        }
    }

    /// Returns op0, op1, CRn, CRm and op2 of a system register.
    fn sys_reg(&self) -> Option<[u64; 5]> {
        let n = self.number;
        (self.is_plain_arm64() && self.has_64_bits() && self.group == 0x13).then_some([
            n / 16384,
            n / 2048 % 8,
            n / 128 % 16,
            n / 8 % 16,
            n % 8,
        ])
    }
}

/// Returns whether this is an ID register that the vCPUs of a VM share: one of the CPU's features,
/// or one that identifies the CPU and the type of its caches.
fn is_shared(numbers: [u64; 5]) -> bool {
    match numbers {
        [3, 0, 0, crm, _] if (1..8).contains(&crm) => true,
        _ => [
            [3, 0, 0, 0, 0],
            [3, 0, 0, 0, 6],
            [3, 1, 0, 0, 7],
            [3, 3, 0, 0, 1],
        ]
        .contains(&numbers),
    }
}

fn fw_reg(id: u64, fields: &Fields) {
    let expected = fields.fw();
    let reg = FwReg::from_id(id);
    assert_eq!(reg, expected.map(|place| FwReg::ALL[place]), "{id:#x}");
    assert_eq!(reg.map(FwReg::id), expected.map(|_| id), "{id:#x}");
    assert_eq!(
        FwReg::from_id(id) != Err(Reject::WrongSize),
        fields.has_64_bits(),
        "{id:#x}"
    );
}

fn level_reg(id: u64, fields: &Fields) {
    let expected = fields.level();
    let reg = FeatureLevelReg::from_id(id);
    let all: Vec<_> = FeatureLevelReg::all().collect();
    assert_eq!(reg, expected.map(|place| all[place]), "{id:#x}");
    assert_eq!(reg.map(FeatureLevelReg::id), expected.map(|_| id));
    assert_eq!(
        FeatureLevelReg::is_in_group(id),
        fields.is_in_level_group(),
        "{id:#x}"
    );
}

fn sys_reg(id: u64, fields: &Fields) {
    let numbers = fields.sys_reg();
    let reg = SysReg::from_id(id);
    let built = numbers.map(|numbers| {
        let [op0, op1, crn, crm, op2] = numbers.map(|number| number as u32);
        SysReg::new(op0, op1, crn, crm, op2)
    });
    assert_eq!(reg, built, "{id:#x}");
    let (Some(numbers @ [op0, op1, crn, crm, op2]), Some(reg)) = (numbers, reg) else {
        return;
    };

    let encoding = op0 << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5;
    assert_eq!(reg, SysReg::from_encoding(encoding as u32), "{id:#x}");
    assert_eq!(reg.is_vm_id(), is_shared(numbers), "{id:#x}");
    let aarch32 = op0 == 3 && op1 == 0 && crn == 0 && (1..=3).contains(&crm);
    assert_eq!(reg.is_aarch32_id(), aarch32, "{id:#x}");
    // 64 registers for each op1, in their order.
    let block = [0, 1, 3].iter().position(|known| *known == op1);
    let index = block
        .filter(|_| op0 == 3 && crn == 0 && crm < 8)
        .map(|block| block * 64 + crm as usize * 8 + op2 as usize);
    assert_eq!(
        reg.feature_id_index().map(|index| index.get()),
        index,
        "{id:#x}"
    );
}

/// Checks that excess bits of encodings are ignored.
fn encoding(input: &mut Input<'_>) {
    let bits = input.u32();
    let [op0, op1, crn, crm, op2] = [bits >> 19, bits >> 16, bits >> 12, bits >> 8, bits >> 5];
    let (from_encoding, new) = (
        SysReg::from_encoding(bits),
        SysReg::new(op0, op1, crn, crm, op2),
    );
    assert_eq!(from_encoding, new, "{bits:#x}");
}

fn scope(id: u64, fields: &Fields, opt_ins: OptIns) {
    let shared =
        fields.fw().is_ok() || fields.level().is_ok() || fields.sys_reg().is_some_and(is_shared);
    assert_eq!(Scope::of(id) == Scope::Vm, shared, "{id:#x}");

    let opted_in = opt_ins.bits() >> 4 & 1 == 1;
    let listed = Scope::list(id, opt_ins);
    let expected = id + if opted_in && shared { 1 << 28 } else { 0 };
    assert_eq!(listed, expected, "{id:#x}, {opt_ins:?}");
    if shared {
        assert_eq!(Scope::strip(listed, opt_ins), id, "{id:#x}, {opt_ins:?}");
    }
}

/// Checks the register that a VM finds for the id; an id with the wrong scope names none.
fn vm_reg(id: u64, opt_ins: OptIns) {
    let fields = Fields::of(id);
    let stripped = if fields.scope_vm && opt_ins.bits() >> 4 & 1 == 1 {
        let plain = Fields::of(id - (1 << 28));
        let shared =
            plain.fw().is_ok() || plain.level().is_ok() || plain.sys_reg().is_some_and(is_shared);
        if shared {
            plain
        } else {
            fields
        }
    } else {
        fields
    };
    let has_levels = opt_ins.bits() & 1 == 1;
    let expected = match stripped.fw() {
        Err(_) if has_levels && stripped.is_in_level_group() => {
            stripped.level().map(|place| 8 + place)
        }
        fw => fw,
    };

    let count = if has_levels { 16 } else { 8 };
    let all: Vec<_> = VmReg::all(opt_ins).collect();
    assert_eq!((all.len(), VmReg::count(opt_ins)), (count, count));
    let reg = VmReg::from_id(id, opt_ins);
    assert_eq!(
        reg,
        expected.map(|place| all[place]),
        "{id:#x}, {opt_ins:?}"
    );
    if let (Ok(reg), Ok(place)) = (reg, expected) {
        // SMCCC_ARCH_WORKAROUND_2, and the levels of the workarounds.
        assert_eq!(reg.needs_features(), [2, 8].contains(&place), "{id:#x}");
        assert_eq!(reg.id() & !(1 << 28), id & !(1 << 28), "{id:#x}");
    }
}

pub(crate) fn run(input: &mut Input<'_>) {
    let id = input.near(&IDS);
    let opt_ins = OptIns::from_bits(input.u32());
    let fields = Fields::of(id);
    fw_reg(id, &fields);
    level_reg(id, &fields);
    sys_reg(id, &fields);
    encoding(input);
    scope(id & !(1 << 28), &Fields::of(id & !(1 << 28)), opt_ins);
    vm_reg(id, opt_ins);
}
