//! What xtask says, all of it on standard error. `anstream` drops the colours where standard error is no terminal or
//! `NO_COLOR` is set.

use std::process::Command;

use owo_colors::OwoColorize;

use crate::command;

/// A command that is about to run, in a form that can be pasted into a shell.
pub(crate) fn command(command: &Command) {
    anstream::eprintln!("{} {}", "$".dimmed(), command::quoted(command).bold());
}

/// Something worth knowing.
pub(crate) fn note(text: &str) {
    anstream::eprintln!("{} {text}", "note:".cyan().bold());
}

/// Something that may be wrong.
pub(crate) fn warning(text: &str) {
    anstream::eprintln!("{} {text}", "warning:".yellow().bold());
}

/// What ends xtask, with its causes on lines of their own.
pub(crate) fn error(error: &anyhow::Error) {
    anstream::eprintln!("{} {error}", "error:".red().bold());
    for cause in error.chain().skip(1) {
        anstream::eprintln!("  {} {cause}", "because:".dimmed());
    }
}
