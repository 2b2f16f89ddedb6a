//! The table.

use core::fmt::{self, Write};

use heapless::{String, Vec};
use rt::clock::Clock;
use rt::process::System;
use rt::terminal::Terminal;
use rt::{PAGE, print, println};

use crate::entries::Entries;

/// A line of the table.
pub(crate) struct Row {
    /// What was moved.
    pub(crate) name: &'static str,
    /// Pages moved by one call.
    pub(crate) pages: usize,
    /// Page-table entries that changed their place.
    pub(crate) entries: Entries,
    /// Whether the kernel counted them; else they are computed.
    pub(crate) counted: bool,
    /// Ticks of the call.
    pub(crate) there: u64,
    /// Ticks of the call back.
    pub(crate) back: Option<u64>,
    /// Pages checked afterwards.
    pub(crate) verified: usize,
}

/// The rows so far, and how they are shown.
pub(crate) struct Report {
    terminal: Terminal,
    clock: Clock,
    rows: Vec<Row, 16>,
    finished: bool,
    verified: usize,
}

const COLUMNS: usize = 7;
type Cell = String<40>;
type Line = [Cell; COLUMNS];

/// Columns that go, one after the other, where the terminal is too narrow for all: memory, back, a page.
const EXPENDABLE: [usize; 3] = [1, 4, 5];
/// Between columns.
const GAP: usize = 2;

impl Report {
    /// An empty table.
    pub(crate) fn new(terminal: Terminal, clock: Clock) -> Report {
        Report {
            terminal,
            clock,
            rows: Vec::new(),
            finished: false,
            verified: 0,
        }
    }

    /// Prints the heading.
    pub(crate) fn title(&self, system: &System, size: usize) {
        let (bold, plain) = (self.style(Style::Bold), self.style(Style::Plain));
        println!("{bold}Memory moved by mremap, every page checked{plain}");
        print!("{} in {} pages, on ", Size(size), Grouped((size / PAGE) as u64));
        // Inarch's release is that of the Linux whose calls it has, and its own.
        match system.release().split_once("-inarch-") {
            Some((linux, own)) => println!("Inarch {own} (system calls of {} {linux})", system.name()),
            None => println!("{} {}", system.name(), system.release()),
        }
        println!();
    }

