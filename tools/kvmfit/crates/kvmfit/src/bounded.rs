// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Lists of bounded length, for files of others.

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use serde::de::{self, SeqAccess};
use serde::{Deserialize, Deserializer};

/// The most registers of a VM. Kernels of today have 250 to 900.
pub(crate) const REGISTERS: usize = 4096;
/// The most vCPUs. KVM on arm64 has up to 512 of today.
pub(crate) const VCPUS: usize = 1024;
/// The most scratch VMs of a dump.
pub(crate) const VMS: usize = 64;
/// The most of what else a dump has.
pub(crate) const MANY: usize = 65536;

/// For `#[serde(deserialize_with = …)]`: a list of at most `N` elements.
pub(crate) fn list<'de, D, T, const N: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Visitor<T, const N: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const N: usize> de::Visitor<'de> for Visitor<T, N> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {N} elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(element) = seq.next_element()? {
                if list.len() == N {
                    return Err(de::Error::invalid_length(N + 1, &self));
                }
                list.push(element);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(Visitor::<T, N>(PhantomData))
}

/// As [`list`], of a list that may be missing.
pub(crate) fn some_list<'de, D, T, const N: usize>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    list::<D, T, N>(deserializer).map(Some)
}
