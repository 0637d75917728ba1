// SPDX-License-Identifier: GPL-2.0

//! KUnit suites: the tables of [`kvm_abi::vectors`], and C as the oracle.
//!
//! The host's tests run the same tables and more. Only these suites compare with the C code of this
//! kernel, on the state of this CPU.

use core::mem::MaybeUninit;

use kernel::{
    alloc::flags::__GFP_ZERO,
    bindings,
    kvm::{
        from_c,
        fw_reg::mitigation,
        NewVm,
        Vcpu,
        Vm, //
    },
    macros::kunit_tests,
    prelude::*, //
};
use kvm_abi::{
    vectors,
    CpuInterface,
    FeatureBitmap,
    FeatureLevels,
    FieldIndex,
    FieldMask,
    FwLocked,
    FwReg,
    FwVm,
    GiccReg,
    Mitigation,
    PsciVersion,
    RanOnce,
    Reject,
    Sign,
    WorkaroundLevel,
    WorkaroundLevel2, //
};

use crate::{
    check::{
        fw_reg as check,
        Outcome, //
    },
    errno::{
        to_ret,
        Errno, //
    },
};

/// The parts of a VM and its vCPU on which the firmware registers depend.
struct TestVm {
    kvm: KBox<MaybeUninit<bindings::kvm>>,
    vcpu: KBox<MaybeUninit<bindings::kvm_vcpu>>,
}

impl TestVm {
    /// Returns a VM in the state in which `kvm_arm_rust_init_hypercalls()` gets it.
    fn new() -> Result<Self> {
        let mut vm = Self {
            kvm: KBox::new_uninit(GFP_KERNEL | __GFP_ZERO)?,
            vcpu: KBox::new_uninit(GFP_KERNEL | __GFP_ZERO)?,
        };
        let kvm = vm.kvm.as_mut_ptr();
        let (lock, config_lock) = (kernel::static_lock_class!(), kernel::static_lock_class!());
        // SAFETY: Both are allocated and zeroed. Zeros are valid for all fields that are used,
        // except for those that are initialised here.
        unsafe {
            (*vm.vcpu.as_mut_ptr()).kvm = kvm;
            bindings::__mutex_init(&raw mut (*kvm).lock, c"lock".as_char_ptr(), lock.as_ptr());
            bindings::__mutex_init(
                &raw mut (*kvm).arch.config_lock,
                c"config_lock".as_char_ptr(),
                config_lock.as_ptr(),
            );
            bindings::xa_init_flags(&raw mut (*kvm).vcpu_array, 0);
            bindings::mt_init_flags(&raw mut (*kvm).arch.smccc_filter, 0);
        }
        Ok(vm)
    }

    fn kvm(&self) -> *mut bindings::kvm {
        self.kvm.as_ptr().cast_mut()
    }

    /// Changes the state behind the views.
    fn set(&self, change: impl FnOnce(&mut bindings::kvm)) {
        // SAFETY: The VM is valid, and only this thread uses it. A view has no reference into it.
        change(unsafe { &mut *self.kvm() });
    }

    fn vcpu(&self) -> &Vcpu {
        // SAFETY: `new()` has initialised the vCPU and its VM as far as a view requires.
        unsafe { from_c(self.vcpu.as_ptr().cast_mut()) }
    }

    fn vm(&self) -> &Vm {
        self.vcpu().vm()
    }

    fn set_psci(&self, has_psci_0_2: bool, stored: u32) {
        let features = usize::from(has_psci_0_2) << bindings::KVM_ARM_VCPU_PSCI_0_2;
        self.set(|kvm| {
            kvm.arch.vcpu_features = [features];
            kvm.arch.psci_version = stored;
        });
    }

    fn set_ssbs(&self, ssbs: bool) {
        // ID_AA64PFR1_EL1 is (3, 0, 0, 4, 1), and the array begins with CRm 1.
        const INDEX: usize = ((4 - 1) << 3) | 1;
        let value = u64::from(ssbs) << bindings::ID_AA64PFR1_EL1_SSBS_SHIFT;
        self.set(|kvm| kvm.arch.id_regs[INDEX] = value);
    }

