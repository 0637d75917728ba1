// SPDX-License-Identifier: GPL-2.0

//! The addresses of the kernel's functions, from its System.map.

use std::collections::HashMap;
use std::ops::Range;

/// The kernel's text at its link addresses: the kernel must be booted with `nokaslr`.
pub struct Map {
    /// Addresses and names, in the order of the addresses.
    functions: Vec<(u64, String)>,
    addresses: HashMap<String, u64>,
    pub text: Range<u64>,
}

impl Map {
    pub fn parse(text: &str) -> Option<Map> {
        let mut addresses = HashMap::new();
        let mut functions: Vec<(u64, String)> = Vec::new();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (address, kind, name) = (words.next()?, words.next()?, words.next()?);
            let address = u64::from_str_radix(address, 16).ok()?;
            addresses.insert(name.to_string(), address);
            // If an address has several names, use the last one, as backtraces do.
            if matches!(kind, "T" | "t" | "W" | "w") {
                match functions.last_mut() {
                    Some(last) if last.0 == address => last.1 = name.to_string(),
                    _ => functions.push((address, name.to_string())),
                }
            }
        }
        functions.sort();
        let text = *addresses.get("_stext")?..*addresses.get("_etext")?;
        Some(Map {
            functions,
            addresses,
            text,
        })
    }

    pub fn address(&self, name: &str) -> Option<u64> {
        self.addresses.get(name).copied()
    }

    /// Returns the number of the function that contains `address`.
    pub fn function(&self, address: u64) -> usize {
        self.functions
            .partition_point(|(start, _)| *start <= address)
            .saturating_sub(1)
    }

    pub fn name(&self, function: usize) -> &str {
        &self.functions[function].1
    }

    /// Returns whether a function whose name has this prefix begins at `address`.
    pub fn begins(&self, address: u64, prefix: &str) -> bool {
        let (start, name) = &self.functions[self.function(address)];
        *start == address && name.starts_with(prefix)
    }
}
