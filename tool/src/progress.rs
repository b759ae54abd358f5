//! A bar for what takes long, for a person who waits.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// The time between two changes of a bar while no step is done.
const TICK: Duration = Duration::from_millis(200);

/// Returns a bar for `steps` steps of `what`, which disappears when it is dropped.
///
/// It is drawn on the standard error output, and only if that is a terminal.
pub fn bar(what: &'static str, steps: u64) -> ProgressBar {
    let bar = ProgressBar::new(steps).with_message(what).with_finish(ProgressFinish::AndClear);
    // Without its template, a bar has the style of indicatif.
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:30}] {pos} of {len}, {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}
