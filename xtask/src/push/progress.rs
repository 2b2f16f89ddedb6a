//! How far a transfer has come.

use indicatif::ProgressBar;

use crate::{progress, say};

/// Who is told how far a transfer has come.
pub(crate) trait Progress {
    /// The board has been found: its name.
    fn found(&mut self, model: &str);
    /// So many of so many bytes have arrived.
    fn arrived(&mut self, bytes: usize, of: usize);
    /// Something that a person should know while it waits.
    fn advice(&mut self, text: &str);
}

/// A bar on standard error, where that is a terminal, and notes.
#[derive(Default)]
pub(crate) struct Bar {
    bar: Option<ProgressBar>,
}

impl Progress for Bar {
    fn found(&mut self, model: &str) {
        say::note(&format!("found the loader on a {model}"));
    }

    fn arrived(&mut self, bytes: usize, of: usize) {
        let bar = self.bar.get_or_insert_with(|| progress::bytes("sending", of));
        bar.set_position(bytes as u64);
        if bytes == of {
            bar.finish_and_clear();
        }
    }

    fn advice(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say::note(text)),
            None => say::note(text),
        }
    }
}
