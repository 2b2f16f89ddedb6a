//! Which number is which call.

use linux_raw_sys::general as linux;

use super::{
    Entry, absent, advice, credentials, descriptor, identity, io, ioctl, limit, lock, make, mapping, open,
    prctl, signal, status, system, task, time, trace,
};

/// One more than the highest number that Linux 7.3 has.
const COUNT: usize = 472;

/// The call for each number; those that don't exist here say so.
pub(super) static TABLE: [Entry; COUNT] = build();

/// The call for every other number.
pub(super) const MISSING: Entry = |frame, thread| make(frame, thread, trace::missing);

const fn build() -> [Entry; COUNT] {
    let mut table = [MISSING; COUNT];
    let mut index = 0;
    while index < CALLS.len() {
        table[CALLS[index].0 as usize] = CALLS[index].1;
        index += 1;
    }
    table
}

/// A list of calls, each with its number and the handler that answers it.
macro_rules! calls {
    ($(($number:path, $handler:path),)*) => {
        &[$(($number, |frame, thread| make(frame, thread, $handler)),)*]
    };
}

/// The calls that there are, by family.
const CALLS: &[(u32, Entry)] = calls![
    // Memory.
    (linux::__NR_brk, mapping::brk),
    (linux::__NR_mmap, mapping::mmap),
    (linux::__NR_munmap, mapping::munmap),
    (linux::__NR_mprotect, mapping::mprotect),
    (linux::__NR_mremap, mapping::mremap),
    (linux::__NR_madvise, advice::madvise),
    (linux::__NR_process_madvise, advice::process_madvise),
    (linux::__NR_mincore, mapping::mincore),
    (linux::__NR_remap_file_pages, mapping::remap_file_pages),
    (linux::__NR_mlock, lock::mlock),
    (linux::__NR_mlock2, lock::mlock2),
    (linux::__NR_munlock, lock::munlock),
    (linux::__NR_mlockall, lock::mlockall),
    (linux::__NR_munlockall, lock::munlockall),
    (linux::__NR_mseal, lock::mseal),
    (linux::__NR_msync, lock::msync),
    (linux::__NR_pkey_alloc, absent::pkey_alloc),
    (linux::__NR_pkey_free, absent::pkey_free),
    (linux::__NR_pkey_mprotect, absent::pkey_mprotect),
    (linux::__NR_mbind, absent::no_policies),
    (linux::__NR_get_mempolicy, absent::no_policies),
    (linux::__NR_set_mempolicy, absent::no_policies),
    (linux::__NR_set_mempolicy_home_node, absent::no_policies),
    (linux::__NR_migrate_pages, absent::no_policies),
    (linux::__NR_move_pages, absent::no_policies),
    // Reading and writing.
    (linux::__NR_read, io::read),
    (linux::__NR_write, io::write),
    (linux::__NR_readv, io::readv),
    (linux::__NR_writev, io::writev),
    (linux::__NR_pread64, io::pread64),
    (linux::__NR_pwrite64, io::pwrite64),
    (linux::__NR_lseek, io::lseek),
    (linux::__NR_getdents64, io::getdents64),
    // Files by name.
    (linux::__NR_openat, open::openat),
    (linux::__NR_readlinkat, open::readlinkat),
    (linux::__NR_faccessat, open::faccessat),
    (linux::__NR_faccessat2, open::faccessat2),
    (linux::__NR_getcwd, open::getcwd),
    (linux::__NR_memfd_create, open::memfd_create),
    (linux::__NR_newfstatat, status::newfstatat),
    (linux::__NR_fstat, status::fstat),
    (linux::__NR_statx, status::statx),
    // Descriptors.
    (linux::__NR_close, descriptor::close),
    (linux::__NR_dup, descriptor::dup),
    (linux::__NR_dup3, descriptor::dup3),
    (linux::__NR_fcntl, descriptor::fcntl),
    (linux::__NR_ftruncate, descriptor::ftruncate),
    (linux::__NR_fallocate, descriptor::fallocate),
    (linux::__NR_ioctl, ioctl::ioctl),
    // Processes and threads.
    (linux::__NR_exit, task::exit),
    (linux::__NR_exit_group, task::exit_group),
    (linux::__NR_set_tid_address, task::set_tid_address),
    (linux::__NR_set_robust_list, task::set_robust_list),
    (linux::__NR_sched_yield, task::sched_yield),
    (linux::__NR_sched_getaffinity, task::sched_getaffinity),
    (linux::__NR_prctl, prctl::prctl),
    (linux::__NR_getpid, identity::getpid),
    (linux::__NR_getppid, identity::getppid),
    (linux::__NR_gettid, identity::gettid),
    (linux::__NR_pidfd_open, identity::pidfd_open),
    (linux::__NR_umask, identity::umask),
    // Users, groups and capabilities.
    (linux::__NR_getuid, credentials::getuid),
    (linux::__NR_geteuid, credentials::geteuid),
    (linux::__NR_getgid, credentials::getgid),
    (linux::__NR_getegid, credentials::getegid),
    (linux::__NR_getresuid, credentials::getresuid),
    (linux::__NR_getresgid, credentials::getresgid),
    (linux::__NR_setuid, credentials::setuid),
    (linux::__NR_setgid, credentials::setgid),
    (linux::__NR_setreuid, credentials::setreuid),
    (linux::__NR_setregid, credentials::setregid),
    (linux::__NR_setresuid, credentials::setresuid),
    (linux::__NR_setresgid, credentials::setresgid),
    (linux::__NR_setfsuid, credentials::setfsuid),
    (linux::__NR_setfsgid, credentials::setfsgid),
    (linux::__NR_getgroups, credentials::getgroups),
    (linux::__NR_setgroups, credentials::setgroups),
    (linux::__NR_capget, credentials::capget),
    (linux::__NR_capset, credentials::capset),
    // Limits and use.
    (linux::__NR_prlimit64, limit::prlimit64),
    (linux::__NR_getrlimit, limit::getrlimit),
    (linux::__NR_setrlimit, limit::setrlimit),
    (linux::__NR_getrusage, limit::getrusage),
    (linux::__NR_times, limit::times),
    // Time.
    (linux::__NR_clock_gettime, time::clock_gettime),
    (linux::__NR_clock_getres, time::clock_getres),
    (linux::__NR_gettimeofday, time::gettimeofday),
    (linux::__NR_nanosleep, time::nanosleep),
    (linux::__NR_clock_nanosleep, time::clock_nanosleep),
    // Signals.
    (linux::__NR_rt_sigaction, signal::rt_sigaction),
    (linux::__NR_rt_sigprocmask, signal::rt_sigprocmask),
    (linux::__NR_rt_sigpending, signal::rt_sigpending),
    (linux::__NR_rt_sigreturn, signal::rt_sigreturn),
    (linux::__NR_sigaltstack, signal::sigaltstack),
    (linux::__NR_kill, signal::kill),
    (linux::__NR_tkill, signal::tkill),
    (linux::__NR_tgkill, signal::tgkill),
    // The system.
    (linux::__NR_uname, system::uname),
    (linux::__NR_sysinfo, system::sysinfo),
    (linux::__NR_getrandom, system::getrandom),
];