    fn set_bitmap(&self, map: FeatureBitmap, bits: u64, ran: RanOnce) {
        self.vm().lock_config().store_bitmap(map, bits);
        let flags = match ran {
            RanOnce::No => 0,
            RanOnce::Yes => 1 << bindings::KVM_ARCH_FLAG_HAS_RAN_ONCE,
        };
        self.set(|kvm| kvm.arch.flags = flags);
    }

    /// Returns all state that a write of a firmware register can change.
    fn state(&self) -> (u32, [u64; 4]) {
        (
            self.vm().psci_version(),
            FeatureBitmap::ALL.map(|map| self.vm().bitmap(map)),
        )
    }

    fn rust_read(&self, id: u64) -> Outcome {
        match FwReg::get_by_id(self.vcpu(), id) {
            Ok(val) => Outcome::value(val),
            Err(reject) => Outcome::refused(reject),
        }
    }

    fn rust_write(&self, id: u64, val: u64) -> c_int {
        to_ret(FwReg::set_by_id(self.vcpu(), id, || Ok::<_, Errno>(val)))
    }
}

/// Two VMs in the same state: C writes to one, Rust to the other.
struct Pair {
    c: TestVm,
    rust: TestVm,
}

impl Pair {
    fn new() -> Result<Self> {
        Ok(Self {
            c: TestVm::new()?,
            rust: TestVm::new()?,
        })
    }

    fn each(&self, prepare: impl Fn(&TestVm)) -> &Self {
        prepare(&self.c);
        prepare(&self.rust);
        self
    }

    /// Returns whether both sides give the same result for a write, lead to the same state, and
    /// whether mode `check` would have expected this result.
    fn writes_agree(&self, id: u64, val: u64) -> bool {
        let expected = FwReg::from_id(id).map(|reg| {
            let copy = check::copy_of(self.rust.vcpu(), &self.rust.vm().lock_config());
            check::write(&copy, reg, val)
        });

        let (c, rust) = (
            check::c_set(self.c.vcpu(), id, val, false),
            self.rust.rust_write(id, val),
        );
        c == rust
            && self.c.state() == self.rust.state()
            && expected.map_or(true, |outcome| outcome.ret == c)
    }

    fn reads_agree(&self, id: u64) -> bool {
        check::c_get(self.c.vcpu(), id) == self.rust.rust_read(id)
    }
}

/// Returns all values up to `end`, and values with one bit too many or one bit missing.
fn values(end: u64) -> impl Iterator<Item = u64> {
    let odd = (0..64).flat_map(|bit| {
        let bit = 1u64.rotate_left(bit);
        [bit, bit | 1, !bit]
    });
    // Not called as a method: `pin_init` has a method of this name for each type.
    Iterator::chain(0..=end, odd)
}

const BOTH: [bool; 2] = [false, true];
const RAN: [RanOnce; 2] = [RanOnce::No, RanOnce::Yes];

#[kunit_tests(kvm_arm64_fw_reg_tables)]
mod tables {
    use super::*;

    #[test]
    fn ids() {
        assert_eq!(FwReg::ALL.len(), vectors::REGISTERS.len());
        for (i, (reg, id)) in vectors::REGISTERS.into_iter().enumerate() {
            assert!(FwReg::ALL.get(i) == Some(&reg));
            assert_eq!(reg.id(), id);
            assert!(FwReg::from_id(id) == Ok(reg));
        }
    }

    #[test]
    fn psci_versions() {
        for (version, raw) in vectors::PSCI_VERSIONS {
            assert_eq!(u64::from(version.to_raw()), raw);
        }
        for value in 0..=vectors::PSCI_VALUES_END {
            let known = vectors::PSCI_VERSIONS.iter().find(|(_, raw)| *raw == value);
            for has_psci_0_2 in BOTH {
                let expected = match known {
                    Some((version, _)) if has_psci_0_2 == (value != 1) => Ok(*version),
                    _ => Err(Reject::InvalidValue),
                };
                assert!(PsciVersion::decide(value, has_psci_0_2) == expected);
            }
        }
    }

