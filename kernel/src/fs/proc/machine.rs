//! What `/proc` tells of the machine: memory, processor, time.

use mm::PAGE_SIZE;
use mm::machine::BLOCK_SIZE;

use super::text::Text;
use crate::arch::{cpu, hwcap, timer};
use crate::memory;
use crate::process::abi::{RELEASE, VERSION};
use crate::process::clock::{SECOND, clock};
use crate::process::{self, Process, scheduler, settings};

/// Memory, in kB (`proc_meminfo(5)`). There is no cache of files and nothing is paged out, so that much is zero; what Linux tells of its own
/// parts is left out.
pub(super) fn meminfo(_: &Process, text: &mut Text) {
    let pages = |pages: u64| pages * (PAGE_SIZE / 1024);
    let free = pages(memory::free_frames() as u64);
    let (committed, tables) = process::total_usage();
    let lines = [
        ("MemTotal", pages(memory::total_frames() as u64)),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", 0),
        ("SwapCached", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("Slab", 0),
        ("SReclaimable", 0),
        ("PageTables", pages(tables)),
        ("CommitLimit", pages(settings::current().commit_limit())),
        ("Committed_AS", pages(committed)),
    ];
    for (name, size) in lines {
        add_line(text, name, size, " kB");
    }
    for name in [
        "HugePages_Total",
        "HugePages_Free",
        "HugePages_Rsvd",
        "HugePages_Surp",
    ] {
        add_line(text, name, 0, "");
    }
    add_line(text, "Hugepagesize", BLOCK_SIZE / 1024, " kB");
    add_line(text, "Hugetlb", 0, " kB");
}

/// A name and a number, each in its column.
fn add_line(text: &mut Text, name: &str, number: u64, unit: &str) {
    let width = 15usize.saturating_sub(name.len());
    text.add(format_args!("{name}{:<width$} {number:>8}{unit}\n", ':'));
}

/// The one core that runs programs.
pub(super) fn cpuinfo(_: &Process, text: &mut Text) {
    let midr = cpu::features().midr;
    // Linux's unit, in which its delay loop counts the timer: half a million ticks a second.
    let bogo = timer::frequency() / 5000;
    text.add(format_args!(
        "processor\t: 0\nBogoMIPS\t: {}.{:02}\nFeatures\t:",
        bogo / 100,
        bogo % 100
    ));
    for name in hwcap::names() {
        text.add(format_args!(" {name}"));
    }
    text.add(format_args!(
        "\nCPU implementer\t: {:#04x}\nCPU architecture: 8\nCPU variant\t: {:#x}\nCPU part\t: {:#05x}\nCPU revision\t: {}\n\n",
        midr >> 24 & 0xff,
        midr >> 20 & 0xf,
        midr >> 4 & 0xfff,
        midr & 0xf,
    ));
}

pub(super) fn version(_: &Process, text: &mut Text) {
    text.add(format_args!("Linux version {RELEASE} {VERSION}\n"));
}

/// Seconds since power-on, and for how many of them nothing ran.
pub(super) fn uptime(_: &Process, text: &mut Text) {
    let now = clock().since_boot();
    let hundredths = |time: u64| (time / SECOND, time % SECOND / (SECOND / 100));
    let (up, idle) = (
        hundredths(now),
        hundredths(now.saturating_sub(scheduler::busy_since(0))),
    );
    text.add(format_args!("{}.{:02} {}.{:02}\n", up.0, up.1, idle.0, idle.1));
}

/// The load isn't measured.
pub(super) fn loadavg(process: &Process, text: &mut Text) {
    text.add(format_args!(
        "0.00 0.00 0.00 1/{} {}\n",
        process::thread_count(process),
        process.id
    ));
}
