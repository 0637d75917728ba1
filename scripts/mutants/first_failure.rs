// SPDX-License-Identifier: GPL-2.0

//! Ends the test program at the first failed test, and prints its name.
//!
//! One failed test is enough to know that the tests find a mutant.

use std::io::Write;

extern "C" fn install() {
    std::panic::set_hook(Box::new(|info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unknown");
        let line = format!("\nfirst failure: {name}: {info}\n");
        // Not through `eprintln!`, which the test harness captures. In one write, since other
        // threads write, too.
        let _ = std::io::stderr().write_all(line.as_bytes());
        std::process::exit(101);
    }));
}

// Runs before `main()`, which belongs to the harness.
#[used]
#[link_section = ".init_array"]
static INSTALL: extern "C" fn() = install;
