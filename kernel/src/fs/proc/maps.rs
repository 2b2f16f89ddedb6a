//! The line that `/proc/PID/maps` has for a mapping.

use alloc::string::String;
use core::fmt::Write;

use mm::Mapping;

/// The column in which Linux writes a mapping's name.
const NAME_COLUMN: usize = 73;

/// One line, byte for byte as Linux writes it.
pub(super) fn write_line(lines: &mut String, mapping: &Mapping<'_>) {
    let start = lines.len();
    let flag = |set: bool, letter: char| if set { letter } else { '-' };
    // Writing to a String can't fail.
    let _ = write!(
        lines,
        "{:08x}-{:08x} {}{}{}{} {:08x} {:02x}:{:02x} {} ",
        mapping.range.start().get(),
        mapping.range.end().get(),
        flag(mapping.read, 'r'),
        flag(mapping.write, 'w'),
        flag(mapping.execute, 'x'),
        if mapping.shared { 's' } else { 'p' },
        mapping.offset,
        mapping.device.0,
        mapping.device.1,
        mapping.inode,
    );
    if !mapping.name.is_empty() {
        pad_to_name(lines, start);
        lines.push_str(mapping.name);
    }
    lines.push('\n');
}

/// Fills a line that began at `start` with spaces up to where its name goes.
pub(super) fn pad_to_name(lines: &mut String, start: usize) {
    while lines.len() - start < NAME_COLUMN {
        lines.push(' ');
    }
}
