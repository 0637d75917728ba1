// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Whether `plan` agrees with what a host was recorded to say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kvmfit::id::RegId;
use kvmfit::plan::{plan, Doubt, Refusal, Verdict};
use kvmfit::state::State;
use serde::{Deserialize, Serialize};

use super::agreement::{self, Agreement, Said};
use crate::{args, files, output, Answer, Failure};

/// A line of `check --json`, as far as it matters here.
#[derive(Deserialize)]
struct Recorded {
    file: PathBuf,
    vmm: String,
    refusals: Vec<Refused>,
    lacks: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Refused {
    id: Option<RegId>,
    attribute: Option<(u32, String)>,
}

#[derive(Serialize)]
struct Cell<'a> {
    state: String,
    vmm: &'a str,
    /// The host's answer.
    fits: bool,
    plan: Verdict,
    agree: bool,
    #[serde(flatten)]
    agreement: Agreement,
    /// What the host refused.
    refused: BTreeSet<String>,
    lacks: BTreeSet<String>,
    refusals: Vec<Refusal>,
    doubts: Vec<Doubt>,
}

pub(crate) fn run(args: &args::Verify) -> Result<Answer, Failure> {
    let host = files::dump(&args.host)?;
    let mut states: BTreeMap<String, State> = BTreeMap::new();
    let mut all = Answer::Yes;
    for path in &args.answers {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        for (n, line) in text.lines().enumerate() {
            let wrong = |what: &dyn std::fmt::Display| -> Failure {
                format!("{}:{}: {what}", path.display(), n + 1).into()
            };
            let recorded: Recorded = serde_json::from_str(line).map_err(|error| wrong(&error))?;
            let vmm = kvmfit::vmm::find(&recorded.vmm)
                .ok_or_else(|| wrong(&format_args!("no VMM is called {:?}", recorded.vmm)))?;
            let name = recorded.file.file_name().and_then(|name| name.to_str());
            let name = name.ok_or_else(|| wrong(&"the file has no name"))?.to_string();
            if !states.contains_key(&name) {
                let state = files::state(&args.states.join(Path::new(&name)), None)?;
                states.insert(name.clone(), state);
            }
            let Some(state) = states.get(&name) else { continue };
            let plan = plan(state, &host, vmm);
            let said = Said {
                refused: recorded.refusals.iter().map(place).collect::<Result<_, _>>()?,
                lacks: recorded.lacks,
            };
            let agreement = agreement::compare(&plan, &said);
            if !agreement.agree() {
                all = Answer::No;
            }
            output::json_line(&Cell {
                state: name,
                vmm: vmm.name,
                fits: said.refused.is_empty() && said.lacks.is_empty(),
                plan: plan.verdict,
                agree: agreement.agree(),
                agreement,
                refused: said.refused,
                lacks: said.lacks,
                refusals: plan.refusals,
                doubts: plan.doubts,
            })?;
        }
    }
    Ok(all)
}

fn place(refused: &Refused) -> Result<String, Failure> {
    match (refused.id, &refused.attribute) {
        (Some(id), None) => Ok(agreement::register(id)),
        (None, Some((group, attr))) => {
            Ok(agreement::attribute(*group, kvmfit::id::parse_u64(attr)?))
        }
        _ => Err("a refusal names neither a register nor an attribute, or both".into()),
    }
}
