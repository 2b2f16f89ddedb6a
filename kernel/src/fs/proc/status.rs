//! `/proc/PID/status`: what is known of a process, a name and a value a line, in Linux 7.3's order (`proc_pid_status(5)`).

use core::sync::atomic::Ordering;

use linux_raw_sys::general::RLIMIT_SIGPENDING;
use mm::{HugePages, PAGE_SIZE, TASK_SIZE};

use super::listing::measure;
use super::program;
use super::text::Text;
use crate::process::credentials::{Credentials, Ids};
use crate::process::signal::ALL_SIGNALS;
use crate::process::{self, Process};

/// The handler that stands for "nothing" (`SIG_IGN`).
const IGNORE: u64 = 1;

/// A process's signals, a bit each.
#[derive(Default)]
pub(super) struct Signals {
    pub(super) count: usize,
    pub(super) pending: u64,
    pub(super) blocked: u64,
    pub(super) ignored: u64,
    pub(super) caught: u64,
}

impl Signals {
    /// Those of the process's first thread, and what the process does about them.
    pub(super) fn of(process: &Process) -> Self {
        let mut signals = Self::default();
        {
            let actions = process.actions.lock();
            for signal in ALL_SIGNALS {
                let bit = 1 << (signal - 1);
                match actions.get(signal).handler {
                    0 => {}
                    IGNORE => signals.ignored |= bit,
                    _ => signals.caught |= bit,
                }
            }
        }
        if let Some(thread) = process::find_thread(process.id) {
            let own = thread.signals.lock();
            signals.pending = own.pending().0;
            signals.count = own.pending_count();
            signals.blocked = own.blocked.0;
        }
        signals
    }
}

/// `R` for the process that runs, `S` for one that waits, `Z` for one that has ended.
pub(super) fn state_letter(process: &Process) -> char {
    if process.exit_status().is_some() {
        'Z'
    } else if process::current().process.id == process.id {
        'R'
    } else {
        'S'
    }
}

pub(super) fn status(process: &Process, text: &mut Text) {
    text.add_bytes(b"Name:\t");
    program::add_escaped_name(process, text);
    text.add_bytes(b"\n");
    let credentials = process.credentials.lock().clone();
    let mut lines = Lines(text);
    write_identity(&mut lines, process, &credentials);
    write_memory(&mut lines, process);
    write_signals(&mut lines, process);
    write_capabilities(&mut lines, &credentials);
    write_rest(&mut lines);
}

/// The text, a line at a time.
struct Lines<'a>(&'a mut Text);

impl Lines<'_> {
    fn put(&mut self, name: &str, value: impl core::fmt::Display) {
        self.0.add(format_args!("{name}:\t{value}\n"));
    }

    fn put_size(&mut self, name: &str, bytes: u64) {
        self.0.add(format_args!("{name}:\t{:>8} kB\n", bytes >> 10));
    }

    fn put_set(&mut self, name: &str, set: u64) {
        self.0.add(format_args!("{name}:\t{set:016x}\n"));
    }

    fn put_ids(&mut self, name: &str, ids: &Ids) {
        let (real, effective) = (ids.real, ids.effective);
        self.0.add(format_args!(
            "{name}:\t{real}\t{effective}\t{}\t{}\n",
            ids.saved, ids.filesystem
        ));
    }

    /// A space after each; a space alone where there is none.
    fn put_groups(&mut self, groups: &[u32]) {
        self.0.add_bytes(b"Groups:\t");
        for group in groups {
            self.0.add(format_args!("{group} "));
        }
        self.0.add_bytes(if groups.is_empty() { b" \n" } else { b"\n" });
    }
}

