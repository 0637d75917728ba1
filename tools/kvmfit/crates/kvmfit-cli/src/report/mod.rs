// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What a report about a kernel of kvm-arm64-rust needs, and nothing that names a host.
//!
//! Of each file only what is known to be harmless goes into the report: options and parameters by
//! their names, lines of the log by their form.

mod parts;
mod root;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use kvmfit::dump::Dump;
use kvmfit::value::Hex;
use serde::Serialize;

use parts::{Log, Stats};
use root::Root;

/// The version of the format.
const FORMAT: u32 = 1;
const ARM_ABI: &str = "sys/kernel/debug/kvm/arm_abi";
const CPUS: &str = "sys/devices/system/cpu";

/// A report.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(rename = "kvmfit_report")]
    format: u32,
    /// The program that gathered it.
    tool: String,
    /// The parts that are not there, and why.
    missing: Vec<Missing>,
    kernel: Kernel,
    /// Options of the kernel's build.
    config: Option<BTreeMap<String, String>>,
    /// Parameters of the command line.
    parameters: Option<Vec<String>>,
    cpus: Option<Vec<Cpus>>,
    /// The CPUs' features; more than one line if they differ.
    cpu_features: Option<Vec<String>>,
    /// What the kernel does about each of its CPUs' vulnerabilities.
    mitigations: Option<BTreeMap<String, String>>,
    arm_abi: Option<ArmAbi>,
    /// Lines of the kernel's log, each after its time in seconds.
    log: Option<Vec<String>>,
    dump: Option<Dump>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Missing {
    pub(crate) part: &'static str,
    pub(crate) why: String,
}

#[derive(Debug, Serialize)]
struct Kernel {
    release: Option<String>,
    version: Option<String>,
    tainted: Option<String>,
}

/// CPUs that are alike.
#[derive(Debug, Serialize)]
struct Cpus {
    midr: Hex,
    revidr: Option<Hex>,
    count: usize,
}

/// The files of kvm-arm64-rust in debugfs.
#[derive(Debug, Serialize)]
struct ArmAbi {
    mode: Option<String>,
    check: Option<String>,
    count: Option<String>,
    fast: Option<String>,
    compat: Option<String>,
    stats: Option<Stats>,
    /// The same after the dump, whose calls are counted, too.
    stats_after_dump: Option<Stats>,
}

impl Report {
    /// What the files below `root` have.
    pub(crate) fn gather(root: &Path) -> Self {
        let root = Root::new(root);
        let mut missing = Vec::new();
        let mut part = Part(&mut missing);
        let release = part.get("kernel.release", root.line("proc/sys/kernel/osrelease"));
        Self {
            format: FORMAT,
            tool: concat!("kvmfit ", env!("CARGO_PKG_VERSION")).to_string(),
            config: part.get("config", config(&root, release.as_deref())),
            kernel: Kernel {
                release,
                version: part.get("kernel.version", root.line("proc/sys/kernel/version")),
                tainted: part.get("kernel.tainted", root.line("proc/sys/kernel/tainted")),
            },
            parameters: part.get("parameters", {
                root.text("proc/cmdline").map(|text| parts::parameters(&text))
            }),
            cpus: part.get("cpus", cpus(&root)),
            cpu_features: part.get("cpu_features", {
                root.text("proc/cpuinfo").and_then(|text| parts::cpu_features(&text))
            }),
            mitigations: part.get("mitigations", mitigations(&root)),
            arm_abi: arm_abi(&root, &mut part),
            log: log(&root, &mut part),
            dump: None,
            missing,
        }
    }

    /// Puts the dump of the host into the report, or why there is none.
    pub(crate) fn add_dump(&mut self, root: &Path, dump: Result<Dump, String>) {
        let dumped = dump.is_ok();
        let mut part = Part(&mut self.missing);
        self.dump = part.get("dump", dump);
        if let (true, Some(arm_abi)) = (dumped, &mut self.arm_abi) {
            arm_abi.stats_after_dump =
                part.get("arm_abi.stats_after_dump", stats(&Root::new(root)));
        }
    }

    /// The parts that are not there, and why.
    pub(crate) fn missing(&self) -> &[Missing] {
        &self.missing
    }
}

