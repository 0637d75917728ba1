// SPDX-License-Identifier: Apache-2.0 OR MIT

//! The commands, by what they print.
//!
//! Each file in `tests/golden` has command lines after `$`, each with what it prints, what it
//! prints to standard error (after `!`), and its exit code (after `?`, if it is not 0). They run in
//! `tests/data`. `KVMFIT_UPDATE=1 cargo test` writes what is printed now.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// What a command line prints.
fn run(line: &str) -> String {
    let mut text = format!("$ {line}\n");
    let (words, stdin) = match line.split_once(" < ") {
        Some((words, file)) => (words, Stdio::from(std::fs::File::open(file).unwrap())),
        None => (line, Stdio::null()),
    };
    let mut words = words.split_whitespace();
    assert_eq!(words.next(), Some("kvmfit"), "{line}");
    let output = Command::new(env!("CARGO_BIN_EXE_kvmfit"))
        .args(words)
        .current_dir(directory("data"))
        .stdin(stdin)
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    text.push_str(&String::from_utf8(output.stdout).unwrap());
    for line in String::from_utf8(output.stderr).unwrap().lines() {
        writeln!(text, "! {line}").unwrap();
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => writeln!(text, "? {code}").unwrap(),
        None => panic!("{line}: {}", output.status),
    }
    text
}

fn golden(name: &str) {
    let path = directory("golden").join(name);
    let expected = std::fs::read_to_string(&path).unwrap();
    let got: Vec<String> =
        expected.lines().filter_map(|line| line.strip_prefix("$ ")).map(run).collect();
    assert!(!got.is_empty(), "{name} has no command line");
    let got = got.join("\n");
    if std::env::var_os("KVMFIT_UPDATE").is_some() {
        std::fs::write(&path, got).unwrap();
    } else if got != expected {
        let differ = expected.lines().zip(got.lines()).position(|(a, b)| a != b);
        let line = differ.unwrap_or(expected.lines().count().min(got.lines().count()));
        let of = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_string();
        panic!("{name}:{}:\n- {}\n+ {}\n\n{got}", line + 1, of(&expected), of(&got));
    }
}

macro_rules! goldens {
    ($($name:ident)*) => { $(
        #[test]
        fn $name() {
            golden(concat!(stringify!($name), ".txt"));
        }
    )* };
}

goldens!(audit baseline compare errors explain help label plan report show verify);

/// Where there is a host, it is measured instead.
#[test]
#[cfg(not(target_arch = "aarch64"))]
fn no_host() {
    golden("no_host.txt");
}

#[test]
fn every_command_has_a_man_page() {
    let directory = std::env::temp_dir().join(format!("kvmfit-man-{}", std::process::id()));
    let status = Command::new(env!("CARGO_BIN_EXE_kvmfit")).arg("man").arg(&directory).status();
    assert!(status.unwrap().success());
    let mut pages: Vec<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    std::fs::remove_dir_all(&directory).unwrap();
    for name in ["", "-plan", "-dump", "-label"] {
        assert!(pages.contains(&format!("kvmfit{name}.1")), "{pages:?}");
    }
    assert!(!pages.iter().any(|page| page.contains("completions")), "{pages:?}");
}

#[test]
fn shells_complete() {
    for shell in ["bash", "zsh", "fish"] {
        let command = ["completions", shell];
        let output = Command::new(env!("CARGO_BIN_EXE_kvmfit")).args(command).output().unwrap();
        assert!(output.status.success());
        assert!(String::from_utf8(output.stdout).unwrap().contains("baseline"));
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kvmfit"))
        .args(["explain", "ID_AA64PFR0_EL1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
}
