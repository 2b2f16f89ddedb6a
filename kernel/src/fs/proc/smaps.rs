//! What `/proc/PID/smaps` and `smaps_rollup` tell of memory: the lines of Linux 7.3, in its order.

use mm::vma::VmaFlags;
use mm::{Footprint, Mapping, PAGE_SIZE, Proportional, TASK_SIZE};

use super::text::Text;
use super::{listing, maps};
use crate::process::Process;

/// What `smaps` tells of a mapping beside its line and what is in memory.
pub(super) struct Facts {
    read: bool,
    write: bool,
    execute: bool,
    flags: VmaFlags,
    block_eligible: bool,
}

impl Facts {
    pub(super) fn of(mapping: &Mapping<'_>) -> Self {
        Self {
            read: mapping.read,
            write: mapping.write,
            execute: mapping.execute,
            flags: mapping.flags,
            block_eligible: mapping.block_eligible,
        }
    }

    /// The line `VmFlags`: a space after each.
    fn write_flags(&self, lines: &mut Text) {
        lines.add_bytes(b"VmFlags: ");
        let rights = [(self.read, "rd"), (self.write, "wr"), (self.execute, "ex")];
        let rights = rights.into_iter().filter(|right| right.0).map(|right| right.1);
        for letters in rights.chain(self.flags.letters()) {
            lines.add(format_args!("{letters} "));
        }
        lines.add_bytes(b"\n");
    }
}

/// All that follows the line of a mapping of `size` bytes.
pub(super) fn write_mapping(lines: &mut Text, size: u64, facts: &Facts, footprint: &Footprint) {
    write_size(lines, "Size", size);
    write_size(lines, "KernelPageSize", PAGE_SIZE);
    write_size(lines, "MMUPageSize", PAGE_SIZE);
    write_footprint(lines, footprint, false);
    lines.add(format_args!(
        "{:<15} {:>8}\n",
        "THPeligible:",
        u8::from(facts.block_eligible)
    ));
    facts.write_flags(lines);
}

/// `smaps_rollup`: all mappings as one.
pub(super) fn rollup(process: &Process, lines: &mut Text) {
    let (start, end) = {
        let space = process.space.lock();
        let start = space
            .mappings()
            .next()
            .map_or(0, |first| first.range.start().get());
        (start, space.end_of_mappings())
    };
    let footprint = listing::measure(process, 0, TASK_SIZE);
    lines.add(format_args!("{start:08x}-{end:08x} ---p 00000000 00:00 0 "));
    maps::pad_to_name(lines, 0);
    lines.add_bytes(b"[rollup]\n");
    write_footprint(lines, &footprint, true);
}

/// The lines that `smaps` and `smaps_rollup` share; some only the latter has.
fn write_footprint(lines: &mut Text, footprint: &Footprint, rollup: bool) {
    let share = |share: u64| share / Proportional::UNIT;
    let parts = &footprint.proportional;
    write_size(lines, "Rss", footprint.resident());
    write_size(lines, "Pss", share(parts.all));
    write_size(lines, "Pss_Dirty", share(parts.dirty));
    if rollup {
        write_size(lines, "Pss_Anon", share(parts.anonymous));
        write_size(lines, "Pss_File", share(parts.file));
        write_size(lines, "Pss_Shmem", share(parts.shared_memory));
    }
    write_size(lines, "Shared_Clean", footprint.shared_clean);
    write_size(lines, "Shared_Dirty", footprint.shared_dirty);
    write_size(lines, "Private_Clean", footprint.private_clean);
    write_size(lines, "Private_Dirty", footprint.private_dirty);
    write_size(lines, "Referenced", footprint.referenced);
    write_size(lines, "Anonymous", footprint.anonymous);
    // No pages are looked for that are alike.
    write_size(lines, "KSM", 0);
    write_size(lines, "LazyFree", footprint.lazy_free);
    write_size(lines, "AnonHugePages", footprint.anonymous_blocks);
    // Blocks are anonymous, there is no hugetlbfs, and nothing is paged out.
    for name in [
        "ShmemPmdMapped",
        "FilePmdMapped",
        "Shared_Hugetlb",
        "Private_Hugetlb",
        "Swap",
        "SwapPss",
    ] {
        write_size(lines, name, 0);
    }
    write_size(lines, "Locked", share(parts.locked));
}

/// A line of a name and `bytes`, in kB, the number ending in one column.
fn write_size(lines: &mut Text, name: &str, bytes: u64) {
    let width = 23 - name.len();
    lines.add(format_args!("{name}:{:>width$} kB\n", bytes >> 10));
}
