//! What a program was started with, and its numbers: the small files of `/proc/PID`.

use linux_raw_sys::general::RLIMIT_RSS;
use mm::{PAGE_SHIFT, PAGE_SIZE, TASK_SIZE};

use super::listing::measure;
use super::status;
use super::text::Text;
use crate::process::clock::SECOND;
use crate::process::exec::CLOCK_TICKS;
use crate::process::limits::INFINITY;
use crate::process::{self, Process, scheduler};

pub(super) fn command_line(process: &Process, text: &mut Text) {
    text.add_bytes(&process.arguments);
}

pub(super) fn environment(process: &Process, text: &mut Text) {
    text.add_bytes(&process.outline.lock().environment_bytes);
}

pub(super) fn auxiliary_vector(process: &Process, text: &mut Text) {
    text.add_bytes(&process.outline.lock().auxiliary);
}

pub(super) fn command(process: &Process, text: &mut Text) {
    add_name(process, text);
    text.add_bytes(b"\n");
}

/// The first thread's name, which is the process's.
fn name(process: &Process) -> impl Iterator<Item = u8> {
    let name = process::find_thread(process.id)
        .map(|thread| *thread.name.lock())
        .unwrap_or_default();
    name.into_iter().take_while(|byte| *byte != 0)
}

fn add_name(process: &Process, text: &mut Text) {
    for byte in name(process) {
        text.add_bytes(&[byte]);
    }
}

/// The name as `status` has it: on one line, whatever is in it.
pub(super) fn add_escaped_name(process: &Process, text: &mut Text) {
    for byte in name(process) {
        match byte {
            b'\n' => text.add_bytes(b"\\n"),
            b'\\' => text.add_bytes(b"\\\\"),
            byte => text.add_bytes(&[byte]),
        }
    }
}

/// How many pages the code of the program itself takes.
pub(super) fn code_pages(process: &Process) -> u64 {
    let code = process.outline.lock().code.clone();
    (code.end.next_multiple_of(PAGE_SIZE) - (code.start & !(PAGE_SIZE - 1))) >> PAGE_SHIFT
}

/// Sizes in pages (`proc_pid_statm(5)`).
pub(super) fn statm(process: &Process, text: &mut Text) {
    let usage = process.space.lock().usage();
    let footprint = measure(process, 0, TASK_SIZE);
    let shared = footprint.file + footprint.shared_memory;
    text.add(format_args!(
        "{} {} {} {} 0 {} 0\n",
        usage.total,
        footprint.resident() >> PAGE_SHIFT,
        shared >> PAGE_SHIFT,
        code_pages(process),
        usage.data + (footprint.mapped_stack >> PAGE_SHIFT),
    ));
}

/// One line of numbers (`proc_pid_stat(5)`). What isn't counted is zero.
pub(super) fn stat(process: &Process, text: &mut Text) {
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
    let [code, data, arguments, environment] = {
        let outline = process.outline.lock();
        [
            &outline.code,
            &outline.data,
            &outline.arguments,
            &outline.environment,
        ]
        .map(Clone::clone)
    };
    let (stack, heap) = {
        let outline = process.outline.lock();
        (outline.stack, outline.heap)
    };
    let numbers = [
        // flags, minflt, cminflt, majflt, cmajflt, utime, stime, cutime, cstime
        &[0, 0, 0, 0, 0, used, 0, 0, 0][..],
        // priority, nice, num_threads, itrealvalue, starttime
        &[20, 0, threads, 0, ticks(process.started)],
        // vsize, rss, rsslim
        &[size, resident, resident_limit],
        // startcode, endcode, startstack, kstkesp, kstkeip
        &[code.start, code.end, stack, 0, 0],
        &[
            low(signals.pending),
            low(signals.blocked),
            low(signals.ignored),
            low(signals.caught),
        ],
        // wchan, nswap, cnswap, exit_signal, processor, rt_priority, policy, delayacct, guest, cguest
        &[0, 0, 0, 17, 0, 0, 0, 0, 0, 0],
        &[data.start, data.end, heap],
        &[arguments.start, arguments.end],
        &[environment.start, environment.end],
    ];
    text.add(format_args!("{} (", process.id));
    add_name(process, text);
    let (state, parent) = (status::state_letter(process), process.parent);
    // After the parent: process group, session, terminal and its foreground group; at the end the exit code.
    text.add(format_args!(") {state} {parent} 0 0 0 -1"));
    for number in numbers.into_iter().flatten() {
        text.add(format_args!(" {number}"));
    }
    text.add_bytes(b" 0\n");
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
pub(super) fn limits(process: &Process, text: &mut Text) {
    text.add(format_args!(
        "{:<25} {:<20} {:<20} {:<10}\n",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    ));
    let limits = process.limits.lock().clone();
    for (resource, (name, unit)) in (0..).zip(LIMITS) {
        let Ok(limit) = limits.get(resource) else {
            continue;
        };
        text.add(format_args!("{name:<25} "));
        for value in [limit.rlim_cur, limit.rlim_max] {
            match value {
                INFINITY => text.add(format_args!("{:<20} ", "unlimited")),
                value => text.add(format_args!("{value:<20} ")),
            }
        }
        match unit {
            "" => text.add_bytes(b"\n"),
            unit => text.add(format_args!("{unit:<10}\n")),
        }
    }
}
