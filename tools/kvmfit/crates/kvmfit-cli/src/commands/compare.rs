// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Compare hosts or VMs, each with the first.

use std::fmt::Write;

use kvmfit::compare::{compare, Comparison, Row, Side};
use kvmfit::names::Relation;
use kvmfit::vmm::PLANNED;

use crate::args::Compare;
use crate::files::{self, File};
use crate::{output, Answer, Failure};

pub(crate) fn run(args: &Compare) -> Result<Answer, Failure> {
    let files: Vec<File> =
        args.files.iter().map(|path| files::open(path)).collect::<Result<_, _>>()?;
    let hosts = args.files.iter().zip(&files).filter_map(|(path, file)| match file {
        File::Dump { dump, .. } => Some((path.as_path(), dump)),
        _ => None,
    });
    let hosts: Vec<_> = hosts.collect();
    let mut vms = match &hosts[..] {
        [] => Vec::new(),
        hosts => files::vms(hosts, args.view.select.features.as_deref(), &PLANNED)?,
    }
    .into_iter();
    let mut sides = Vec::new();
    for (path, file) in args.files.iter().zip(&files) {
        let label = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        sides.push(match file {
            File::Dump { .. } => Side::of_vm(label, vms.next().ok_or("there is no VM")?),
            File::State(state) => Side::of_state(label, state),
            File::Template(_) => {
                let path = path.display();
                return Err(format!("{path}: it is a CPU template, which is no VM").into());
            }
        });
    }
    let mut comparison = compare(&sides);
    if !args.view.all {
        comparison.rows.retain(|row| row.configures);
    }
    if args.view.json {
        output::json(&comparison)?;
    } else {
        output::print(text(&comparison)?.as_bytes())?;
    }
    Ok(if comparison.is_equal() { Answer::Yes } else { Answer::No })
}

fn text(comparison: &Comparison) -> Result<String, Failure> {
    let mut text = String::new();
    if comparison.rows.is_empty() {
        writeln!(text, "equal")?;
        return Ok(text);
    }
    let header: Vec<&str> =
        ["register"].into_iter().chain(comparison.labels.iter().map(String::as_str)).collect();
    let rows = comparison.rows.iter().flat_map(|row| rows(row, comparison.labels.len()));
    text.push_str(&output::table(&header, rows));
    Ok(text)
}

fn relation(relation: Option<Relation>) -> &'static str {
    match relation {
        Some(Relation::Lower) => " lower",
        Some(Relation::Higher) => " higher",
        Some(Relation::Differs) => " differs",
        _ => "",
    }
}

fn rows(row: &Row, sides: usize) -> Vec<Vec<String>> {
    let missing = row.values.iter().any(Option::is_none);
    // Fields say all there is, unless a side does not have the register.
    let whole = missing || row.fields.is_empty();
    let values = row.values.iter().map(|value| match value {
        None => "not there".to_string(),
        Some(value) if whole => value.to_string(),
        Some(_) => String::new(),
    });
    let mut rows = vec![[row.name.clone()].into_iter().chain(values).collect::<Vec<_>>()];
    for field in &row.fields {
        let values = (0..sides).map(|n| {
            let value = field.values.get(n).copied().flatten();
            let how = relation(field.relations.get(n).copied().flatten());
            value.map_or(String::new(), |value| format!("{value:#x}{how}"))
        });
        rows.push([format!("  {}", field.name)].into_iter().chain(values).collect());
    }
    let takes: Vec<String> = row
        .takes
        .iter()
        .map(|takes| match takes {
            Some(Relation::Lower) => "takes less".to_string(),
            Some(Relation::Higher) => "takes more".to_string(),
            Some(Relation::Differs) => "takes others".to_string(),
            _ => String::new(),
        })
        .collect();
    if takes.iter().any(|text| !text.is_empty()) {
        rows.push(["  accepted values".to_string()].into_iter().chain(takes).collect());
    }
    rows
}
