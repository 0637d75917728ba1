// SPDX-License-Identifier: Apache-2.0 OR MIT

//! Files, of which `/dev/kvm` is this host.

use std::path::Path;

use kvmfit::dump::{alike, Dump, NotAlike, Vm};
use kvmfit::read::{read_file, Content, Input};
use kvmfit::state::{Format, State};
use kvmfit::template::Template;
use kvmfit::vmm::{Vmm, PLANNED};

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

/// What a VM is that comes from a dump.
pub(crate) struct NewVm<'a> {
    /// Its features, or `None` for those that VMs of the VMM mostly have.
    pub(crate) features: Option<&'a [String]>,
    pub(crate) vmm: &'a Vmm,
    /// What the VMM changes in it.
    pub(crate) template: Option<&'a Template>,
    /// Where it goes: the VM has features that this host has, too.
    pub(crate) to: Option<(&'a Path, &'a Dump)>,
}

/// The state of a VM; of a dump, that of a new VM.
pub(crate) fn state(path: &Path, new: &NewVm<'_>) -> Result<State, Failure> {
    let features = new.features;
    match open(path)? {
        File::State(_) | File::Template(_) if new.template.is_some() => {
            Err(named(path)("a CPU template changes the new VM of a dump, and this is none"))
        }
        File::State(mut state) => {
            if let (None, Some(features)) = (&state.features, features) {
                state.features = Some(args::features(features));
            }
            Ok(state)
        }
        File::Dump { format, dump } => {
            let hosts: Vec<_> = [(path, &dump)].into_iter().chain(new.to).collect();
            let features = features.or(new.template.map(|template| &template.features[..]));
            let vm = first(vms(&hosts, features, new.vmm)?)?;
            let mut state = match new.template {
                Some(template) => template.new_vm(&dump, vm),
                None => dump.new_vm(vm),
            };
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

/// A VM of each dump, all alike: with these features, or those that VMs of the VMM mostly have.
pub(crate) fn vms<'d>(
    hosts: &[(&Path, &'d Dump)],
    features: Option<&[String]>,
    vmm: &Vmm,
) -> Result<Vec<&'d Vm>, Failure> {
    let features = features.map(args::features);
    let dumps: Vec<&Dump> = hosts.iter().map(|(_, dump)| *dump).collect();
    alike(&dumps, features.as_deref(), vmm).map_err(|error| match error {
        NotAlike::Features { host, .. } => named(hosts[host - 1].0)(error.of_host()),
        error => error.into(),
    })
}

/// As [`vms`], of one dump.
pub(crate) fn vm<'d>(
    path: &Path,
    dump: &'d Dump,
    features: Option<&[String]>,
) -> Result<&'d Vm, Failure> {
    first(vms(&[(path, dump)], features, &PLANNED)?)
}

fn first(vms: Vec<&Vm>) -> Result<&Vm, Failure> {
    vms.into_iter().next().ok_or_else(|| "there is no VM".into())
}
