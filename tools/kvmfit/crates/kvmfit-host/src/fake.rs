// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A host for tests, with a rule of each kind that real hosts have.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use kvmfit::id::{RegId, SVE_VLS};
use kvmfit::state::VgicModel;

use crate::backend::{Backend, Errno, Refused, ScratchVm, Spec, EINVAL, ENOENT};
use crate::fake_config::{self, Lie};
use crate::features::{MTE, PTRAUTH, SVE};
use crate::vgic::{GRP_ADDR, GRP_CPU_SYSREGS, GRP_CTRL, GRP_DIST_REGS, GRP_NR_IRQS};

use crate::vm_config::abi::{self, Entry, Op};
use crate::vm_config::Migration;

const EPERM: i32 = 1;
const ENODEV: i32 = 19;

pub(crate) const X0: RegId = RegId::new(0x6030_0000_0010_0000);
pub(crate) const MIDR: RegId = RegId::sysreg(3, 0, 0, 0, 0);
pub(crate) const PSCI: RegId = RegId::firmware(0);
pub(crate) const WORKAROUND_2: RegId = RegId::firmware(2);
pub(crate) const BITMAP: RegId = RegId::firmware_bitmap(0);
pub(crate) const NEWER: RegId = RegId::new(0x6030_0000_0017_0000);
pub(crate) const PFR0: RegId = RegId::sysreg(3, 0, 0, 4, 0);
pub(crate) const PFR1: RegId = RegId::sysreg(3, 0, 0, 4, 1);
pub(crate) const MMFR3: RegId = RegId::sysreg(3, 0, 0, 7, 3);
pub(crate) const RAZ: RegId = RegId::sysreg(3, 0, 0, 7, 7);
pub(crate) const GCR: RegId = RegId::sysreg(3, 0, 1, 0, 6);
pub(crate) const TCR2: RegId = RegId::sysreg(3, 0, 2, 0, 3);
pub(crate) const CLIDR: RegId = RegId::sysreg(3, 1, 0, 0, 1);
/// Such as `CLIDR_EL1` of a host whose caches need maintenance: a VM may not say that they do not.
pub(crate) const LEVELS: RegId = RegId::sysreg(3, 1, 0, 0, 4);
pub(crate) const OSLSR: RegId = RegId::sysreg(2, 0, 1, 1, 4);
pub(crate) const CCSIDR: RegId = RegId::new(0x6020_0000_0011_0000);

/// The new values, in the order of the list.
const NEW: [(RegId, u64); 16] = [
    (X0, 0),
    (PSCI, 0x1_0003),
    (WORKAROUND_2, 0),
    (BITMAP, 1),
    (MIDR, 0x410f_d0c1),
    // FP 0 (signed), EL1 1, EL0 1
    (PFR0, 0x11),
    (PFR1, 0x20),
    (MMFR3, 1),
    (RAZ, 0),
    (TCR2, 0),
    (GCR, 0),
    (CLIDR, 0x22),
    // Levels of coherency, as of a Cortex-A72: one each
    (LEVELS, 0x920_0003),
    (OSLSR, 0xa),
    (NEWER, 3),
    (CCSIDR, 0x100_7fe2),
];
/// Those that each vCPU has for itself.
const PER_VCPU: [RegId; 5] = [X0, TCR2, GCR, OSLSR, CCSIDR];

pub(crate) const ICC_CTLR: u64 = 0xc664;
pub(crate) const GIC: u64 = 0x100_0000;
const LENGTHS: u64 = 0b11;

/// What not every host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// A VM with a `GICv3` shows it in `ID_AA64PFR1_EL1`.
    GicShows,
    /// The first run of a VM clears `ID_AA64PFR0_EL1.EL0` if EL1 is 0.
    FirstRunClears,
}

#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) sve: bool,
    pub(crate) mte: bool,
    pub(crate) quirk: Option<Quirk>,
    /// The configuration can be set as a set.
    pub(crate) vm_config: bool,
    /// What is wrong with that.
    pub(crate) lie: Option<Lie>,
    pub(crate) vms: Cell<u64>,
    pub(crate) ioctls: Cell<u64>,
}

pub(crate) struct FakeVm<'k> {
    pub(crate) fake: &'k Fake,
    pub(crate) spec: Spec,
    pub(crate) shared: RefCell<BTreeMap<RegId, u64>>,
    own: Vec<RefCell<BTreeMap<RegId, u64>>>,
    lengths: Vec<Cell<u64>>,
    /// `ICC_CTLR_EL1`, and whether the distributor's version was lowered
    gic: Cell<(u64, u64)>,
}

impl Backend for Fake {
    fn kernel(&self) -> String {
        "0.0.0-fake".to_string()
    }

