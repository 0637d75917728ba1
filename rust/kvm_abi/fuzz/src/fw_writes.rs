// SPDX-License-Identifier: GPL-2.0

//! A VM's life: writes to the registers that it stores, a first run, and writes after that.
//!
//! The rules follow `Documentation/virt/kvm/arm/fw-pseudo-registers.rst`: a refused write changes
//! nothing, and values that a guest has seen stay.

use std::cell::Cell;

use kvm_abi::{
    FeatureBitmap,
    FwReg,
    HostWorkarounds,
    Mitigation,
    PlainVm,
    PsciVersion,
    RanOnce,
    Reject,
    VcpuFeatures,
    VmReg, //
};

use crate::{
    common::VERSIONS,
    masks,
    Input, //
};

/// The services that exist, and those of a new VM.
const BITMAPS: [(FeatureBitmap, u64, u64); 4] = [
    (FeatureBitmap::Std, 0b1, 0b1),
    (FeatureBitmap::StdHyp, 0b1, 0b1),
    (FeatureBitmap::VendorHyp, 0b11, 0b11),
    (FeatureBitmap::VendorHyp2, 0b11, 0b00),
];

#[derive(Clone, Copy, Debug, PartialEq)]
struct Vm {
    bitmaps: [u64; 4],
    /// The version that userspace set, 0 if none.
    psci_version: u32,
    features: VcpuFeatures,
    freezes: bool,
    ran: RanOnce,
}

/// A write of a register.
type Set = fn(&PlainVm, FwReg, u64) -> Result<(), Reject>;

impl Vm {
    /// Returns the VM for the core; no test here asks its host.
    fn plain(&self) -> PlainVm {
        let vm = PlainVm {
            features: self.features,
            ran: self.ran,
            psci_version: Cell::new(self.psci_version),
            ..PlainVm::new(HostWorkarounds {
                spectre_v2: Mitigation::Vulnerable,
                spectre_v4: Mitigation::Vulnerable,
                ssbs: false,
                spectre_bhb: Mitigation::Vulnerable,
            })
        };
        for ((map, ..), bits) in BITMAPS.into_iter().zip(self.bitmaps) {
            vm.bitmap_cell(map).set(bits);
        }
        vm
    }

    /// Returns the version that the guest sees.
    fn version(&self) -> u32 {
        match (self.features, self.psci_version) {
            (VcpuFeatures::Known { psci_0_2: false }, _) => 0x1,
            (_, 0) => 0x1_0003,
            (_, version) => version,
        }
    }

    /// Returns whether the value is a version that the VM's vCPUs can have.
    fn can_have(&self, value: u64) -> bool {
        VERSIONS.map(u64::from).contains(&value)
            && match self.features {
                VcpuFeatures::Unknown => true,
                VcpuFeatures::Known { psci_0_2 } => psci_0_2 == (value != 0x1),
            }
    }

    fn write_bitmap(&mut self, place: usize, value: u64) -> Result<(), Reject> {
        let (map, exists, _) = BITMAPS[place];
        let current = self.bitmaps[place];
        let expected = if value | exists != exists {
            Err(Reject::InvalidValue)
        } else if self.ran == RanOnce::Yes && value != current {
            Err(Reject::Frozen)
        } else {
            Ok(value)
        };

        let written = map.decide(value, current, self.ran);
        assert_eq!(written, expected, "{value:#x} to {map:?} of {self:x?}");
        let admitted = FwReg::Bitmap(map).admit(value);
        assert_eq!(admitted.is_ok(), expected != Err(Reject::InvalidValue));
        let reg = FwReg::Bitmap(map);
        for set in [
            (|vm, reg, value| reg.set(vm, value)) as Set,
            |vm, reg, value| VmReg::Fw(reg).set(vm, value),
        ] {
            let vm = self.plain();
            assert_eq!(reg.get(&vm), current);
            assert_eq!(set(&vm, reg, value), expected.map(drop), "{value:#x}");
            assert_eq!(reg.get(&vm), expected.unwrap_or(current), "{value:#x}");
        }
        self.bitmaps[place] = written?;
        Ok(())
    }

