//! What a program was started with, and its numbers: the small files of `/proc/PID`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use linux_raw_sys::general::RLIMIT_RSS;
use mm::{PAGE_SHIFT, PAGE_SIZE, TASK_SIZE};

use super::listing::measure;
use super::status;
use crate::process::clock::SECOND;
use crate::process::exec::CLOCK_TICKS;
use crate::process::limits::INFINITY;
use crate::process::{self, Process, scheduler};

pub(super) fn command_line(process: &Process) -> Vec<u8> {
    process.arguments.clone()
}

pub(super) fn environment(process: &Process) -> Vec<u8> {
    process.outline.lock().environment_bytes.clone()
}

pub(super) fn auxiliary_vector(process: &Process) -> Vec<u8> {
    process.outline.lock().auxiliary.clone()
}

pub(super) fn command(process: &Process) -> Vec<u8> {
    [&name(process)[..], b"\n"].concat()
}

/// The first thread's name, which is the process's.
pub(super) fn name(process: &Process) -> Vec<u8> {
    let name = process::find_thread(process.id)
        .map(|thread| *thread.name.lock())
        .unwrap_or_default();
    let len = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    name[..len].to_vec()
}

/// How many pages the code of the program itself takes.
pub(super) fn code_pages(process: &Process) -> u64 {
    let code = process.outline.lock().code.clone();
    (code.end.next_multiple_of(PAGE_SIZE) - (code.start & !(PAGE_SIZE - 1))) >> PAGE_SHIFT
}

/// Sizes in pages (`proc_pid_statm(5)`).
pub(super) fn statm(process: &Process) -> Vec<u8> {
    let usage = process.space.lock().usage();
    let footprint = measure(process, 0, TASK_SIZE);
    let shared = footprint.file + footprint.shared_memory;
    format!(
        "{} {} {} {} 0 {} 0\n",
        usage.total,
        footprint.resident() >> PAGE_SHIFT,
        shared >> PAGE_SHIFT,
        code_pages(process),
        usage.data + (footprint.mapped_stack >> PAGE_SHIFT),
    )
    .into_bytes()
}

/// One line of numbers (`proc_pid_stat(5)`). What isn't counted is zero.
pub(super) fn stat(process: &Process) -> Vec<u8> {
    let ticks = |nanoseconds: u64| nanoseconds / (SECOND / CLOCK_TICKS);
    let used = ticks(scheduler::busy_since(process.started));
    let threads = process::thread_count(process);
    let size = process.space.lock().usage().total << PAGE_SHIFT;
    let resident = measure(process, 0, TASK_SIZE).resident() >> PAGE_SHIFT;
    let resident_limit = process
        .limits
        .lock()
        .get(RLIMIT_RSS)
        .map_or(INFINITY, |limit| limit.rlim_cur);
    let signals = status::Signals::of(process);
    let low = |set: u64| set & i32::MAX as u64;
    let outline = process.outline.lock().clone();
    let numbers = [
        // flags, minflt, cminflt, majflt, cmajflt, utime, stime, cutime, cstime
        &[0, 0, 0, 0, 0, used, 0, 0, 0][..],
        // priority, nice, num_threads, itrealvalue, starttime
        &[20, 0, threads, 0, ticks(process.started)],
        // vsize, rss, rsslim
        &[size, resident, resident_limit],
        // startcode, endcode, startstack, kstkesp, kstkeip
        &[outline.code.start, outline.code.end, outline.stack, 0, 0],
        &[
            low(signals.pending),
            low(signals.blocked),
            low(signals.ignored),
            low(signals.caught),
        ],
        // wchan, nswap, cnswap, exit_signal, processor, rt_priority, policy, delayacct, guest, cguest
        &[0, 0, 0, 17, 0, 0, 0, 0, 0, 0],
        &[outline.data.start, outline.data.end, outline.heap],
        &[outline.arguments.start, outline.arguments.end],
        &[outline.environment.start, outline.environment.end],
    ];
    let numbers: String = numbers
        .concat()
        .iter()
        .map(|number| format!(" {number}"))
        .collect();
    let (id, name, parent) = (process.id, name(process), process.parent);
    let state = status::state_letter(process);
    // After the parent: process group, session, terminal and its foreground group; at the end the exit code.
    let rest = format!(") {state} {parent} 0 0 0 -1{numbers} 0\n");
    [format!("{id} (").as_bytes(), &name, rest.as_bytes()].concat()
}

/// The names and units of the resource limits, by their numbers.
const LIMITS: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

/// The resource limits as a table.
pub(super) fn limits(process: &Process) -> Vec<u8> {
    let value = |value: u64| match value {
        INFINITY => String::from("unlimited"),
        value => format!("{value}"),
    };
    let mut table = format!(
        "{:<25} {:<20} {:<20} {:<10}\n",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    );
    let limits = process.limits.lock().clone();
    for (resource, (name, unit)) in (0..).zip(LIMITS) {
        let Ok(limit) = limits.get(resource) else {
            continue;
        };
        let (soft, hard) = (value(limit.rlim_cur), value(limit.rlim_max));
        let _ = write!(table, "{name:<25} {soft:<20} {hard:<20} ");
        table.push_str(&match unit {
            "" => String::from("\n"),
            unit => format!("{unit:<10}\n"),
        });
    }
    table.into_bytes()
}
