//! What `/proc` tells of the machine: memory, processor, time.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use mm::PAGE_SIZE;
use mm::machine::BLOCK_SIZE;

use crate::arch::{cpu, hwcap, timer};
use crate::memory;
use crate::process::abi::{RELEASE, VERSION};
use crate::process::clock::{SECOND, clock};
use crate::process::{self, Process, scheduler, settings};

/// Memory, in kB (`proc_meminfo(5)`). There is no cache of files and nothing is paged out, so that much is zero; what Linux tells of its own
/// parts is left out.
pub(super) fn meminfo(_: &Process) -> Vec<u8> {
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
    let mut text = String::new();
    for (name, size) in lines {
        let _ = writeln!(text, "{:<15} {size:>8} kB", format!("{name}:"));
    }
    for name in [
        "HugePages_Total",
        "HugePages_Free",
        "HugePages_Rsvd",
        "HugePages_Surp",
    ] {
        let _ = writeln!(text, "{:<15} {:>8}", format!("{name}:"), 0);
    }
    let _ = writeln!(text, "{:<15} {:>8} kB", "Hugepagesize:", BLOCK_SIZE / 1024);
    let _ = writeln!(text, "{:<15} {:>8} kB", "Hugetlb:", 0);
    text.into_bytes()
}

/// The one core that runs programs.
pub(super) fn cpuinfo(_: &Process) -> Vec<u8> {
    let midr = cpu::features().midr;
    // Linux's unit, in which its delay loop counts the timer: half a million ticks a second.
    let bogo = timer::frequency() / 5000;
    let names: Vec<&str> = hwcap::names().collect();
    format!(
        "processor\t: 0\nBogoMIPS\t: {}.{:02}\nFeatures\t: {}\nCPU implementer\t: {:#04x}\nCPU architecture: 8\n\
         CPU variant\t: {:#x}\nCPU part\t: {:#05x}\nCPU revision\t: {}\n\n",
        bogo / 100,
        bogo % 100,
        names.join(" "),
        midr >> 24 & 0xff,
        midr >> 20 & 0xf,
        midr >> 4 & 0xfff,
        midr & 0xf,
    )
    .into_bytes()
}

pub(super) fn version(_: &Process) -> Vec<u8> {
    format!("Linux version {RELEASE} {VERSION}\n").into_bytes()
}

/// Seconds since power-on, and for how many of them nothing ran.
pub(super) fn uptime(_: &Process) -> Vec<u8> {
    let now = clock().since_boot();
    let hundredths = |time: u64| (time / SECOND, time % SECOND / (SECOND / 100));
    let (up, idle) = (
        hundredths(now),
        hundredths(now.saturating_sub(scheduler::busy_since(0))),
    );
    format!("{}.{:02} {}.{:02}\n", up.0, up.1, idle.0, idle.1).into_bytes()
}

/// The load isn't measured.
pub(super) fn loadavg(process: &Process) -> Vec<u8> {
    format!(
        "0.00 0.00 0.00 1/{} {}\n",
        process::thread_count(process),
        process.id
    )
    .into_bytes()
}