/// Collects what is missing.
struct Part<'a>(&'a mut Vec<Missing>);

impl Part<'_> {
    fn get<T>(&mut self, part: &'static str, got: Result<T, String>) -> Option<T> {
        got.map_err(|why| self.lacks(part, why)).ok()
    }

    fn lacks(&mut self, part: &'static str, why: impl Into<String>) {
        self.0.push(Missing { part, why: why.into() });
    }
}

/// The options of the running kernel's build, from where distributions put them.
fn config(root: &Root, release: Option<&str>) -> Result<BTreeMap<String, String>, String> {
    let mut places = vec!["proc/config.gz".to_string()];
    // A release that is a path would lead elsewhere.
    if let Some(release) = release.filter(|release| !release.contains('/')) {
        places.push(format!("boot/config-{release}"));
        places.push(format!("lib/modules/{release}/config"));
    }
    for place in &places {
        if let Ok(text) = root.text(place) {
            return Ok(parts::config(&text));
        }
    }
    let places: Vec<String> = places.iter().map(|place| format!("/{place}")).collect();
    Err(format!("none of these can be read: {}", places.join(", ")))
}

fn cpus(root: &Root) -> Result<Vec<Cpus>, String> {
    let mut kinds: BTreeMap<(u64, Option<u64>), usize> = BTreeMap::new();
    for name in root.names(CPUS)? {
        let is_cpu = name.strip_prefix("cpu").is_some_and(|n| n.parse::<u32>().is_ok());
        let register = |register: &str| {
            let text = root.line(&format!("{CPUS}/{name}/regs/identification/{register}"));
            text.ok().and_then(|text| kvmfit::id::parse_u64(&text).ok())
        };
        // A CPU that is offline has none.
        if let (true, Some(midr)) = (is_cpu, register("midr_el1")) {
            *kinds.entry((midr, register("revidr_el1"))).or_default() += 1;
        }
    }
    if kinds.is_empty() {
        return Err(format!("no CPU of /{CPUS} has regs/identification/midr_el1"));
    }
    let cpus = kinds.into_iter();
    Ok(cpus
        .map(|((midr, revidr), count)| Cpus { midr: Hex(midr), revidr: revidr.map(Hex), count })
        .collect())
}

fn mitigations(root: &Root) -> Result<BTreeMap<String, String>, String> {
    let place = format!("{CPUS}/vulnerabilities");
    let names = root.names(&place)?.into_iter();
    names.map(|name| root.line(&format!("{place}/{name}")).map(|line| (name, line))).collect()
}

fn arm_abi(root: &Root, part: &mut Part<'_>) -> Option<ArmAbi> {
    for (place, otherwise) in [
        ("sys/kernel/debug/kvm", "debugfs is not mounted there, or the kernel has no KVM"),
        (ARM_ABI, "the kernel was built without kvm-arm64-rust"),
    ] {
        if let Err(why) = root.names(place) {
            part.lacks("arm_abi", format!("{why}: {otherwise}"));
            return None;
        }
    }
    let line = |name: &str| root.line(&format!("{ARM_ABI}/{name}"));
    Some(ArmAbi {
        mode: part.get("arm_abi.mode", line("mode")),
        check: part.get("arm_abi.check", line("check")),
        count: part.get("arm_abi.count", line("count")),
        fast: part.get("arm_abi.fast", line("fast")),
        compat: part.get("arm_abi.compat", line("compat")),
        stats: part.get("arm_abi.stats", stats(root)),
        stats_after_dump: None,
    })
}

fn stats(root: &Root) -> Result<Stats, String> {
    let place = format!("{ARM_ABI}/stats");
    root.text(&place).and_then(|text| parts::stats(&text).map_err(|why| format!("/{place}: {why}")))
}

fn log(root: &Root, part: &mut Part<'_>) -> Option<Vec<String>> {
    let Log { lines, first } =
        part.get("log", root.records("dev/kmsg").map(|text| parts::log(&text)))?;
    if first > 0 {
        part.lacks(
            "log",
            format!(
                "the {first} oldest lines of the kernel's log are gone: \
                 `journalctl -k -g 'Rust gives'` may have them"
            ),
        );
    }
    Some(lines)
}
