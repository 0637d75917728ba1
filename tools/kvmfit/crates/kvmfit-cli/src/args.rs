// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use kvmfit::value::Value;

const AFTER: &str = "Exit codes: 0 yes, 1 no, 2 cannot tell, or an error.

A FILE is a dump or a state of kvmfit, a fingerprint, a CPU template or the output of
`snapshot-editor info-vmstate vcpu-states` of Firecracker, state.json of cloud-hypervisor, or
a migration stream of QEMU. /dev/kvm as a FILE is this host, measured now.";

/// Does this arm64 KVM virtual machine fit that host?
#[derive(Debug, Parser)]
#[command(name = "kvmfit", version, after_help = AFTER, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dump(Dump),
    Show(Show),
    Compare(Compare),
    Plan(Plan),
    Check(Check),
    Baseline(Baseline),
    Explain(Explain),
    Audit(Audit),
    Label(Label),
    Report(Report),
    #[command(hide = true)]
    State(State),
    #[command(hide = true)]
    Agree(Agree),
    #[command(hide = true)]
    Verify(Verify),
    /// Print the script that completes the words of a command line
    #[command(hide = true)]
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Write a man page for each command into a directory
    #[command(hide = true)]
    Man {
        /// The directory
        directory: PathBuf,
    },
}

/// Measure this host: what its VMs have, and which values it takes
///
/// Values are written into scratch VMs, which are gone afterwards. Only one of them runs: it makes
/// hypercalls. No other VM is touched. `dump` needs access to /dev/kvm and nothing else.
#[derive(Debug, ClapArgs)]
pub(crate) struct Dump {
    /// Measure a VM with these features only: sve, pmu, pauth, el2, `el1_32bit`, mte [default: all
    /// sets of features that the host has]
    #[arg(long, value_delimiter = ',', value_name = "FEATURE,...")]
    pub(crate) features: Vec<String>,
    /// Where to write the dump
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Let no VM run: leave out what a guest gets from hypercalls
    #[arg(long)]
    pub(crate) no_run: bool,
    /// Show no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print how long it took, and how many system calls it made
    #[arg(long)]
    pub(crate) stats: bool,
}

// Which VM of a dump.
#[derive(Debug, ClapArgs)]
pub(crate) struct Select {
    /// From a dump, the VM with these features; for a state that does not say which features its
    /// VM has, these [default: those that most VMs of the VMM have, as far as all hosts have them]
    #[arg(long, value_delimiter = ',', value_name = "FEATURE,...")]
    pub(crate) features: Option<Vec<String>>,
}

// How to look at files.
#[derive(Debug, ClapArgs)]
pub(crate) struct View {
    /// Registers of a vCPU's state, too, not only what configures a VM
    #[arg(short, long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) select: Select,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show what a file has, by the names of registers and fields
#[derive(Debug, ClapArgs)]
pub(crate) struct Show {
    /// What to show
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) view: View,
}

/// Compare hosts or VMs, field by field, each with the first
///
/// The answer is yes if all have the same configuration.
#[derive(Debug, ClapArgs)]
pub(crate) struct Compare {
    /// What to compare
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) view: View,
}

/// Whether a VM can be restored on a host, and if not, why not and what helps
#[derive(Debug, ClapArgs)]
pub(crate) struct Plan {
    /// The state of the VM; or a dump, for a new VM on that host
    #[arg(value_name = "SRC")]
    pub(crate) source: PathBuf,
    /// The dump of the host to which it goes
    #[arg(value_name = "DST")]
    pub(crate) destination: PathBuf,
    /// Change the new VM of a dump by this CPU template of Firecracker
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) vmm: Vmm,
    #[command(flatten)]
    pub(crate) select: Select,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Vmm {
    /// The VMM that restores the VM; planned is one that writes in the order that `plan` prints
    #[arg(long, value_name = "VMM", default_value = "planned", value_parser = vmm_names())]
    pub(crate) vmm: String,
}

fn vmm_names() -> clap::builder::PossibleValuesParser {
    kvmfit::vmm::ALL.map(|vmm| clap::builder::PossibleValue::new(vmm.name).help(vmm.about)).into()
}