    fn page_size(&self) -> u32 {
        4096
    }

    fn check_extension(&self, number: u32) -> i32 {
        match number {
            66 => 4,
            165 => 44,
            170 => self.sve.into(),
            205 => self.mte.into(),
            abi::CAP if self.vm_config => 0x7f,
            171 | 172 | 230 | 239 | 300 => 1,
            _ => 0,
        }
    }

    fn new_vm(&self, spec: &Spec) -> Result<Box<dyn ScratchVm + '_>, Refused> {
        let refused = |what, errno| Err(Refused { what, errno: Errno(errno) });
        self.vms.set(self.vms.get() + 1);
        if spec.features & PTRAUTH != 0 {
            return refused("KVM_ARM_VCPU_INIT", EINVAL);
        }
        if spec.features & MTE != 0 && !self.mte {
            return refused("KVM_CAP_ARM_MTE", EINVAL);
        }
        let lengths = spec.vector_lengths.as_deref().map_or(LENGTHS, |bytes| bytes[0].into());
        if !takes_lengths(lengths) {
            return refused("KVM_REG_ARM64_SVE_VLS", EINVAL);
        }
        if spec.migration != Migration::NONE && !self.vm_config {
            return refused("KVM_CAP_ARM_MIGRATION", EINVAL);
        }
        if spec.vgic == Some(VgicModel::V2) {
            return refused("KVM_CREATE_DEVICE", ENODEV);
        }
        let mut shared = BTreeMap::from(NEW);
        if self.quirk == Some(Quirk::GicShows) && spec.vgic.is_some() {
            shared.insert(PFR1, GIC | shared[&PFR1]);
        }
        let vm = FakeVm {
            fake: self,
            spec: spec.clone(),
            shared: RefCell::new(shared),
            own: (0..spec.vcpus).map(|_| RefCell::new(BTreeMap::from(NEW))).collect(),
            lengths: (0..spec.vcpus).map(|_| Cell::new(lengths)).collect(),
            gic: Cell::new((0x400, 0x43b)),
        };
        Ok(Box::new(vm))
    }

    fn ioctls(&self) -> u64 {
        self.ioctls.get()
    }

    fn vms(&self) -> u64 {
        self.vms.get()
    }
}

/// The lengths up to a highest one, which are there.
fn takes_lengths(lengths: u64) -> bool {
    matches!(lengths, 0b1 | 0b11)
}

impl FakeVm<'_> {
    pub(crate) fn now(&self, vcpu: usize, id: RegId) -> u64 {
        let map = if PER_VCPU.contains(&id) { &self.own[vcpu] } else { &self.shared };
        map.borrow()[&id]
    }

    pub(crate) fn has(&self, id: RegId) -> bool {
        match id {
            TCR2 => self.now(0, MMFR3) & 0xf != 0,
            GCR => self.spec.features & MTE != 0,
            SVE_VLS => self.spec.features & SVE != 0,
            _ => NEW.iter().any(|&(known, _)| known == id),
        }
    }

    fn ssbs(&self) -> bool {
        self.now(0, PFR1) & 0xf0 != 0
    }

    pub(crate) fn takes(&self, id: RegId, value: u64) -> bool {
        let nibbles = |most: u64| (0..16).all(|n| value >> (4 * n) & 15 <= most >> (4 * n) & 15);
        match id {
            PSCI => matches!(value, 2 | 0x1_0000..=0x1_0003),
            WORKAROUND_2 if self.ssbs() => value <= 1,
            WORKAROUND_2 => value <= 3 || value == 0x12,
            BITMAP | MMFR3 => value <= 1,
            // It can only be lowered.
            NEWER => value <= self.now(0, NEWER),
            PFR0 => {
                let fp = value >> 16 & 15;
                (fp == 0 || fp == 15) && value & !0xf_0000 <= 0x11 && nibbles(0xf_0011)
            }
            PFR1 if self.fake.quirk == Some(Quirk::GicShows) && self.spec.vgic.is_some() => {
                value & GIC == GIC && nibbles(GIC | 0x20)
            }
            PFR1 => nibbles(0x20),
            MIDR => self.spec.impl_id_regs || value == 0x410f_d0c1,
            RAZ => value == 0,
            CLIDR => value < 0x100 && (value & 15) + (value >> 4) <= 4,
            LEVELS => {
                let level = |lsb: u32| value >> lsb & 7;
                value >> 32 == 0 && level(24) != 0 && (level(21) != 0 || level(27) != 0)
            }
            OSLSR => value == 0xa || value == 8,
            CCSIDR => value & 7 >= 1,
            _ => true,
        }
    }
}

