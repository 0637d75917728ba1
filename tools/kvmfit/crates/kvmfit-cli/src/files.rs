// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Files, of which `/dev/kvm` is this host.

use std::path::Path;

use kvmfit::dump::{Dump, Vm};
use kvmfit::read::{read_file, Content, Input};
use kvmfit::state::{Format, State};
use kvmfit::template::Template;

use crate::{args, progress, Failure};

/// What a file has.
pub(crate) enum File {
    Dump { format: Format, dump: Dump },
    State(State),
    Template(Template),
}

fn named<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Failure + '_ {
    move |error| format!("{}: {error}", path.display()).into()
}

pub(crate) fn open(path: &Path) -> Result<File, Failure> {
    if is_live(path) {
        let options = kvmfit_host::Options::default();
        let dump = progress::shown(false, |report| kvmfit_host::measure(&options, report))?.dump;
        return Ok(File::Dump { format: Format::Dump, dump });
    }
    let Input { format, content, .. } = read_file(path).map_err(named(path))?;
    Ok(match content {
        Content::Dump(dump) => File::Dump { format, dump },
        Content::State(state) => File::State(state),
        Content::Template(template) => File::Template(template),
        _ => return Err(named(path)("it is of a kind that this command does not know")),
    })
}

fn is_live(path: &Path) -> bool {
    path == Path::new("/dev/kvm")
}

/// The dump of a host.
pub(crate) fn dump(path: &Path) -> Result<Dump, Failure> {
    if is_live(path) {
        return match open(path)? {
            File::Dump { dump, .. } => Ok(dump),
            _ => Err("/dev/kvm: not a host".into()),
        };
    }
    read_file(path).and_then(Input::into_dump).map_err(named(path))
}

/// The state of a VM; of a dump, that of a new VM with these features, or else of its first one.
pub(crate) fn state(path: &Path, features: Option<&[String]>) -> Result<State, Failure> {
    match open(path)? {
        File::State(mut state) => {
            if let (None, Some(features)) = (&state.features, features) {
                state.features = Some(args::features(features));
            }
            Ok(state)
        }
        File::Dump { format, dump } => {
            let mut state = dump.new_vm(vm(path, &dump, features)?);
            state.origin.format = format;
            Ok(state)
        }
        File::Template(_) => {
            Err(named(path)("it is a CPU template, which changes a VM and is none"))
        }
    }
}

/// A CPU template.
pub(crate) fn template(path: &Path) -> Result<Template, Failure> {
    match open(path)? {
        File::Template(template) => Ok(template),
        _ => Err(named(path)("it is no CPU template of Firecracker")),
    }
}

/// The VM of a dump with these features, or its first one.
pub(crate) fn vm<'d>(
    path: &Path,
    dump: &'d Dump,
    features: Option<&[String]>,
) -> Result<&'d Vm, Failure> {
    let Some(features) = features else {
        return dump.vms.first().ok_or_else(|| named(path)("it has no VM"));
    };
    let features = args::features(features);
    dump.vm(&features).ok_or_else(|| {
        let has: Vec<String> = dump.vms.iter().map(|vm| vm.features.join(",")).collect();
        let features = features.join(",");
        named(path)(format!("it has no VM with {features}; it has those with {}", has.join("; ")))
    })
}
