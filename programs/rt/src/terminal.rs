//! What standard output can show.

use crate::Environment;
use crate::linux::general::{termios, winsize};
use crate::linux::ioctl::{TCGETS, TIOCGWINSZ};

/// Widths of which a terminal is believed: anything else is a mistake of whoever set it.
const BELIEVABLE: core::ops::RangeInclusive<usize> = 20..=1000;

/// How to print: width, and whether colours are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Columns; 80 where nobody says, and without limit when the output is not a terminal.
    pub columns: usize,
    /// Whether escape sequences for colours may be printed.
    pub colours: bool,
}

impl Terminal {
    /// Asks the terminal and the environment: `COLUMNS`, `TERM`, and `NO_COLOR` as <https://no-color.org> has it.
    pub fn ask(environment: &Environment) -> Terminal {
        let is_terminal = is_terminal(1);
        let columns = window_columns(1).or_else(|| environment.variable("COLUMNS")?.parse().ok());
        let no_colour = environment
            .variable("NO_COLOR")
            .is_some_and(|value| !value.is_empty());
        let dumb = matches!(environment.variable("TERM"), Some("dumb"));
        Terminal {
            columns: match columns.filter(|columns| BELIEVABLE.contains(columns)) {
                Some(columns) => columns,
                None if is_terminal => 80,
                None => usize::MAX,
            },
            colours: is_terminal && !no_colour && !dumb,
        }
    }
}

fn is_terminal(fd: i32) -> bool {
    // SAFETY: the structure is plain numbers, for which zero is a value.
    let mut settings: termios = unsafe { core::mem::zeroed() };
    // SAFETY: the kernel writes the structure.
    unsafe { crate::syscall!(__NR_ioctl, fd, TCGETS, &raw mut settings) }.is_ok()
}

fn window_columns(fd: i32) -> Option<usize> {
    let mut size = winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the kernel writes the structure.
    unsafe { crate::syscall!(__NR_ioctl, fd, TIOCGWINSZ, &raw mut size) }.ok()?;
    (size.ws_col != 0).then_some(size.ws_col.into())
}
