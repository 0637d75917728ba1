// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What of a file's text goes into a report.

use std::collections::BTreeMap;

/// The counts of each surface by the names of their columns.
pub(super) type Stats = BTreeMap<String, BTreeMap<String, i64>>;

/// Options whose names begin so.
const OPTIONS_OF: &[&str] = &["CONFIG_KVM_ARM64_RUST"];

/// Options that decide what a VM has, or how the code was built.
const OPTIONS: &[&str] = &[
    "CONFIG_ARM64_16K_PAGES",
    "CONFIG_ARM64_4K_PAGES",
    "CONFIG_ARM64_64K_PAGES",
    "CONFIG_ARM64_BTI",
    "CONFIG_ARM64_MTE",
    "CONFIG_ARM64_PTR_AUTH",
    "CONFIG_ARM64_RAS_EXTN",
    "CONFIG_ARM64_SME",
    "CONFIG_ARM64_SVE",
    "CONFIG_ARM_PMUV3",
    "CONFIG_BINDGEN_VERSION_TEXT",
    "CONFIG_CC_VERSION_TEXT",
    "CONFIG_CFI",
    "CONFIG_COMPAT",
    "CONFIG_HW_PERF_EVENTS",
    "CONFIG_KASAN",
    "CONFIG_KVM",
    "CONFIG_LTO_CLANG",
    "CONFIG_PREEMPT",
    "CONFIG_PREEMPT_RT",
    "CONFIG_PROVE_LOCKING",
    "CONFIG_RUST",
    "CONFIG_RUSTC_VERSION_TEXT",
    "CONFIG_RUST_DEBUG_ASSERTIONS",
    "CONFIG_RUST_INLINE_HELPERS",
    "CONFIG_RUST_OVERFLOW_CHECKS",
];

/// Parameters whose names begin so, with `_` for each `-`, as the kernel compares them.
const PARAMETERS_OF: &[&str] = &["kvm_arm.", "kvm.", "arm64.", "arm64_sw.", "id_aa64"];

/// Other parameters that change what a VM has.
const PARAMETERS: &[&str] = &[
    "allow_mismatched_32bit_el0",
    "irqchip.gicv3_pseudo_nmi",
    "kpti",
    "mitigations",
    "nospectre_bhb",
    "nospectre_v2",
    "ssbd",
];

/// The options of a `.config` that matter, `n` for one that is not set.
pub(super) fn config(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| {
        let off = line.strip_prefix("# ").and_then(|line| line.strip_suffix(" is not set"));
        off.map(|name| (name, "n")).or_else(|| line.split_once('='))
    });
    lines
        .filter(|(name, _)| {
            OPTIONS.contains(name) || OPTIONS_OF.iter().any(|begin| name.starts_with(begin))
        })
        .map(|(name, value)| (name.to_string(), value.trim_matches('"').to_string()))
        .collect()
}

/// The parameters of a command line that matter.
///
/// The kernel splits it at spaces, except for those between quotes, and leaves what is behind
/// `--` to init.
pub(super) fn parameters(text: &str) -> Vec<String> {
    let mut quoted = false;
    let words = text.trim().split(|c: char| {
        quoted ^= c == '"';
        c.is_ascii_whitespace() && !quoted
    });
    words
        .take_while(|&word| word != "--")
        .filter(|word| matters(word))
        .map(str::to_string)
        .collect()
}

fn matters(parameter: &str) -> bool {
    let name = parameter.trim_start_matches('"');
    let name = name.split_once('=').map_or(name, |(name, _)| name).replace('-', "_");
    PARAMETERS.contains(&name.as_str()) || PARAMETERS_OF.iter().any(|begin| name.starts_with(begin))
}

/// The features that `/proc/cpuinfo` lists, each list once.
pub(super) fn cpu_features(text: &str) -> Result<Vec<String>, String> {
    let mut lists: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some((name, list)) = line.split_once(':') {
            let list = list.trim();
            if name.trim() == "Features" && !lists.iter().any(|known| known == list) {
                lists.push(list.to_string());
            }
        }
    }
    if lists.is_empty() {
        return Err("/proc/cpuinfo: it has no line \"Features\": this is not arm64".to_string());
    }
    Ok(lists)
}

/// The table of counts: a line of names, and a line for each surface.
pub(super) fn stats(text: &str) -> Result<Stats, String> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    let Some(("surface", columns)) = names.split_first().map(|(first, rest)| (*first, rest)) else {
        return Err("it does not begin with a line of names".to_string());
    };
    let mut stats = Stats::new();
    for (n, line) in lines.enumerate() {
        let wrong = || format!("line {}: it is not a surface and {} counts", n + 2, columns.len());
        let mut words = line.split_whitespace();
        let surface = words.next().ok_or_else(wrong)?;
        let counts: Vec<i64> =
            words.map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        if counts.len() != columns.len() {
            return Err(wrong());
        }
        let names = columns.iter().map(|name| (*name).to_string());
        stats.insert(surface.to_string(), names.zip(counts).collect());
    }
    Ok(stats)
}

/// Lines of the kernel's log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) lines: Vec<String>,
    /// How many lines were lost before the first one.
    pub(super) first: u64,
}

/// What `/dev/kmsg` has of C and Rust that differ, and which mode of KVM the host has.
pub(super) fn log(text: &str) -> Log {
    let mut log = Log { lines: Vec::new(), first: 0 };
    let mut is_first = true;
    for line in text.lines() {
        // Further lines of a record begin with a space. A record is
        // "priority,number,microseconds,flags;message".
        let Some((head, message)) = line.split_once(';').filter(|_| !line.starts_with(' ')) else {
            continue;
        };
        let mut head = head.split(',').skip(1).map(|number| number.parse::<u64>().unwrap_or(0));
        let (number, micros) = (head.next().unwrap_or(0), head.next().unwrap_or(0));
        if is_first {
            (log.first, is_first) = (number, false);
        }
        if is_of_interest(message) {
            log.lines.push(format!("{}.{:06} {message}", micros / 1_000_000, micros % 1_000_000));
        }
    }
    log
}

fn is_of_interest(message: &str) -> bool {
    let differs = message.starts_with("KVM: ")
        && message.contains(": C gives ")
        && message.contains("; Rust gives ");
    let mode = message.starts_with("kvm [1]: ") && message.ends_with(" initialized successfully");
    differs || mode
}
