// SPDX-License-Identifier: Apache-2.0 OR MIT

//! A bar, for what takes longer than a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kvmfit_host::Progress;

const PATIENCE: Duration = Duration::from_secs(1);

/// The length of the bar.
const STEPS: u64 = 1000;

/// Calls `work` with what shows how far it is, on a terminal.
pub(crate) fn shown<T>(quiet: bool, work: impl FnOnce(&mut dyn FnMut(&Progress<'_>)) -> T) -> T {
    let begin = Instant::now();
    let mut bar: Option<ProgressBar> = None;
    let result = work(&mut |progress| {
        if quiet || begin.elapsed() < PATIENCE {
            return;
        }
        let bar = bar.get_or_insert_with(|| new_bar(begin.elapsed()));
        // More to do can turn up on the way: the bar stays where it is then.
        let done = progress.done.saturating_mul(STEPS) / progress.total.max(1);
        bar.set_position(bar.position().max(done));
        bar.set_message(progress.what.to_string());
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    result
}

fn new_bar(elapsed: Duration) -> ProgressBar {
    // Nothing is drawn if standard error is no terminal.
    let bar = ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} % {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.with_elapsed(elapsed)
}
