// SPDX-License-Identifier: Apache-2.0 OR MIT

//! What a register is, from its number in an error message.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Serialize;

use crate::dump::{Dump, Scope, Vm};
use crate::id::{Class, RegId};
use crate::level;
use crate::names;
use crate::plan::refused_fields;
use crate::takes::{Answer, Takes};
use crate::value::Value;

/// What a register is, and what a host says to a value of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// Its number.
    pub id: RegId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Its size in bytes, if KVM defines one.
    pub size: Option<usize>,
    /// Whether vCPUs share it, if a dump says so.
    pub scope: Option<Scope>,
    /// Its value in a new VM of the host.
    pub new: Option<Value>,
    /// Its fields.
    pub fields: Vec<ExplainedField>,
    /// What the host says to the value: accepted, or why not.
    pub answer: Option<String>,
    /// What the error number means here.
    pub errno: Option<String>,
    /// What to do.
    pub advice: Vec<String>,
}

/// A field of a register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExplainedField {
    /// Its name.
    pub name: String,
    /// Its bits, such as `7:4`.
    pub bits: String,
    /// What it says.
    pub about: &'static str,
    /// Its value in the value that was asked for.
    pub value: Option<u64>,
    /// Its value in a new VM of the host.
    pub new: Option<u64>,
    /// What the host takes, if it was measured.
    pub takes: Option<String>,
}

/// What to explain about a register.
#[derive(Clone, Debug, Default)]
pub struct Question<'a> {
    /// A value that was to be written.
    pub value: Option<Value>,
    /// The error number that came back.
    pub errno: Option<i32>,
    /// A dump of the host.
    pub host: Option<&'a Dump>,
}

/// Explains a register.
///
/// ```
/// use kvmfit::explain::{explain, Question};
///
/// let id = "0x6030000000140000".parse().unwrap();
/// let question = Question { errno: Some(22), ..Question::default() };
/// let explanation = explain(id, &question);
/// assert_eq!(explanation.name, "KVM_REG_ARM_PSCI_VERSION");
/// assert!(explanation.errno.unwrap().starts_with("EINVAL"));
/// ```
pub fn explain(id: RegId, question: &Question<'_>) -> Explanation {
    // Some registers exist only in VMs with more features.
    let vm = question.host.and_then(|host| host.vms.iter().find(|vm| vm.register(id).is_some()));
    let register = vm.and_then(|vm| vm.register(id));
    let new = register.map(|register| register.value.clone());
    let takes = register.and_then(|register| register.takes.as_ref());
    let mut explanation = Explanation {
        id,
        name: names::name(id),
        about: about(id),
        size: id.size(),
        scope: register.and_then(|register| register.scope),
        fields: fields(id, question.value.as_ref(), new.as_ref(), takes),
        new,
        answer: None,
        errno: question.errno.map(|errno| meaning(errno, id)),
        advice: Vec::new(),
    };
    if let Some(host) = question.host {
        match register {
            None => explanation.absent(host),
            Some(register) => {
                if let Some(value) = &question.value {
                    explanation.judge(value, &register.value, takes);
                }
            }
        }
        if let Some(vm) = vm {
            explanation.depends(vm);
        }
    } else {
        let text = "give a dump of the host (`kvmfit dump` there) to see what it takes";
        explanation.advice.push(text.to_string());
    }
    explanation.levels();
    explanation
}

impl Explanation {
    fn absent(&mut self, host: &Dump) {
        if host.unlisted.contains(&self.id) {
            let text = "this dump does not say whether the host has it";
            self.answer = Some(text.to_string());
            return;
        }
        self.answer = Some("the host does not have this register: ENOENT".to_string());
        let text = format!(
            "a snapshot with {} cannot be restored here as it is: `kvmfit plan` says whether it is \
             safe to remove it",
            self.name
        );
        self.advice.push(text);
    }

