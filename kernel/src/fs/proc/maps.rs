//! The line that `/proc/PID/maps` has for a mapping.

use mm::Mapping;

use super::text::Text;

/// The column in which Linux writes a mapping's name.
const NAME_COLUMN: usize = 73;

/// One line, byte for byte as Linux writes it.
pub(super) fn write_line(lines: &mut Text, mapping: &Mapping<'_>) {
    let start = lines.as_bytes().len();
    let flag = |set: bool, letter: char| if set { letter } else { '-' };
    lines.add(format_args!(
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
    ));
    if !mapping.name.is_empty() {
        pad_to_name(lines, start);
        // A name may have a line's end in it, which mustn't end this line.
        for (index, part) in mapping.name.split('\n').enumerate() {
            lines.add_bytes(if index == 0 { b"" } else { b"\\012" });
            lines.add_bytes(part.as_bytes());
        }
    }
    lines.add_bytes(b"\n");
}

/// Fills a line that began at `start` with spaces up to where its name goes.
pub(super) fn pad_to_name(lines: &mut Text, start: usize) {
    let missing = NAME_COLUMN.saturating_sub(lines.as_bytes().len() - start);
    lines.add_bytes(&[b' '; NAME_COLUMN][..missing]);
}
