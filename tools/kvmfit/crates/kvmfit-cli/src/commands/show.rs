// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Show what files have.

use std::fmt::Write;
use std::path::Path;

use kvmfit::dump::{Dump, Scope, Vm};
use kvmfit::id::RegId;
use kvmfit::names;
use kvmfit::state::{State, VgicAttribute, VgicModel, VgicState};
use kvmfit::takes::Takes;
use kvmfit::template::Template;
use kvmfit::value::Value;

use crate::args::Show;
use crate::files::{self, File};
use crate::{output, Answer, Failure};

pub(crate) fn run(args: &Show) -> Result<Answer, Failure> {
    for (n, path) in args.files.iter().enumerate() {
        let file = files::open(path)?;
        if args.view.json {
            json(path, file, args)?;
            continue;
        }
        let mut text = String::new();
        if args.files.len() > 1 {
            let space = if n == 0 { "" } else { "\n" };
            writeln!(text, "{space}{}:", output::one_line(&path.display().to_string()))?;
        }
        match file {
            File::Dump { format, dump } => {
                writeln!(text, "{format} of kernel {}", output::one_line(&dump.host.kernel))?;
                show_dump(&mut text, path, &dump, args)?;
            }
            File::State(state) => show_state(&mut text, &state, args)?,
            File::Template(template) => show_template(&mut text, &template)?,
        }
        output::print(text.as_bytes())?;
    }
    Ok(Answer::Yes)
}

fn json(path: &Path, file: File, args: &Show) -> Result<(), Failure> {
    match file {
        File::Dump { dump, .. } if args.view.select.features.is_some() => {
            output::json(files::vm(path, &dump, args.view.select.features.as_deref())?)
        }
        File::Dump { dump, .. } => output::json(&dump),
        File::State(state) => output::json(&state),
        File::Template(template) => {
            let registers = template.registers.iter();
            let registers: Vec<_> = registers
                .map(|modifier| {
                    serde_json::json!({
                        "id": modifier.id,
                        "name": names::name(modifier.id),
                        "mask": format!("{:#x}", modifier.filter),
                        "value": format!("{:#x}", modifier.value),
                    })
                })
                .collect();
            let features = &template.features;
            output::json(&serde_json::json!({ "features": features, "registers": registers }))
        }
    }
}

fn show_dump(text: &mut String, path: &Path, dump: &Dump, args: &Show) -> Result<(), Failure> {
    let host = &dump.host;
    let known = |number: u32| if number == 0 { "unknown".to_string() } else { number.to_string() };
    writeln!(text, "MIDR_EL1           {}", host.midr)?;
    writeln!(text, "page size          {}", known(host.page_size))?;
    writeln!(text, "address bits       {}", known(host.ipa_bits))?;
    for vm in &dump.vms {
        let count = vm.registers.len();
        writeln!(text, "VM                 {}: {count} registers", feature_list(&vm.features))?;
    }
    for lack in &host.lacks {
        writeln!(text, "lacks              {}", output::one_line(lack))?;
    }
    let vm = files::vm(path, dump, args.view.select.features.as_deref())?;
    writeln!(text, "\nVM with {}", feature_list(&vm.features))?;
    let rows =
        vm.registers.iter().filter(|register| args.view.all || register.takes.is_some()).flat_map(
            |register| {
                let scope = register.scope.map_or("", |scope| match scope {
                    Scope::Vm => "VM",
                    Scope::Vcpu => "vCPU",
                });
                rows(register.id, &register.value, scope, register.takes.as_ref())
            },
        );
    text.push_str(&output::table(&["number", "register", "value", "scope", "takes", "says"], rows));
    effects(text, vm)?;
    for vgic in &dump.vgic {
        writeln!(text, "\n{}", gic_name(vgic.model))?;
        let rows = vgic.attributes.iter().map(|attribute| {
            let takes = match &attribute.takes {
                Some(Takes::Digits(digits)) => significant(digits),
                Some(takes) => takes.to_string(),
                None => String::new(),
            };
            vec![
                format!("group {} attribute {:#x}", attribute.group, attribute.attr),
                format!("{:#x}", attribute.value),
                takes,
            ]
        });
        text.push_str(&output::table(&["attribute", "value", "takes"], rows));
    }
    Ok(())
}

fn effects(text: &mut String, vm: &Vm) -> Result<(), Failure> {
    if !vm.affects.is_empty() {
        writeln!(text, "\nEffects")?;
    }
    for affects in &vm.affects {
        let bit = 4 * affects.digit.min(15);
        let field = names::field_at(affects.id, bit);
        let field = field.map_or(format!("bits {}:{bit}", bit + 3), |field| field.name.to_string());
        write!(text, "{}.{field} = {:#x}:", names::name(affects.id), affects.value)?;
        for id in &affects.hides {
            write!(text, " hides {}", names::name(*id))?;
        }
        for reg in &affects.changes {
            write!(text, " {} reads {}", names::name(reg.id), reg.value)?;
        }
        for takes in &affects.takes {
            write!(text, " {} takes {}", names::name(takes.id), accepted(&takes.takes))?;
        }
        writeln!(text)?;
    }
    Ok(())
}

