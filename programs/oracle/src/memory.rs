//! Who has the machine's memory, where the kernel tells.

use rt::file::File;

/// Bytes that the file may have.
const ROOM: usize = 1024;

/// Prints what Inarch tells of its frames: `memory NAME NUMBER`, a line each. Another kernel tells nothing.
pub(crate) fn tell() {
    let mut room = [0; ROOM];
    let text = File::open(c"/proc/inarch/memory").and_then(|file| Ok(file.read_into(&mut room)?.len()));
    let text = core::str::from_utf8(&room[..text.unwrap_or(0)]);
    for line in text.unwrap_or("").lines() {
        rt::println!("memory {line}");
    }
}