    fn write_psci_version(&mut self, value: u64) -> Result<(), Reject> {
        let fits = self.can_have(value);
        let written = if self.freezes {
            let other = u64::from(self.version()) != value;
            let expected = match self.ran {
                _ if !fits => Err(Reject::InvalidValue),
                RanOnce::Yes if other => Err(Reject::Frozen),
                _ => Ok(value as u32),
            };
            let written =
                PsciVersion::decide_until_run(value, self.psci_version, self.features, self.ran);
            let raw = written.map(PsciVersion::to_raw);
            assert_eq!(raw, expected, "{value:#x} of {self:x?}");
            let vm = self.plain();
            let reg = VmReg::Fw(FwReg::PsciVersion);
            assert_eq!(reg.get(&vm), Ok(self.version().into()), "{self:x?}");
            assert_eq!(reg.set(&vm, value), written.map(drop), "{value:#x}");
            assert_eq!(vm.psci_version.get(), raw.unwrap_or(self.psci_version));
            written
        } else {
            // The write goes through a vCPU, whose features are known.
            let VcpuFeatures::Known { psci_0_2 } = self.features else {
                return Ok(());
            };
            let written = PsciVersion::decide(value, psci_0_2);
            let raw = written.map(PsciVersion::to_raw);
            let expected = if fits {
                Ok(value as u32)
            } else {
                Err(Reject::InvalidValue)
            };
            assert_eq!(raw, expected, "{value:#x} of {self:x?}");
            let vm = self.plain();
            let reg = FwReg::PsciVersion;
            assert_eq!(reg.get(&vm), u64::from(self.version()), "{self:x?}");
            assert_eq!(reg.set(&vm, value), written.map(drop), "{value:#x}");
            assert_eq!(vm.psci_version.get(), raw.unwrap_or(self.psci_version));
            written
        };
        assert_eq!(FwReg::PsciVersion.admit(value), Ok(()));
        self.psci_version = written?.to_raw();
        Ok(())
    }

    /// Initialises the first vCPU, unless its features do not fit the version set before.
    fn init_vcpu(&mut self, psci_0_2: bool) {
        let version = self.psci_version;
        let fits = version == 0 || psci_0_2 == (version != 0x1);
        assert_eq!(PsciVersion::fits(version, psci_0_2), fits, "{version:#x}");
        if self.features == VcpuFeatures::Unknown && fits {
            self.features = VcpuFeatures::Known { psci_0_2 };
        }
    }

    fn check_version(&self) {
        let seen = PsciVersion::seen_by_vm(self.psci_version, self.features);
        assert_eq!(seen, self.version(), "{self:x?}");
        if let VcpuFeatures::Known { psci_0_2 } = self.features {
            assert_eq!(PsciVersion::seen(self.psci_version, psci_0_2), seen);
        }
    }
}

pub(crate) fn run(input: &mut Input<'_>) {
    for (map, exists, initial) in BITMAPS {
        assert_eq!((map.supported(), map.initial()), (exists, initial));
    }
    let mut vm = Vm {
        bitmaps: FeatureBitmap::ALL.map(FeatureBitmap::initial),
        psci_version: 0,
        features: masks::features(input),
        freezes: input.bool(),
        ran: RanOnce::No,
    };
    let mut at_first_run = None;
    while input.has_more() {
        let before = vm;
        let written = match input.u8() % 8 {
            0 => {
                vm.init_vcpu(input.bool());
                Ok(())
            }
            1 if vm.features != VcpuFeatures::Unknown => {
                vm.ran = RanOnce::Yes;
                at_first_run.get_or_insert(vm);
                Ok(())
            }
            2..=4 => {
                let versions = VERSIONS.map(u64::from);
                vm.write_psci_version(input.near(&versions))
            }
            place => {
                let value = input.near(&[0, 1, 2, 3, 4]);
                vm.write_bitmap(usize::from(place % 4), value)
            }
        };
        vm.check_version();
        if written.is_err() {
            assert_eq!(vm, before, "a refused write");
        }
        if let Some(first) = at_first_run {
            assert_eq!(vm.bitmaps, first.bitmaps, "after a run");
            if vm.freezes {
                assert_eq!(vm.version(), first.version(), "after a run");
            }
        }
    }
}