fn show_state(text: &mut String, state: &State, args: &Show) -> Result<(), Failure> {
    let of = |what: &Option<String>| what.clone().map_or(String::new(), |what| format!(" {what}"));
    let version = of(&state.origin.vmm_version);
    let kernel = state.origin.kernel.as_ref().map_or(String::new(), |k| format!(", kernel {k}"));
    writeln!(text, "{}{}", state.origin.format, output::one_line(&(version + &kernel)))?;
    match &state.features {
        Some(features) => writeln!(text, "features   {}", feature_list(features))?,
        None => writeln!(text, "features   not in the file")?,
    }
    for (n, vcpu) in state.vcpus.iter().enumerate() {
        writeln!(text, "\nvCPU {n}, {} registers", vcpu.registers.len())?;
        let rows = vcpu
            .registers
            .iter()
            .filter(|reg| args.view.all || reg.id.configures())
            .flat_map(|reg| rows(reg.id, &reg.value, "", None));
        let rows = rows.map(|row| [&row[..3], &row[5..]].concat());
        text.push_str(&output::table(&["number", "register", "value", "says"], rows));
    }
    if let Some(VgicState { model, attributes, .. }) = &state.vgic {
        writeln!(text, "\n{}", gic_name(*model))?;
        let rows = attributes.iter().map(|VgicAttribute { group, attr, value, .. }| {
            vec![format!("group {group} attribute {attr:#x}"), format!("{value:#x}")]
        });
        text.push_str(&output::table(&["attribute", "value"], rows));
    }
    Ok(())
}

fn show_template(text: &mut String, template: &Template) -> Result<(), Failure> {
    writeln!(text, "CPU template of Firecracker")?;
    if !template.features.is_empty() {
        writeln!(text, "turns on {}", feature_list(&template.features))?;
    }
    let rows = template.registers.iter().map(|modifier| {
        let (mask, value) = (modifier.filter, modifier.value);
        let bits = match (u64::try_from(mask), u64::try_from(value)) {
            (Ok(mask), Ok(value)) => names::parts(modifier.id, mask, value, value)
                .iter()
                .map(|part| format!("{} = {:#x}", part.name, part.a))
                .collect::<Vec<_>>()
                .join(", "),
            _ => String::new(),
        };
        let number = modifier.id.to_string();
        vec![number, names::name(modifier.id), format!("{mask:#x}"), format!("{value:#x}"), bits]
    });
    text.push_str(&output::table(&["number", "register", "mask", "value", "fields"], rows));
    Ok(())
}

/// A row for a register, and one for each of its fields that is not 0.
fn rows(id: RegId, value: &Value, scope: &str, takes: Option<&Takes>) -> Vec<Vec<String>> {
    let row = |number: String, name: String, value: String, scope: &str, takes, says: &str| {
        vec![number, name, value, scope.to_string(), takes, says.to_string()]
    };
    let all = takes.map_or(String::new(), accepted);
    let mut rows = vec![row(id.to_string(), names::name(id), value.to_string(), scope, all, "")];
    let Some(number) = value.as_u64().filter(|_| !names::fields(id).is_empty()) else {
        return rows;
    };
    for part in names::parts(id, number, number, 0) {
        let takes = match takes {
            Some(Takes::Digits(digits)) => field_takes(digits, part.mask),
            _ => String::new(),
        };
        let (name, value) = (format!("  {}", part.name), format!("{:#x}", part.a));
        rows.push(row(String::new(), name, value, "", takes, part.about));
    }
    rows
}

/// What the digits of a field take, the highest first.
fn field_takes(digits: &kvmfit::takes::Digits, mask: u64) -> String {
    let of = |n: u32| digits.digit(n as usize).to_string();
    let (low, high) = (mask.trailing_zeros() / 4, mask.checked_ilog2().unwrap_or(0) / 4);
    if low == high {
        of(low)
    } else {
        (low..=high).rev().map(of).collect::<Vec<_>>().join(" ")
    }
}

/// What the digits take, without those before that are always 0.
fn significant(digits: &kvmfit::takes::Digits) -> String {
    let zero = |n: usize| digits.digit(n).to_string() == "0";
    let highest = (0..kvmfit::takes::DIGITS).rev().find(|&n| !zero(n)).unwrap_or(0);
    (0..=highest).rev().map(|n| digits.digit(n).to_string()).collect::<Vec<_>>().join(" ")
}

/// What is taken, in short: nothing of digits that only take what they have.
fn accepted(takes: &Takes) -> String {
    match takes {
        Takes::Digits(digits) => {
            let fixed = digits.digits.iter().all(|set| set.0.count_ones() <= 1);
            let all = digits.independent && digits.conflicts.is_empty();
            let depends = if all { "" } else { ", not in all combinations" };
            if fixed {
                "only this value".into()
            } else {
                format!("fields{depends}")
            }
        }
        other => other.to_string(),
    }
}

fn feature_list(features: &[String]) -> String {
    output::one_line(&features.join(", "))
}

fn gic_name(model: VgicModel) -> &'static str {
    match model {
        VgicModel::V2 => "GICv2",
        _ => "GICv3",
    }
}