    /// Says what is going on, on a terminal, until the next line is printed.
    pub(crate) fn progress(&self, what: &str) {
        if self.terminal.colours {
            print!("\r\x1b[2K  {what} ...");
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, row: Row) {
        self.verified += row.verified;
        // There is room for every move of the tour.
        self.rows.push(row).ok();
    }

    /// All moves are made, and `pages` were checked a last time.
    pub(crate) fn finish(&mut self, pages: usize) {
        self.verified += pages;
        self.finished = true;
    }

    /// Prints the table and what it says. Gives the exit status: 0 if every move was made and every page was right.
    pub(crate) fn print(&self) -> u8 {
        if self.terminal.colours {
            print!("\r\x1b[2K");
        }
        let lines: Vec<Line, 16> = self.rows.iter().map(|row| self.line(row)).collect();
        let heads = self.heads();
        let width = |column: usize| {
            lines
                .iter()
                .chain([&heads])
                .map(|line| line[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; COLUMNS] = core::array::from_fn(width);
        match self.choose(&widths) {
            Some(shown) => self.print_table(&heads, &lines, &widths, shown),
            None => self.print_blocks(&heads, &lines),
        }
        self.print_summary();
        u8::from(!self.finished)
    }

    fn heads(&self) -> Line {
        ["move", "memory", "entries", "there", "back", "a page", "verified"].map(cell)
    }

    fn line(&self, row: &Row) -> Line {
        let there = self.clock.figure(row.there);
        let hundredths = there * 100 / row.pages as u64;
        [
            cell(row.name),
            cell(Size(row.pages * PAGE)),
            cell(row.entries),
            cell(Grouped(there)),
            row.back
                .map_or(cell("-"), |back| cell(Grouped(self.clock.figure(back)))),
            cell(format_args!(
                "{}.{:02}",
                Grouped(hundredths / 100),
                hundredths % 100
            )),
            cell(format_args!("{} ✓", Grouped(row.verified as u64))),
        ]
    }

    /// Which columns fit beside each other; none if even the fewest don't.
    fn choose(&self, widths: &[usize; COLUMNS]) -> Option<[bool; COLUMNS]> {
        let mut shown = [true; COLUMNS];
        let fits = |shown: &[bool; COLUMNS]| {
            let total: usize = (0..COLUMNS)
                .filter(|&column| shown[column])
                .map(|column| widths[column] + GAP)
                .sum();
            total <= self.terminal.columns
        };
        for column in EXPENDABLE {
            if fits(&shown) {
                break;
            }
            shown[column] = false;
        }
        fits(&shown).then_some(shown)
    }

    fn print_table(&self, heads: &Line, lines: &[Line], widths: &[usize; COLUMNS], shown: [bool; COLUMNS]) {
        let columns = || (0..COLUMNS).filter(|&column| shown[column]);
        let print_line = |line: &Line, styles: [Style; COLUMNS]| {
            for column in columns() {
                let text = &line[column];
                let padding = widths[column] - text.chars().count();
                let (before, after) = if column == 0 { (0, padding) } else { (padding, 0) };
                let (style, plain) = match styles[column] {
                    Style::Plain => ("", ""),
                    style => (self.style(style), self.style(Style::Plain)),
                };
                print!("{:GAP$}{:before$}{style}{text}{plain}{:after$}", "", "", "");
            }
            println!();
        };
        print_line(heads, [Style::Bold; COLUMNS]);
        let total: usize = columns().map(|column| widths[column] + GAP).sum();
        print!("{:GAP$}{}", "", self.style(Style::Dim));
        (GAP..total).for_each(|_| print!("─"));
        println!("{}", self.style(Style::Plain));
        let mut styles = [Style::Plain; COLUMNS];
        styles[COLUMNS - 1] = Style::Good;
        lines.iter().for_each(|line| print_line(line, styles));
    }

    /// For very narrow terminals: a block of lines for each move.
    fn print_blocks(&self, heads: &Line, lines: &[Line]) {
        for line in lines {
            println!(
                "{}{}{}",
                self.style(Style::Bold),
                line[0],
                self.style(Style::Plain)
            );
            for (head, text) in heads.iter().zip(line).skip(1) {
                println!("  {head}: {text}");
            }
        }
    }

    fn print_summary(&self) {
        println!();
        match self.clock {
            Clock::Instructions { per_tick: 1 } => {
                println!(
                    "  there, back: instructions around the one call, seen from EL0; a page: those of there"
                );
            }
            Clock::Instructions { per_tick } => {
                println!(
                    "  there, back: instructions around the one call, seen from EL0, give or take {per_tick}"
                );
            }
            Clock::Time { frequency } => {
                println!(
                    "  there, back: ticks of a clock of {} Hz, NOT instructions;",
                    Grouped(frequency)
                );
                println!("  exact counts need QEMU with -icount shift=0 (cargo xtask run --icount)");
            }
        }
        if self.rows.iter().all(|row| row.counted) {
            println!("  entries: page-table entries that moved, counted by the kernel");
        } else {
            println!("  entries: page-table entries to move, computed (this kernel keeps no count)");
        }
        let (colour, plain) = (
            self.style(if self.finished { Style::Good } else { Style::Bad }),
            self.style(Style::Plain),
        );
        if self.finished {
            println!(
                "  {colour}every page verified{plain}: {} pages read, each as it should be",
                Grouped(self.verified as u64)
            );
        } else {
            println!("  {colour}NOT every page verified{plain}");
        }
    }

    /// The escape sequence that turns a style on, or nothing where none is wanted.
    fn style(&self, style: Style) -> &'static str {
        if !self.terminal.colours {
            return "";
        }
        match style {
            Style::Plain => "\x1b[0m",
            Style::Bold => "\x1b[1m",
            Style::Dim => "\x1b[2m",
            Style::Good => "\x1b[32m",
            Style::Bad => "\x1b[1;31m",
        }
    }
}

/// How text can look on a terminal.
#[derive(Clone, Copy)]
enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
}

/// A cell's text. What doesn't fit is cut off; nothing that the tour prints is that long.
fn cell(text: impl fmt::Display) -> Cell {
    let mut cell = Cell::new();
    write!(cell, "{text}").ok();
    cell
}

/// A number with a comma before every three digits.
pub(crate) struct Grouped(pub(crate) u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 1000, self.0 % 1000) {
            (0, rest) => write!(f, "{rest}"),
            (thousands, rest) => write!(f, "{},{rest:03}", Grouped(thousands)),
        }
    }
}

/// A number of bytes in the largest unit that divides it.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = [(30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "B")]
            .into_iter()
            .find(|&(shift, _)| self.0.is_multiple_of(1 << shift))
            .unwrap_or((0, "B"));
        write!(f, "{} {name}", Grouped((self.0 >> unit) as u64))
    }
}