    #[test]
    fn workarounds() {
        for (host, level, highest) in vectors::WORKAROUND_1_3 {
            let host = WorkaroundLevel::of_host(host);
            assert_eq!(host.to_raw(), level);
            for value in 0..=vectors::WORKAROUND_VALUES_END {
                assert_eq!(host.decide(value).is_ok(), value <= highest);
            }
        }
        for (host, ssbs, level, accepted) in vectors::WORKAROUND_2 {
            let host = WorkaroundLevel2::of_host(host, ssbs);
            assert_eq!(host.to_raw(), level);
            for value in 0..=vectors::WORKAROUND_VALUES_END {
                assert_eq!(host.decide(value).is_ok(), accepted.contains(&value));
            }
        }
    }

    #[test]
    fn real_hosts() {
        for host in &vectors::HOSTS {
            let [v2, v4, bhb] = host.mitigations;
            let levels = [
                WorkaroundLevel::of_host(v2).to_raw(),
                WorkaroundLevel2::of_host(v4, true).to_raw(),
                WorkaroundLevel::of_host(bhb).to_raw(),
            ];
            assert!(levels == host.workarounds);
        }
    }

    #[test]
    fn bitmaps() {
        for (map, supported, initial) in vectors::BITMAPS {
            assert_eq!(map.supported(), supported);
            assert_eq!(map.initial(), initial);
        }
        for (value, current, ran, expected) in vectors::BITMAP_WRITES {
            for map in [FeatureBitmap::VendorHyp, FeatureBitmap::VendorHyp2] {
                assert!(map.decide(value, current, ran) == expected);
            }
        }
    }

    #[test]
    fn priority_masks() {
        for (written, read, guest) in vectors::PMR_WRITES {
            let state = CpuInterface::default().written(GiccReg::Pmr, written);
            assert_eq!(state.read(GiccReg::Pmr), read);
            assert_eq!(state.pmr.get(), guest);
        }
    }

    #[test]
    fn levels() {
        for (value, host, above) in vectors::LEVELS {
            let (value, host) = (
                FeatureLevels::from_bits(value),
                FeatureLevels::from_bits(host),
            );
            assert_eq!(value.exceeding(host, FieldMask::ALL).bits(), above);
        }
    }
}

#[kunit_tests(kvm_arm64_fw_reg_oracle)]
mod oracle {
    use super::*;

    #[test]
    fn list_is_that_of_c() {
        // SAFETY: C's list has this many entries, and never changes.
        let ids = unsafe {
            core::slice::from_raw_parts(
                bindings::kvm_arm_c_fw_reg_ids,
                bindings::KVM_ARM_NR_FW_REGS as usize,
            )
        };
        assert!(ids.iter().copied().eq(FwReg::ALL.map(FwReg::id)));
    }

    #[test]
    fn errno_of_unknown_ids() -> Result {
        let pair = Pair::new()?;
        for reg in FwReg::ALL {
            for bit in 0..64 {
                let id = reg.id() ^ 1u64.rotate_left(bit);
                // C's inner functions do not check the size, their callers do.
                if FwReg::from_id(id) == Err(Reject::UnknownRegister) {
                    assert!(pair.reads_agree(id));
                    assert!(pair.writes_agree(id, 0));
                }
            }
        }
        Ok(())
    }

    #[test]
    fn new_vm_has_the_same_services() -> Result {
        let pair = Pair::new()?;
        // SAFETY: `new()` has initialised the VM as far as a view requires, and only this thread
        // uses it.
        let vm: NewVm<'_> = unsafe { from_c(pair.rust.kvm()) };
        vm.init_bitmaps();
        for (map, _, initial) in vectors::BITMAPS {
            assert_eq!(pair.rust.vm().bitmap(map), initial);
        }
        Ok(())
    }