impl ScratchVm for FakeVm<'_> {
    fn list(&self, vcpu: usize) -> Result<Vec<RegId>, Errno> {
        if self.spec.unfinished && vcpu + 1 == self.spec.vcpus {
            return Err(Errno(EPERM));
        }
        let vls = [SVE_VLS];
        let ids = vls.into_iter().chain(NEW.map(|(id, _)| id));
        Ok(ids.filter(|&id| self.has(id)).collect())
    }

    fn get(&self, vcpu: usize, id: RegId, bytes: &mut [u8]) -> Result<(), Errno> {
        self.fake.ioctls.set(self.fake.ioctls.get() + 1);
        if !self.has(id) {
            return Err(Errno(ENOENT));
        }
        let value = match id {
            SVE_VLS => self.lengths[vcpu].get(),
            WORKAROUND_2 if !self.ssbs() => 3,
            WORKAROUND_2 => 0,
            _ => self.now(vcpu, id),
        };
        let size = id.size().unwrap().min(8);
        bytes[..size].copy_from_slice(&value.to_le_bytes()[..size]);
        Ok(())
    }

    fn set(&self, vcpu: usize, id: RegId, bytes: &[u8]) -> Result<(), Errno> {
        self.fake.ioctls.set(self.fake.ioctls.get() + 1);
        let mut value = [0; 8];
        let size = id.size().unwrap().min(8);
        value[..size].copy_from_slice(&bytes[..size]);
        let value = u64::from_le_bytes(value);
        if !self.has(id) {
            return Err(Errno(ENOENT));
        }
        if id == SVE_VLS {
            let open = self.spec.unfinished && vcpu + 1 == self.spec.vcpus;
            if !open {
                return Err(Errno(EPERM));
            }
            return if takes_lengths(value) {
                self.lengths[vcpu].set(value);
                Ok(())
            } else {
                Err(Errno(EINVAL))
            };
        }
        if !self.takes(id, value) {
            return Err(Errno(EINVAL));
        }
        let map = if PER_VCPU.contains(&id) { &self.own[vcpu] } else { &self.shared };
        map.borrow_mut().insert(id, value);
        Ok(())
    }

    fn attribute(&self, group: u32, attr: u64) -> Result<u64, Errno> {
        let (ctlr, iidr) = self.gic.get();
        match (group, attr) {
            (GRP_CPU_SYSREGS, ICC_CTLR) => Ok(ctlr),
            (GRP_DIST_REGS, 8) => Ok(iidr | 0x2000),
            _ => Err(Errno(6)),
        }
    }

    fn set_attribute(&self, group: u32, attr: u64, value: u64) -> Result<(), Errno> {
        let (ctlr, iidr) = self.gic.get();
        match (group, attr) {
            (GRP_ADDR | GRP_NR_IRQS | GRP_CTRL, _) => Ok(()),
            (GRP_CPU_SYSREGS, ICC_CTLR) => {
                // As the kernel does: the priority bits are kept, whatever comes after.
                if value & 0x700 > ctlr & 0x700 {
                    return Err(Errno(EINVAL));
                }
                let kept = ctlr & !0x700 | value & 0x700;
                self.gic.set((kept, iidr));
                if value & 0x4000 != 0 {
                    return Err(Errno(EINVAL));
                }
                self.gic.set((kept & !3 | value & 3, iidr));
                Ok(())
            }
            (GRP_DIST_REGS, 8) if value | 0x3000 == iidr | 0x3000 => Ok(()),
            (GRP_DIST_REGS, 8) => Err(Errno(EINVAL)),
            _ => Err(Errno(6)),
        }
    }

    fn masks(&self) -> Result<Vec<u64>, Errno> {
        let mut masks = vec![0; 192];
        // ID_AA64PFR1_EL1 and CTR_EL0
        masks[4 << 3 | 1] = 0xf0;
        masks[2 << 6 | 1] = 0xff;
        Ok(masks)
    }

    fn config(&self, op: Op, flags: u32, entries: &mut [Entry]) -> Result<usize, (Errno, usize)> {
        let calls = self.fake.ioctls.get();
        let answer = fake_config::request(self, op, flags, entries);
        // It reads registers by calls, and is one.
        self.fake.ioctls.set(calls + 1);
        answer
    }

    fn hypercall(&mut self, id: u32, args: &[u64]) -> Result<[u64; 4], Refused> {
        if self.fake.quirk == Some(Quirk::FirstRunClears) && self.now(0, PFR0) & 0xf0 == 0 {
            let cleared = self.now(0, PFR0) & !0xf;
            self.shared.borrow_mut().insert(PFR0, cleared);
        }
        Ok([id.into(), args.len() as u64, 0, 0])
    }
}