    fn judge(&mut self, value: &Value, new: &Value, takes: Option<&Takes>) {
        let Some(takes) = takes else {
            self.answer = Some("accepted: it is state of a vCPU, and takes any value".to_string());
            return;
        };
        let text = match takes.accepts_value(value, new) {
            Answer::Yes => "accepted".to_string(),
            Answer::Stores { reads } => format!("accepted, and reads back as {reads:#x}"),
            Answer::No { errno, bits } => {
                let number = |value: &Value| value.as_u64().unwrap_or(0);
                let fields = refused_fields(self.id, bits, number(value), number(new), Some(takes));
                let together =
                    matches!(takes, Takes::Digits(digits) if digits.conflict(number(value), bits));
                let list = fields.iter().map(|field| {
                    let sets = format!(" (it takes {})", field.takes);
                    let sets = if together { "" } else { &sets };
                    format!("{} {:#x}{sets}", field.name, field.value)
                });
                let list = list.collect::<Vec<_>>().join(", ");
                let what = if list.is_empty() {
                    format!("it takes {takes}")
                } else if together {
                    format!("{list}: it takes each, and not together")
                } else {
                    list
                };
                self.advice.push(
                    "a VM that moves here must not have this value from its start: `kvmfit \
                     baseline` finds one that all hosts take"
                        .to_string(),
                );
                format!("refused with {}: {what}", errno_name(errno))
            }
            Answer::CannotTell { why } => {
                self.advice.push(why.remedy().to_string());
                format!("cannot tell: {why}")
            }
        };
        self.answer = Some(text);
    }

    fn depends(&mut self, vm: &Vm) {
        for affects in vm.affects.iter().filter(|affects| affects.id != self.id) {
            if affects.targets().any(|target| target == self.id) {
                let (digit, first) = (affects.digit, names::name(affects.id));
                let field = names::field_at(affects.id, 4 * (digit % 16));
                let field =
                    field.map_or_else(|| format!("digit {digit}"), |field| field.name.into());
                let text = format!("it depends on {first}.{field}: write {first} first");
                if !self.advice.contains(&text) {
                    self.advice.push(text);
                }
            }
        }
    }

    fn levels(&mut self) {
        let compat = &level::COMPAT;
        self.advice.extend(compat.of_register(self.id).map(|exception| {
            let (at, what, reason) = (exception.at(), exception.what, exception.reason);
            format!("at {at} of {}: {what} ({reason})", compat.name)
        }));
    }
}

fn about(id: RegId) -> String {
    let known = names::info(id).map_or("", |info| info.about);
    let class = match id.class() {
        _ if !id.is_arm64() => return "the number is not of a register of arm64".to_string(),
        Class::Core => "core register of a vCPU",
        Class::Demux => "description of a cache, by level and type",
        Class::Firmware => "firmware register of a VM",
        Class::FirmwareBitmap => "hypercall services that a VM has, a bit each",
        Class::Sve => "SVE register",
        Class::SysReg if id.is_id_register() => "ID register: what the CPU of a VM can do",
        Class::SysReg if id.configures() => "register that identifies the CPU of a VM",
        Class::SysReg => "system register, state of a vCPU",
        Class::Other(_) => "a class of registers that this version does not know",
    };
    if known.is_empty() {
        class.to_string()
    } else {
        format!("{class}: {known}")
    }
}

fn fields(
    id: RegId,
    value: Option<&Value>,
    new: Option<&Value>,
    takes: Option<&Takes>,
) -> Vec<ExplainedField> {
    let number = |value: Option<&Value>| value.and_then(Value::as_u64);
    let (value, new) = (number(value), number(new));
    let known = names::fields(id).iter().map(names::Field::mask);
    let mut mask = known.fold(0, |mask, field| mask | field);
    // Bits without a name are worth a line if they are set.
    mask |= value.unwrap_or(0) | new.unwrap_or(0);
    if names::fields(id).is_empty() {
        mask = 0;
    }
    let part = |part: names::Part| {
        let (low, high) = (part.mask.trailing_zeros(), part.mask.checked_ilog2().unwrap_or(0));
        let accepted = match (takes, new) {
            (Some(Takes::Digits(_)), Some(new)) => {
                let given = value.unwrap_or(new);
                let fields = refused_fields(id, part.mask, given, new, takes);
                fields.into_iter().find(|field| field.name == part.name).map(|field| field.takes)
            }
            _ => None,
        };
        ExplainedField {
            bits: if low == high { format!("{low}") } else { format!("{high}:{low}") },
            about: part.about,
            value: value.map(|_| part.a),
            new: new.map(|_| part.b),
            takes: accepted,
            name: part.name,
        }
    };
    names::parts(id, mask, value.unwrap_or(0), new.unwrap_or(0)).into_iter().map(part).collect()
}