    #[test]
    fn psci_version_reads() -> Result {
        let pair = Pair::new()?;
        let id = FwReg::PsciVersion.id();
        // Possible states of C: no version, a version, and a value that no write can store.
        for stored in [
            0, 0x1, 0x2, 0x1_0000, 0x1_0001, 0x1_0002, 0x1_0003, 0x1_0004,
        ] {
            for has_psci_0_2 in BOTH {
                assert!(pair
                    .each(|vm| vm.set_psci(has_psci_0_2, stored))
                    .reads_agree(id));
            }
        }
        Ok(())
    }

    #[test]
    fn psci_version_writes() -> Result {
        let pair = Pair::new()?;
        let id = FwReg::PsciVersion.id();
        for has_psci_0_2 in BOTH {
            pair.each(|vm| vm.set_psci(has_psci_0_2, 0));
            for value in values(vectors::PSCI_VALUES_END) {
                assert!(pair.writes_agree(id, value));
            }
        }
        Ok(())
    }

    #[test]
    fn workaround_levels() -> Result {
        let pair = Pair::new()?;
        for reg in [FwReg::Workaround1, FwReg::Workaround2, FwReg::Workaround3] {
            for ssbs in BOTH {
                pair.each(|vm| vm.set_ssbs(ssbs));
                assert!(pair.reads_agree(reg.id()));
                for value in values(vectors::WORKAROUND_VALUES_END) {
                    assert!(pair.writes_agree(reg.id(), value));
                }
            }
        }
        Ok(())
    }

    #[test]
    fn bitmaps() -> Result {
        let pair = Pair::new()?;
        for map in FeatureBitmap::ALL {
            let id = FwReg::Bitmap(map).id();
            for (current, ran) in (0..=3).flat_map(|bits| RAN.map(|ran| (bits, ran))) {
                for value in values(7) {
                    pair.each(|vm| vm.set_bitmap(map, current, ran));
                    assert!(pair.reads_agree(id));
                    assert!(pair.writes_agree(id, value));
                }
            }
        }
        Ok(())
    }

    #[test]
    fn bitmap_writes_do_not_touch_each_other() -> Result {
        let pair = Pair::new()?;
        pair.each(|vm| {
            for map in FeatureBitmap::ALL {
                vm.set_bitmap(map, map.supported(), RanOnce::No);
            }
        });
        for map in FeatureBitmap::ALL {
            assert!(pair.writes_agree(FwReg::Bitmap(map).id(), 0));
        }
        assert!(pair.rust.state() == (0, [0; 4]));
        Ok(())
    }

    #[test]
    fn signed_and_unsigned_fields() {
        for field in FieldIndex::all() {
            let shift = c_int::from(field.field(Sign::Signed).shift());
            for bits in 0..16u64 {
                // The other fields have other bits, so that a bit that leaks in is noticed.
                let ones = FieldMask::of(field).bits();
                let register = (bits << shift) | (!0x5555_5555_5555_5555 & !ones);
                let levels = FeatureLevels::from_bits(register);
                // SAFETY: Pure functions of their arguments; the field ends at bit 63 at most.
                let (signed, unsigned) = unsafe {
                    (
                        bindings::cpuid_feature_extract_signed_field(register, shift),
                        bindings::cpuid_feature_extract_unsigned_field(register, shift),
                    )
                };
                let level = |sign| field.field(sign).level(levels.bits()).get();
                assert_eq!(level(Sign::Signed), signed);
                assert_eq!(i64::from(level(Sign::Unsigned)), i64::from(unsigned));
            }
        }
    }

    #[test]
    fn host_mitigations_are_those_of_c() {
        // SAFETY: Have no preconditions.
        let states = unsafe {
            [
                bindings::arm64_get_spectre_v2_state(),
                bindings::arm64_get_spectre_v4_state(),
                bindings::arm64_get_spectre_bhb_state(),
            ]
        };
        let rust = [
            mitigation::spectre_v2(),
            mitigation::spectre_v4(),
            mitigation::spectre_bhb(),
        ];
        for (state, rust) in states.into_iter().zip(rust) {
            // In the order of `enum mitigation_state`.
            assert!(Mitigation::ALL.get(state as usize) == Some(&rust));
        }
    }
}
