// SPDX-License-Identifier: Apache-2.0 OR MIT

//! How long answers take on a core: what people wait for. `cargo test --release -- --nocapture`
//! prints it. The best of several runs counts, since other work on the machine makes runs longer
//! and never shorter.

use std::path::Path;
use std::time::{Duration, Instant};

use kvmfit::compare::{compare, Side};
use kvmfit::dump::Dump;
use kvmfit::plan::plan;
use kvmfit::{read, vmm};

/// How much longer it may take without optimization.
const SLOWER: u32 = if cfg!(debug_assertions) { 30 } else { 1 };

fn host(name: &str) -> Dump {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    read::read_file(&path).unwrap().into_dump().unwrap()
}

fn best(what: &str, runs: u32, limit: Duration, mut run: impl FnMut() -> usize) {
    let time = |run: &mut dyn FnMut() -> usize| {
        let begin = Instant::now();
        assert!(run() > 0);
        begin.elapsed()
    };
    let best = (0..runs).map(|_| time(&mut run)).min().unwrap();
    println!("{what}: {best:?}");
    assert!(best <= limit * SLOWER, "{what}: {best:?}, and at most {limit:?} is wanted");
}

/// What `kvmfit plan` does: the files are read each time.
#[test]
fn a_plan_takes_at_most_10_ms() {
    let limit = Duration::from_millis(10);
    best("plan of a new VM", 20, limit, || {
        let (n1, a72) = (host("neoverse-n1-7.3.json"), host("cortex-a72-7.3.json"));
        let state = n1.new_vm(n1.vm(&["pmu_v3", "psci_0_2"]).unwrap());
        plan(&state, &a72, &vmm::FIRECRACKER).order.len()
    });
    let (n1, a72) = (host("neoverse-n1-7.3.json"), host("cortex-a72-7.3.json"));
    let mut state = n1.new_vm(n1.vm(&["pmu_v3", "psci_0_2"]).unwrap());
    state.vcpus = vec![state.vcpus[0].clone(); 64];
    best("plan of 64 vCPUs", 20, limit, || plan(&state, &a72, &vmm::FIRECRACKER).order.len());
}

/// What `kvmfit compare` does.
#[test]
fn a_comparison_of_100_hosts_takes_at_most_a_second() {
    let files = ["neoverse-n1-7.3.json", "cortex-a72-7.3.json"];
    best("comparison of 100 hosts", 5, Duration::from_secs(1), || {
        let hosts: Vec<Dump> = (0..100).map(|n| host(files[n % 2])).collect();
        let sides = hosts.iter().enumerate().map(|(n, host)| {
            Side::of_vm(format!("host {n}"), host.vm(&["pmu_v3", "psci_0_2"]).unwrap())
        });
        compare(&sides.collect::<Vec<_>>()).rows.len()
    });
}