impl Vmm {
    pub(crate) fn get(&self) -> &'static kvmfit::vmm::Vmm {
        kvmfit::vmm::find(&self.vmm).unwrap_or(&kvmfit::vmm::PLANNED)
    }
}

/// Whether this host takes a VM, by writing it into a scratch VM
///
/// Registers are written in the order in which the VMM writes them.
#[derive(Debug, ClapArgs)]
pub(crate) struct Check {
    /// The state of the VM; or a dump, for a new VM on that host
    #[arg(required = true, value_name = "STATE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) vmm: Vmm,
    #[command(flatten)]
    pub(crate) select: Select,
    /// The dump of this host [default: measured now]
    #[arg(long, value_name = "DUMP")]
    pub(crate) host: Option<PathBuf>,
    /// How to write what configures the VM
    #[arg(long, value_enum, default_value_t = Way::Auto)]
    pub(crate) way: Way,
    /// Show no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print JSON, an object on a line for each state
    #[arg(long)]
    pub(crate) json: bool,
}

/// How `check` writes what configures a VM. The answers are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// As a set, if the host knows how and the VMM leaves the order open; else register by register
    Auto,
    /// As a set, by `KVM_ARM_VM_CONFIG` of kvm-arm64-rust
    Set,
    /// Register by register, by `KVM_SET_ONE_REG`
    Registers,
}

/// The greatest VM that every host takes
///
/// The answer is no if VMs cannot move between all of them whatever is configured.
#[derive(Debug, ClapArgs)]
pub(crate) struct Baseline {
    /// The dumps of the hosts
    #[arg(required = true, value_name = "DUMP")]
    pub(crate) files: Vec<PathBuf>,
    /// Print it in the form that a VMM takes
    #[arg(long, value_enum, value_name = "FORM")]
    pub(crate) emit: Option<Form>,
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) vmm: Vmm,
    /// Print JSON
    #[arg(long, conflicts_with = "emit")]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Form {
    /// A custom CPU template of Firecracker
    FirecrackerTemplate,
    /// The registers to write into a new VM, in their order: a state of kvmfit
    Registers,
    /// An argument of QEMU's -cpu
    Qemu,
}

