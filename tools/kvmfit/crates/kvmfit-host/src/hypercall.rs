// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What a guest gets from hypercalls.
//!
//! Only those that ask something and change nothing; none of them leaves the kernel.

use kvmfit::dump::Hypercall;
use kvmfit::explain::errno_name;

use crate::backend::{Backend, Spec};
use crate::error::Error;
use crate::features::PSCI_0_2;

const SMCCC_VERSION: u32 = 0x8000_0000;
const SMCCC_ARCH_FEATURES: u32 = 0x8000_0001;
const SMCCC_ARCH_SOC_ID: u32 = 0x8000_0002;
const WORKAROUND_1: u32 = 0x8000_8000;
const WORKAROUND_2: u32 = 0x8000_7fff;
const WORKAROUND_3: u32 = 0x8000_3fff;
const WORKAROUND_4: u32 = 0x8000_0004;
const PSCI: u32 = 0x8400_0000;
const PSCI_64: u32 = 0xc400_0000;
const PSCI_MIGRATE_INFO_TYPE: u32 = PSCI + 6;
const PSCI_FEATURES: u32 = PSCI + 10;
const TRNG_VERSION: u32 = 0x8400_0050;
const TRNG_FEATURES: u32 = 0x8400_0051;
const TRNG_UUID: u32 = 0x8400_0052;
const TRNG_RND: u32 = 0x8400_0053;
const TRNG_RND_64: u32 = 0xc400_0053;
const PV_TIME_FEATURES: u32 = 0xc500_0020;
const PV_TIME_ST: u32 = 0xc500_0021;
const VENDOR_UID: u32 = 0x8600_ff01;
const VENDOR_FEATURES: u32 = 0x8600_0000;

/// Each call and its argument.
fn calls() -> Vec<(u32, Option<u32>)> {
    let mut calls = vec![(SMCCC_VERSION, None)];
    let of = [
        SMCCC_VERSION,
        SMCCC_ARCH_FEATURES,
        SMCCC_ARCH_SOC_ID,
        WORKAROUND_1,
        WORKAROUND_2,
        WORKAROUND_3,
        WORKAROUND_4,
        PV_TIME_FEATURES,
    ];
    calls.extend(of.map(|function| (SMCCC_ARCH_FEATURES, Some(function))));
    calls.extend([(PSCI, None), (PSCI_MIGRATE_INFO_TYPE, None)]);
    calls.extend(
        (0..=0x18)
            .flat_map(|n| [(PSCI_FEATURES, Some(PSCI + n)), (PSCI_FEATURES, Some(PSCI_64 + n))]),
    );
    calls.push((PSCI_FEATURES, Some(SMCCC_VERSION)));
    calls.push((TRNG_VERSION, None));
    let of = [TRNG_VERSION, TRNG_FEATURES, TRNG_UUID, TRNG_RND, TRNG_RND_64];
    calls.extend(of.map(|function| (TRNG_FEATURES, Some(function))));
    calls.push((TRNG_UUID, None));
    calls.extend([PV_TIME_FEATURES, PV_TIME_ST].map(|f| (PV_TIME_FEATURES, Some(f))));
    calls.extend([(VENDOR_UID, None), (VENDOR_FEATURES, None)]);
    calls
}

pub(crate) fn measure(
    backend: &dyn Backend,
    lacks: &mut Vec<String>,
) -> Result<Vec<Hypercall>, Error> {
    let spec = Spec { features: PSCI_0_2, vcpus: 1, ..Spec::default() };
    let mut vm = backend.new_vm(&spec).map_err(crate::backend::Refused::or_error)?;
    let mut results = Vec::new();
    for (id, argument) in calls() {
        let args: Vec<u64> = argument.into_iter().map(u64::from).collect();
        match vm.hypercall(id, &args) {
            Ok(returns) => results.push(Hypercall::new(id, &args, &returns)),
            Err(refused) => {
                let errno = errno_name(refused.errno.0);
                lacks.push(format!("hypercall {id:#x}: {}: {errno}", refused.what));
                break;
            }
        }
    }
    Ok(results)
}
