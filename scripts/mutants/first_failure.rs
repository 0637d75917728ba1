// SPDX-License-Identifier: GPL-2.0

//! Ends the tests with the first that fails, and says which one it was.
//!
//! Who changes the code and wants to know whether a test notices needs no other one.

use std::io::Write;

extern "C" fn install() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unknown");
        let line = format!("\nfirst failure: {name}: {info}\n");
        // Not through `eprintln!`, which the test harness captures; at once, as others write, too.
        let _ = std::io::stderr().write_all(line.as_bytes());
        std::process::exit(101);
    }));
}

// Before `main()`, which is the harness's.
#[used]
#[link_section = ".init_array"]
static INSTALL: extern "C" fn() = install;
