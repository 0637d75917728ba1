// SPDX-License-Identifier: Apache-2.0 OR MIT

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::write::GzEncoder;
use serde_json::{json, Value};

use super::parts::{config, cpu_features, log, parameters, stats, Log};
use super::Report;

/// A directory for the files of a host, removed at the end.
struct Host(PathBuf);

impl Host {
    fn new(files: &[(&str, &[u8])]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("kvmfit-report-{}-{number}", std::process::id());
        let host = Self(std::env::temp_dir().join(name));
        for (name, content) in files {
            let path = host.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        host
    }

    fn report(&self) -> Value {
        serde_json::to_value(Report::gather(&self.0)).unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// Why a part is missing.
fn why<'a>(report: &'a Value, part: &str) -> Vec<&'a str> {
    let missing = report["missing"].as_array().unwrap().iter();
    missing.filter(|one| one["part"] == part).map(|one| one["why"].as_str().unwrap()).collect()
}

#[test]
fn parameters_are_those_that_matter() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        ("BOOT_IMAGE=/boot/vmlinuz root=UUID=1-2 quiet\n", &[]),
        ("ro kvm-arm.abi=check kvm_arm.abi-count=1", &["kvm-arm.abi=check", "kvm_arm.abi-count=1"]),
        ("kvm-arm.compat=\"6.12\" x", &["kvm-arm.compat=\"6.12\""]),
        ("\"kvm-arm.mode=nested\"", &["\"kvm-arm.mode=nested\""]),
        (
            "arm64.nosve id_aa64pfr0.sve=0 ssbd=off",
            &["arm64.nosve", "id_aa64pfr0.sve=0", "ssbd=off"],
        ),
        // Names that only begin or end as one of those.
        ("xkvm-arm.abi=c mitigationsx=1 my.ssbd=1", &[]),
        // Within quotes it is no parameter.
        ("dyndbg=\"a kvm-arm.abi=c b\" kvm.x=1", &["kvm.x=1"]),
        // That is init's.
        ("kvm-arm.abi=c -- kvm-arm.abi=rust", &["kvm-arm.abi=c"]),
    ];
    for (text, expected) in cases {
        assert_eq!(parameters(text), *expected, "{text}");
    }
}

#[test]
fn options_are_those_that_matter() {
    let text = "# Linux/arm64 7.3.4 Kernel Configuration\n\
        CONFIG_KVM=y\nCONFIG_KVM_ARM64_RUST=y\n# CONFIG_KVM_ARM64_RUST_DEFAULT_C is not set\n\
        CONFIG_KVM_ARM64_RUST_DEFAULT_CHECK=y\nCONFIG_CC_VERSION_TEXT=\"clang 22\"\n\
        # CONFIG_RUST is not set\nCONFIG_DEFAULT_HOSTNAME=\"secret\"\nCONFIG_KVMX=y\n";
    let found: Vec<(String, String)> = config(text).into_iter().collect();
    let expected = [
        ("CONFIG_CC_VERSION_TEXT", "clang 22"),
        ("CONFIG_KVM", "y"),
        ("CONFIG_KVM_ARM64_RUST", "y"),
        ("CONFIG_KVM_ARM64_RUST_DEFAULT_C", "n"),
        ("CONFIG_KVM_ARM64_RUST_DEFAULT_CHECK", "y"),
        ("CONFIG_RUST", "n"),
    ];
    assert_eq!(found, expected.map(|(name, value)| (name.to_string(), value.to_string())));
}

#[test]
fn stats_are_read_by_their_names() {
    let read = stats("surface c rust mismatches unjudged\nfw_reg 1 2 3 4\nsmccc 5 6 0 0\n");
    assert_eq!(
        serde_json::to_value(read.unwrap()).unwrap(),
        json!({"fw_reg": {"c": 1, "rust": 2, "mismatches": 3, "unjudged": 4},
               "smccc": {"c": 5, "rust": 6, "mismatches": 0, "unjudged": 0}})
    );
    for (text, expected) in [
        ("", "it does not begin with a line of names"),
        ("calls c rust\n", "it does not begin with a line of names"),
        ("surface c rust\nfw_reg 1\n", "line 2: it is not a surface and 2 counts"),
        ("surface c\nfw_reg 1\nsmccc x\n", "line 3: it is not a surface and 1 counts"),
        ("surface c\n\n", "line 2: it is not a surface and 1 counts"),
    ] {
        assert_eq!(stats(text), Err(expected.to_string()), "{text:?}");
    }
}

