// SPDX-License-Identifier: GPL-2.0

//! A VM that consists of values.

use core::cell::Cell;

use super::{
    FeatureBitmap,
    FwLocked,
    FwReg,
    FwVcpu,
    FwVm,
    HostWorkarounds,
    PsciVersion,
    RanOnce,
    VcpuFeatures, //
};
use crate::{
    FeatureLevelReg,
    FeatureLevels,
    Mitigation,
    Promise,
    Promises, //
};

/// A VM that consists of values, and one of its vCPUs.
///
/// Mode `check` makes one of a VM's state and writes to it, to see what Rust would do. A program
/// on the host makes one of what it knows about a destination. It has no lock: only one thread can
/// use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainVm {
    /// The host.
    pub host: HostWorkarounds,
    /// The features of its vCPUs.
    pub features: VcpuFeatures,
    /// Whether a vCPU has run.
    pub ran: RanOnce,
    /// The version of PSCI that userspace set last, 0 if none.
    pub psci_version: Cell<u32>,
    /// `STD_BMAP`.
    pub std: Cell<u64>,
    /// `STD_HYP_BMAP`.
    pub std_hyp: Cell<u64>,
    /// `VENDOR_HYP_BMAP`.
    pub vendor_hyp: Cell<u64>,
    /// `VENDOR_HYP_BMAP_2`.
    pub vendor_hyp_2: Cell<u64>,
    /// What userspace has promised of the feature levels.
    pub promises: Cell<Promises>,
}

impl PlainVm {
    /// Returns a new VM on this host, whose vCPUs have the feature `KVM_ARM_VCPU_PSCI_0_2`.
    pub const fn new(host: HostWorkarounds) -> Self {
        Self {
            host,
            features: VcpuFeatures::Known { psci_0_2: true },
            ran: RanOnce::No,
            psci_version: Cell::new(0),
            std: Cell::new(FeatureBitmap::Std.initial()),
            std_hyp: Cell::new(FeatureBitmap::StdHyp.initial()),
            vendor_hyp: Cell::new(FeatureBitmap::VendorHyp.initial()),
            vendor_hyp_2: Cell::new(FeatureBitmap::VendorHyp2.initial()),
            promises: Cell::new(Promises::NONE),
        }
    }

    /// Returns a bitmap.
    #[inline]
    pub const fn bitmap_cell(&self, map: FeatureBitmap) -> &Cell<u64> {
        match map {
            FeatureBitmap::Std => &self.std,
            FeatureBitmap::StdHyp => &self.std_hyp,
            FeatureBitmap::VendorHyp => &self.vendor_hyp,
            FeatureBitmap::VendorHyp2 => &self.vendor_hyp_2,
        }
    }

    /// Returns the state that writes of a register change; 0 for the workarounds, which have none.
    #[inline]
    pub fn stored(&self, reg: FwReg) -> u64 {
        match reg {
            FwReg::PsciVersion => self.psci_version.get().into(),
            FwReg::Workaround1 | FwReg::Workaround2 | FwReg::Workaround3 => 0,
            FwReg::Bitmap(map) => self.bitmap_cell(map).get(),
        }
    }
}

impl FwVm for PlainVm {
    type Locked<'a> = &'a Self;

    fn spectre_v2(&self) -> Mitigation {
        self.host.spectre_v2
    }

    fn spectre_v4(&self) -> Mitigation {
        self.host.spectre_v4
    }

    fn spectre_bhb(&self) -> Mitigation {
        self.host.spectre_bhb
    }

    fn has_ssbs(&self) -> bool {
        self.host.ssbs
    }

    fn psci_version(&self) -> u32 {
        self.psci_version.get()
    }

    fn store_psci_version(&self, version: PsciVersion) {
        self.psci_version.set(version.to_raw());
    }

    fn bitmap(&self, map: FeatureBitmap) -> u64 {
        self.bitmap_cell(map).get()
    }

    fn lock_config(&self) -> &Self {
        self
    }
}

impl FwLocked for PlainVm {
    fn ran_once(&self) -> RanOnce {
        self.ran
    }

    fn features(&self) -> VcpuFeatures {
        self.features
    }

    fn store_bitmap(&self, map: FeatureBitmap, bits: u64) {
        self.bitmap_cell(map).set(bits);
    }

    fn promise(&self, reg: FeatureLevelReg) -> Promise {
        self.promises.get().of(reg)
    }

    fn store_promise(&self, reg: FeatureLevelReg, promise: FeatureLevels) {
        let mut promises = self.promises.get();
        promises.store(reg, promise);
        self.promises.set(promises);
    }
}

impl FwVcpu for PlainVm {
    type Vm = Self;

    fn vm(&self) -> &Self {
        self
    }

    fn has_psci_0_2(&self) -> bool {
        self.features == (VcpuFeatures::Known { psci_0_2: true })
    }
}