fn write_identity(lines: &mut Lines<'_>, process: &Process, credentials: &Credentials) {
    let state = match state_letter(process) {
        'R' => "R (running)",
        'Z' => "Z (zombie)",
        _ => "S (sleeping)",
    };
    let umask = process.umask.load(Ordering::Relaxed);
    lines.put("Umask", format_args!("{umask:04o}"));
    lines.put("State", state);
    lines.put("Tgid", process.id);
    lines.put("Ngid", 0);
    lines.put("Pid", process.id);
    lines.put("PPid", process.parent);
    lines.put("TracerPid", 0);
    lines.put_ids("Uid", &credentials.users);
    lines.put_ids("Gid", &credentials.groups);
    lines.put("FDSize", process.files.lock().size());
    lines.put_groups(&credentials.supplementary);
    lines.put("NStgid", process.id);
    lines.put("NSpid", process.id);
    lines.put("NSpgid", 0);
    lines.put("NSsid", 0);
    lines.put("Kthread", 0);
}

/// Sizes. The most that there ever was isn't kept: the peaks are what there is now.
fn write_memory(lines: &mut Lines<'_>, process: &Process) {
    let (usage, tables, huge) = {
        let space = process.space.lock();
        (space.usage(), space.table_pages(), space.huge_page_policy())
    };
    let footprint = measure(process, 0, TASK_SIZE);
    let code = program::code_pages(process) * PAGE_SIZE;
    let resident = footprint.resident();
    lines.put_size("VmPeak", usage.total * PAGE_SIZE);
    lines.put_size("VmSize", usage.total * PAGE_SIZE);
    lines.put_size("VmLck", usage.locked * PAGE_SIZE);
    lines.put_size("VmPin", 0);
    lines.put_size("VmHWM", resident);
    lines.put_size("VmRSS", resident);
    lines.put_size("RssAnon", footprint.anonymous);
    lines.put_size("RssFile", footprint.file);
    lines.put_size("RssShmem", footprint.shared_memory);
    lines.put_size("VmData", usage.data * PAGE_SIZE);
    lines.put_size("VmStk", footprint.mapped_stack);
    let code = code.min(footprint.mapped_code);
    lines.put_size("VmExe", code);
    lines.put_size("VmLib", footprint.mapped_code - code);
    lines.put_size("VmPTE", tables * PAGE_SIZE);
    lines.put_size("VmSwap", 0);
    lines.put_size("HugetlbPages", 0);
    lines.put("CoreDumping", 0);
    lines.put("THP_enabled", u8::from(huge != HugePages::Off));
    lines.put("untag_mask", "0xffffffffffffff");
    lines.put("Threads", process::thread_count(process));
}

fn write_signals(lines: &mut Lines<'_>, process: &Process) {
    let signals = Signals::of(process);
    let limit = process.limits.lock().get(RLIMIT_SIGPENDING);
    let most = limit.map_or(0, |limit| limit.rlim_cur);
    lines.put("SigQ", format_args!("{}/{most}", signals.count));
    lines.put_set("SigPnd", signals.pending);
    lines.put_set("ShdPnd", 0);
    lines.put_set("SigBlk", signals.blocked);
    lines.put_set("SigIgn", signals.ignored);
    lines.put_set("SigCgt", signals.caught);
}

fn write_capabilities(lines: &mut Lines<'_>, credentials: &Credentials) {
    let sets = &credentials.sets;
    lines.put_set("CapInh", sets.inheritable);
    lines.put_set("CapPrm", sets.permitted);
    lines.put_set("CapEff", sets.effective);
    lines.put_set("CapBnd", sets.bounding);
    lines.put_set("CapAmb", sets.ambient);
    lines.put("NoNewPrivs", u8::from(credentials.no_new_privileges));
}

/// What is the same for every process: no seccomp, one core, one node, and switches that aren't counted.
fn write_rest(lines: &mut Lines<'_>) {
    lines.put("Seccomp", 0);
    lines.put("Seccomp_filters", 0);
    lines.put("Speculation_Store_Bypass", "unknown");
    lines.put("SpeculationIndirectBranch", "unknown");
    lines.put("Cpus_allowed", 1);
    lines.put("Cpus_allowed_list", 0);
    lines.put("Mems_allowed", 1);
    lines.put("Mems_allowed_list", 0);
    lines.put("voluntary_ctxt_switches", 0);
    lines.put("nonvoluntary_ctxt_switches", 0);
}