#[test]
fn cpus_that_differ_have_lists_that_differ() {
    let text = "processor\t: 0\nFeatures\t: fp asimd\nprocessor\t: 1\nFeatures\t: fp asimd\n\
        processor\t: 2\nFeatures\t: fp sve\n";
    assert_eq!(cpu_features(text).unwrap(), ["fp asimd", "fp sve"]);
    assert!(cpu_features("processor\t: 0\nflags\t\t: fpu vme\n").is_err());
}

#[test]
fn of_the_log_only_lines_of_the_project_are_taken() {
    let differ = "KVM: fw_reg 0x6030000000140002: C gives 0, 0x1; Rust gives -22, 0x0";
    let text = format!(
        "6,0,0,-;Booting Linux on physical CPU 0x0000000000 [0x413fd0c1]\n\
         6,90,1200345,-;kvm [1]: VHE mode initialized successfully\n\
         6,91,1200346,-;kvm [1]: GICv3: no GICV resource entry\n\
         6,92,2000000,-;e1000e eth0: MAC 52:54:00:12:34:56\n SUBSYSTEM=pci\n DEVICE=+pci\n\
         4,93,123000042,-,caller=T77;{differ}\n \
         4,94,0,-;{differ}\n\
         4,95,0,-;KVM: C gives up\nno record\n"
    );
    let expected = Log {
        lines: vec![
            "1.200345 kvm [1]: VHE mode initialized successfully".to_string(),
            format!("123.000042 {differ}"),
        ],
        first: 0,
    };
    assert_eq!(log(&text), expected);
    assert_eq!(log("6,17,5,-;x\n6,18,6,-;y\n").first, 17);
    assert_eq!(log(""), Log { lines: Vec::new(), first: 0 });
}

#[test]
fn a_host_without_anything_has_a_report_that_says_so() {
    let host = Host::new(&[("proc/version", b"x")]);
    let report = host.report();
    let missing: Vec<&str> =
        report["missing"].as_array().unwrap().iter().map(|m| m["part"].as_str().unwrap()).collect();
    assert_eq!(
        missing,
        [
            "kernel.release",
            "config",
            "kernel.version",
            "kernel.tainted",
            "parameters",
            "cpus",
            "cpu_features",
            "mitigations",
            "arm_abi",
            "log",
        ]
    );
    let place = host.0.to_str().unwrap();
    assert!(!report.to_string().contains(place), "{report}");
}

#[test]
fn a_kernel_without_the_project_is_told_from_one_without_debugfs() {
    let with = Host::new(&[("sys/kernel/debug/kvm/exits", b"0")]).report();
    assert_eq!(with["arm_abi"], Value::Null);
    assert!(why(&with, "arm_abi")[0].ends_with("built without kvm-arm64-rust"), "{with}");
    let without = Host::new(&[("sys/kernel/x", b"")]).report();
    assert!(why(&without, "arm_abi")[0].contains("debugfs is not mounted"), "{without}");
}

