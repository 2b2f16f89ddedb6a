//! What a program may use, and where the kernel places what it did not place itself.

use crate::{PAGE_SHIFT, TASK_SIZE};

/// No limit, as `getrlimit(2)` reports it.
pub const RLIM_INFINITY: u64 = u64::MAX;

/// Linux's default of `/proc/sys/vm/max_map_count`.
pub const DEFAULT_MAX_MAP_COUNT: u64 = 65_530;

/// Linux's usual value of `/proc/sys/vm/mmap_min_addr` on arm64 with 4 KiB pages.
pub const DEFAULT_MMAP_MIN_ADDR: u64 = 0x8000;

/// The limits that Linux checks when a mapping is made, grown or locked.
///
/// The soft limits of `getrlimit(2)` are in bytes, [`RLIM_INFINITY`] for none. They belong to the process; its
/// `prlimit64` writes them here through [`AddressSpace::limits_mut`](super::AddressSpace::limits_mut).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `RLIMIT_AS`: all mappings together.
    pub address_space: u64,
    /// `RLIMIT_DATA`: private writable mappings, and the span that `brk` covers.
    pub data: u64,
    /// `RLIMIT_STACK`: how far a stack mapping grows.
    pub stack: u64,
    /// `RLIMIT_MEMLOCK`: locked memory.
    pub locked: u64,
    /// `vm.max_map_count`: the number of mappings.
    pub max_map_count: u64,
    /// `vm.mmap_min_addr`: below it only a privileged program maps.
    pub mmap_min_addr: u64,
    /// Pages of memory in the machine. One request for more than that is refused, which is all that Linux's default
    /// overcommit policy (`vm.overcommit_memory` = 0) refuses.
    pub memory_pages: u64,
    /// Whether the program has `CAP_SYS_RAWIO` and `CAP_IPC_LOCK`, as root has.
    pub privileged: bool,
}

impl Default for Limits {
    /// What root has after boot: an 8 MiB stack and 8 MiB of locked memory (`setrlimit(2)`), and no other limit.
    fn default() -> Self {
        Self {
            address_space: RLIM_INFINITY,
            data: RLIM_INFINITY,
            stack: 8 << 20,
            locked: 8 << 20,
            max_map_count: DEFAULT_MAX_MAP_COUNT,
            mmap_min_addr: DEFAULT_MMAP_MIN_ADDR,
            memory_pages: u64::MAX >> PAGE_SHIFT,
            privileged: true,
        }
    }
}

/// Where the kernel places what a program leaves to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Mappings without an address go below this address, highest first.
    pub mmap_base: u64,
    /// Where the search goes on, upwards, when nothing is free below `mmap_base`.
    pub mmap_bottom: u64,
    /// Where the heap of `brk` begins; page-aligned. Zero: none yet, and `brk` answers zero.
    pub brk_start: u64,
    /// An address in the mapping that `/proc/PID/maps` calls `[stack]`; zero for none.
    pub stack: u64,
}

impl Default for Layout {
    /// Linux's layout without randomisation, for a stack limit below 127 MiB: the stack and its guard gap are given
    /// 128 MiB at the top (`mmap_base()` of Linux's `mm/util.c`).
    fn default() -> Self {
        Self {
            mmap_base: TASK_SIZE - (128 << 20),
            mmap_bottom: TASK_SIZE / 4,
            brk_start: 0,
            stack: 0,
        }
    }
}