/// What the number of a register in an error message means, and what to do
///
/// For a VMM, such as qemu-11, it says how the VMM restores a VM, and where this is known from. For
/// `KVM_CAP_ARM_COMPAT`, a capability of kvm-arm64-rust, it says how a VM at a level differs from
/// one under that release of Linux, and why.
#[derive(Debug, ClapArgs)]
pub(crate) struct Explain {
    /// The number or the name of the register, the name of a VMM, or `KVM_CAP_ARM_COMPAT`
    pub(crate) id: String,
    /// The value that was to be written
    pub(crate) value: Option<Value>,
    /// The error, such as 22 or EINVAL
    #[arg(long, value_parser = errno)]
    pub(crate) errno: Option<i32>,
    /// The dump of the host that refused it
    #[arg(long, value_name = "DUMP")]
    pub(crate) host: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn errno(text: &str) -> Result<i32, String> {
    let text = text.trim_start_matches('-');
    let named =
        (1..134).find(|&errno| kvmfit::explain::errno_name(errno).eq_ignore_ascii_case(text));
    named.or_else(|| text.parse().ok()).ok_or_else(|| {
        "it is neither a number nor the name of an error that KVM returns, such as EINVAL".into()
    })
}

/// What a VMM forgot to save, or restores in an order that is fatal
///
/// The answer is no if the VM cannot be restored as it is.
#[derive(Debug, ClapArgs)]
pub(crate) struct Audit {
    /// The VM
    #[arg(value_name = "STATE")]
    pub(crate) file: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Labels of a host for a scheduler, which keep a VM from hosts that refuse it
#[derive(Debug, ClapArgs)]
pub(crate) struct Label {
    /// The dump of the host [default: this host, measured now]
    #[arg(value_name = "DUMP")]
    pub(crate) file: Option<PathBuf>,
    /// Label hosts that take the baseline of these dumps
    #[arg(long, num_args = 1.., value_name = "DUMP")]
    pub(crate) baseline: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) select: Select,
    #[command(flatten)]
    pub(crate) vmm: Vmm,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Gather what a report about a host with kvm-arm64-rust needs, without secrets
///
/// The kernel's release, its options and parameters that change what VMs have, the CPUs, the mode
/// and the counts of kvm-arm64-rust, what the kernel's log says of C and Rust that differ, and a
/// dump. No name of the host, no address, no serial number, no other line of the log. What cannot
/// be read is named with the reason. Run it as root.
#[derive(Debug, ClapArgs)]
pub(crate) struct Report {
    /// Where to write the report
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Make no scratch VM: leave out the dump
    #[arg(long)]
    pub(crate) no_dump: bool,
    /// Show neither progress nor what is missing
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Read the files of the host below this directory
    #[arg(long, hide = true, requires = "no_dump", value_name = "DIRECTORY")]
    pub(crate) root: Option<PathBuf>,
}

/// Make a VM on this host, and print its state as a VMM would save it
#[derive(Debug, ClapArgs)]
pub(crate) struct State {
    /// The features of the VM: sve, pmu, pauth, el2, `el1_32bit`; `vgic_v2` or `vgic_v3` for an
    /// interrupt controller
    #[arg(long, value_delimiter = ',', value_name = "FEATURE,...")]
    pub(crate) features: Vec<String>,
    /// Change the VM by this CPU template of Firecracker
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// Where to write the state
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Print the answers of `check --json` on a host with which `plan` does not agree
///
/// Prints an object on a line for each.
#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// What `check --json` printed
    #[arg(required = true, value_name = "ANSWERS")]
    pub(crate) answers: Vec<PathBuf>,
    /// The dump of the host that answered
    #[arg(long, value_name = "DUMP")]
    pub(crate) host: PathBuf,
    /// Where the states are, by the last part of the names that the answers have
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) states: PathBuf,
}

/// Change VMs at random, and print those for which `plan` and this host do not agree
#[derive(Debug, ClapArgs)]
pub(crate) struct Agree {
    /// Other hosts, whose VMs are changed as well
    #[arg(value_name = "DUMP")]
    pub(crate) sources: Vec<PathBuf>,
    /// The dump of this host [default: measured now]
    #[arg(long, value_name = "DUMP")]
    pub(crate) host: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) vmm: Vmm,
    /// How many VMs
    #[arg(long, default_value_t = 1000)]
    pub(crate) count: usize,
    /// Where random numbers begin
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// The names of features as KVM has them, from short ones.
pub(crate) fn features(names: &[String]) -> Vec<String> {
    let mut features: Vec<String> = Vec::new();
    for name in names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        match name {
            "pmu" => features.push("pmu_v3".into()),
            "el2" => features.push("has_el2".into()),
            "pauth" | "ptrauth" => {
                features.extend(["ptrauth_address".into(), "ptrauth_generic".into()]);
            }
            name => features.push(name.into()),
        }
    }
    if !features.iter().any(|name| name == "psci_0_2") {
        features.push("psci_0_2".into());
    }
    features.sort_unstable();
    features.dedup();
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn features_have_short_names() {
        let long = |names: &[&str]| {
            features(&names.iter().map(|name| (*name).to_string()).collect::<Vec<_>>())
        };
        assert_eq!(long(&[]), ["psci_0_2"]);
        assert_eq!(long(&["pauth"]), ["psci_0_2", "ptrauth_address", "ptrauth_generic"]);
        assert_eq!(long(&["sve", "pmu", "psci_0_2"]), ["pmu_v3", "psci_0_2", "sve"]);
    }

    #[test]
    fn errors_have_names() {
        assert_eq!(errno("EINVAL"), Ok(22));
        assert_eq!(errno("-22"), Ok(22));
        assert_eq!(errno("enoent"), Ok(2));
        assert!(errno("EWHAT").is_err());
    }
}