/// The name of an error number of Linux that KVM gives for registers.
pub fn errno_name(errno: i32) -> String {
    let name = match errno {
        1 => "EPERM",
        2 => "ENOENT",
        4 => "EINTR",
        5 => "EIO",
        6 => "ENXIO",
        7 => "E2BIG",
        8 => "ENOEXEC",
        9 => "EBADF",
        11 => "EAGAIN",
        12 => "ENOMEM",
        13 => "EACCES",
        14 => "EFAULT",
        16 => "EBUSY",
        17 => "EEXIST",
        19 => "ENODEV",
        22 => "EINVAL",
        24 => "EMFILE",
        25 => "ENOTTY",
        28 => "ENOSPC",
        34 => "ERANGE",
        38 => "ENOSYS",
        75 => "EOVERFLOW",
        95 => "EOPNOTSUPP",
        _ => return format!("error {errno}"),
    };
    name.to_string()
}

fn meaning(errno: i32, id: RegId) -> String {
    let text = match errno {
        1 => "the vCPU is not finalized (KVM_ARM_VCPU_FINALIZE), or already is",
        2 => "the host has no such register, or not with the features of this VM",
        14 => "the memory for the value is not accessible",
        16 if id.class() == Class::FirmwareBitmap || id.is_id_register() => {
            "the VM has run: the register can only be written before"
        }
        16 => "the register can no longer be written",
        22 if id.configures() => "the host does not take this value for the register",
        22 => "the value or the register is not valid here",
        _ => "KVM does not document it for registers",
    };
    format!("{}: {text}", errno_name(errno))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;
    use proptest::prelude::*;

    fn ask(id: RegId, value: u64, host: &Dump) -> Explanation {
        let value = Some(value.into());
        explain(id, &Question { value, errno: Some(22), host: Some(host) })
    }

    #[test]
    fn says_which_field_is_refused() {
        let explanation = ask(PFR0, 0x1101_0100_2111_1112, &host());
        let answer = explanation.answer.unwrap();
        assert_eq!(answer, "refused with EINVAL: MPAM 0x1 (it takes 0)");
        let mpam = explanation.fields.iter().find(|field| field.name == "MPAM").unwrap();
        assert_eq!((mpam.bits.as_str(), mpam.value, mpam.new), ("43:40", Some(1), Some(0)));
        assert_eq!(mpam.takes.as_deref(), Some("0"));
    }

    #[test]
    fn says_on_what_it_depends() {
        let explanation = ask(WORKAROUND_2, 3, &host());
        assert_eq!(explanation.answer.unwrap(), "refused with EINVAL: it takes 0x0, 0x1, 0x2");
        let text = "it depends on ID_AA64PFR1_EL1.SSBS: write ID_AA64PFR1_EL1 first";
        assert!(explanation.advice.contains(&text.to_string()));
    }

    #[test]
    fn says_that_a_host_lacks_it() {
        let explanation = ask(RegId::firmware_bitmap(3), 0, &host());
        assert_eq!(explanation.answer.unwrap(), "the host does not have this register: ENOENT");
    }

    #[test]
    fn says_in_what_a_level_is_not_as_the_release() {
        let advice = |id| explain(id, &Question::default()).advice;
        let tcr2 = advice(RegId::sysreg(3, 0, 2, 0, 3));
        let text = "at level 6.12 of KVM_CAP_ARM_COMPAT: TCR2_EL1, PIR_EL1 and PIRE0_EL1 take one \
                    value, on a CPU without them (a guest cannot have changed them there; 6.12 \
                    took any value, which had no effect)";
        assert_eq!(tcr2.last().unwrap(), text);
        assert!(!advice(PSCI).iter().any(|line| line.contains("KVM_CAP_ARM_COMPAT")));
    }

    #[test]
    fn all_of_a_list_is_explained() {
        let host = fingerprint("N1_5.10");
        for register in &host.vms[0].registers {
            let explanation = explain(register.id, &Question::default());
            assert!(!explanation.about.contains("does not know"), "{explanation:?}");
            assert!(!explanation.name.starts_with("0x"), "{explanation:?}");
        }
    }

    proptest! {
        #[test]
        fn any_number_is_explained(raw: u64, value: u64, errno: i32) {
            let question =
                Question { value: Some(value.into()), errno: Some(errno), host: Some(&host()) };
            prop_assert!(!explain(RegId::new(raw), &question).about.is_empty());
        }
    }
}