#[test]
fn a_broken_file_costs_its_own_part_only() {
    let abi = "sys/kernel/debug/kvm/arm_abi";
    let (mode, stats, count) =
        (format!("{abi}/mode"), format!("{abi}/stats"), format!("{abi}/count"));
    let report = Host::new(&[
        (&mode, b"check\n"),
        (&stats, b"nonsense\n"),
        (&count, b"1\n0\n"),
        ("proc/config.gz", b"no gzip"),
        ("proc/sys/kernel/osrelease", b"\xff\xfe\n"),
    ])
    .report();
    assert_eq!(report["arm_abi"]["mode"], "check");
    assert_eq!(report["arm_abi"]["stats"], Value::Null);
    assert_eq!(
        why(&report, "arm_abi.stats"),
        ["/sys/kernel/debug/kvm/arm_abi/stats: it does not begin with a line of names"]
    );
    assert_eq!(
        why(&report, "arm_abi.count"),
        ["/sys/kernel/debug/kvm/arm_abi/count: it has 2 lines, not one"]
    );
    assert_eq!(why(&report, "arm_abi.compat").len(), 1);
    assert!(why(&report, "config")[0].starts_with("none of these can be read: /proc/config.gz"));
    assert_eq!(report["kernel"]["release"], "\u{fffd}\u{fffd}");
}

#[test]
fn options_come_from_the_kernel_itself_or_from_the_disk() {
    let packed = gzip("CONFIG_KVM=y\n");
    let release: (&str, &[u8]) = ("proc/sys/kernel/osrelease", b"7.3.4-test\n");
    let boot: (&str, &[u8]) = ("boot/config-7.3.4-test", b"CONFIG_KVM=m\n");
    let both = Host::new(&[release, boot, ("proc/config.gz", &packed)]).report();
    assert_eq!(both["config"]["CONFIG_KVM"], "y");
    assert_eq!(Host::new(&[release, boot]).report()["config"]["CONFIG_KVM"], "m");
    // A release cannot lead out of /boot.
    let odd: (&str, &[u8]) = ("proc/sys/kernel/osrelease", b"x/../../y\n");
    let away = Host::new(&[odd, ("y", b"CONFIG_KVM=y\n"), ("boot/config-x/z", b"")]).report();
    assert_eq!(away["config"], Value::Null);
}

#[test]
fn what_unpacks_to_more_than_a_config_is_refused() {
    let packed = gzip(&"CONFIG_KVM=y\n".repeat(400_000));
    assert_eq!(Host::new(&[("proc/config.gz", &packed)]).report()["config"], Value::Null);
}

#[test]
fn what_was_lost_of_the_log_is_named() {
    let report = Host::new(&[("dev/kmsg", b"6,512,1,-;x\n")]).report();
    assert_eq!(report["log"], json!([]));
    assert!(why(&report, "log")[0].starts_with("the 512 oldest lines"), "{report}");
}

#[test]
fn without_a_dump_the_counts_after_it_are_no_part() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/root");
    let mut report = Report::gather(&root);
    report.add_dump(&root, Err("no /dev/kvm".to_string()));
    let found = serde_json::to_value(&report).unwrap();
    assert_eq!(why(&found, "dump"), ["no /dev/kvm"]);
    assert_eq!(found["arm_abi"]["stats_after_dump"], Value::Null);

    let dump = fs::read(root.join("../hosts/neoverse-n1-7.3.json")).unwrap();
    let mut report = Report::gather(&root);
    report.add_dump(&root, serde_json::from_slice(&dump).map_err(|error| error.to_string()));
    let found = serde_json::to_value(&report).unwrap();
    assert_eq!(found["dump"]["kvmfit_dump"], 1);
    assert_eq!(found["arm_abi"]["stats_after_dump"], found["arm_abi"]["stats"]);
}

/// The golden test shows what the report of this host has.
#[test]
fn nothing_that_names_a_host_is_in_a_report() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/root");
    let report = serde_json::to_string(&Report::gather(&root)).unwrap();
    let planted = "SECRET";
    let mut files = 0;
    for name in [
        "proc/cmdline",
        "proc/cpuinfo",
        "proc/version",
        "dev/kmsg",
        "proc/sys/kernel/hostname",
        "boot/config-7.3.4-kvm",
    ] {
        let text = fs::read_to_string(root.join(name)).unwrap();
        assert!(text.contains(planted), "{name} has no planted secret");
        files += 1;
    }
    assert_eq!(files, 6);
    assert!(!report.contains(planted), "{report}");
    assert!(report.contains("Rust gives"), "{report}");
}
