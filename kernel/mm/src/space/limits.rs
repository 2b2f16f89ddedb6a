//! What a program may use, and where the kernel places what it did not place itself.

use super::huge::HugePageMode;
use crate::{PAGE_SHIFT, TASK_SIZE};
use bitflags::bitflags;
use linux_raw_sys::general::{CAP_IPC_LOCK, CAP_SYS_ADMIN, CAP_SYS_RAWIO};

/// No limit, as `getrlimit(2)` reports it.
pub const RLIM_INFINITY: u64 = u64::MAX;

/// Linux's default of `/proc/sys/vm/max_map_count`.
pub const DEFAULT_MAX_MAP_COUNT: u64 = 65_530;

/// Debian's value of `/proc/sys/vm/mmap_min_addr` on arm64 (`CONFIG_DEFAULT_MMAP_MIN_ADDR`).
pub const DEFAULT_MMAP_MIN_ADDR: u64 = 0x1000;

/// Where mappings are placed at the lowest, whatever `mmap_min_addr` says (`CONFIG_LSM_MMAP_MIN_ADDR` on arm64 that can run 32-bit
/// programs): a hint below is raised to it, but `MAP_FIXED` may go lower.
const LOWEST_PLACED: u64 = 0x8000;

bitflags! {
    /// What a program may do beyond others, as far as an address space asks (`capabilities(7)`). The bits are those of the
    /// effective set that `capget(2)` answers; [`Capabilities::from_bits_truncate`] takes what matters here out of one.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Capabilities: u64 {
        /// Locks as much memory as it likes.
        const IPC_LOCK = 1 << CAP_IPC_LOCK;
        /// Maps below [`Limits::mmap_min_addr`].
        const SYS_RAWIO = 1 << CAP_SYS_RAWIO;
        /// Commits to what is reserved for root ([`Overcommit::admin_reserve`]), and may ask for memory errors (`madvise(2)`).
        const SYS_ADMIN = 1 << CAP_SYS_ADMIN;
    }
}

/// When a program is refused memory that counts towards the commit limit (`vm.overcommit_memory` in `proc_sys_vm(5)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OvercommitPolicy {
    /// 0: when one call asks for more than the machine has.
    Guess,
    /// 1: never.
    Always,
    /// 2: when all of it together would reach the commit limit. `MAP_NORESERVE` means nothing then.
    Never,
}

/// The policy, and what the commit limit of [`OvercommitPolicy::Never`] is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overcommit {
    /// `vm.overcommit_memory`.
    pub policy: OvercommitPolicy,
    /// The commit limit in pages, without the reserves: `CommitLimit` of `/proc/meminfo`, which `vm.overcommit_ratio` or
    /// `vm.overcommit_kbytes` give.
    pub limit: u64,
    /// `vm.admin_reserve_kbytes`, in pages: what only a program with [`Capabilities::SYS_ADMIN`] gets.
    pub admin_reserve: u64,
    /// `vm.user_reserve_kbytes`, in pages: what no program gets, unless a 32nd of its own size is less.
    pub user_reserve: u64,
}

impl Overcommit {
    /// Linux's defaults on a machine with `pages` of memory: the policy guesses, the limit is half of the memory, the reserves are a
    /// 32nd of it but at most 8 MiB and 128 MiB.
    pub const fn of_memory(pages: u64) -> Self {
        const fn least(one: u64, other: u64) -> u64 {
            if one < other { one } else { other }
        }
        Self {
            policy: OvercommitPolicy::Guess,
            limit: pages / 2,
            admin_reserve: least(pages / 32, (8 << 20) >> PAGE_SHIFT),
            user_reserve: least(pages / 32, (128 << 20) >> PAGE_SHIFT),
        }
    }
}

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
    /// The hard limit of `RLIMIT_DATA`, which counts instead of a soft limit of zero where mappings are concerned: Linux does so
    /// for Valgrind's sake.
    pub data_hard: u64,
    /// `RLIMIT_STACK`: how far a stack mapping grows.
    pub stack: u64,
    /// `RLIMIT_MEMLOCK`: locked memory.
    pub locked: u64,
    /// `vm.max_map_count`: the number of mappings.
    pub max_map_count: u64,
    /// `vm.mmap_min_addr`: below it only a program with [`Capabilities::SYS_RAWIO`] maps. The kernel itself
    /// places nothing below 0x8000, even where this is lower.
    pub mmap_min_addr: u64,
    /// Pages of memory in the machine.
    pub memory_pages: u64,
    /// Whether a program may have more memory than there is.
    pub overcommit: Overcommit,
    /// Which memory may be huge.
    pub huge_pages: HugePageMode,
    /// What the program may do that others may not; root may everything.
    pub capabilities: Capabilities,
}

impl Limits {
    /// The lowest address that the kernel itself chooses, and that a hint is raised to; a stack grows no lower.
    pub(crate) const fn lowest_placed(&self) -> u64 {
        if self.mmap_min_addr > LOWEST_PLACED {
            self.mmap_min_addr
        } else {
            LOWEST_PLACED
        }
    }
}

impl Default for Limits {
    /// What root has after boot: an 8 MiB stack and 8 MiB of locked memory (`setrlimit(2)`), and no other limit.
    fn default() -> Self {
        Self {
            address_space: RLIM_INFINITY,
            data: RLIM_INFINITY,
            data_hard: RLIM_INFINITY,
            stack: 8 << 20,
            locked: 8 << 20,
            max_map_count: DEFAULT_MAX_MAP_COUNT,
            mmap_min_addr: DEFAULT_MMAP_MIN_ADDR,
            memory_pages: u64::MAX >> PAGE_SHIFT,
            overcommit: Overcommit::of_memory(u64::MAX >> PAGE_SHIFT),
            huge_pages: HugePageMode::Madvise,
            capabilities: Capabilities::all(),
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
    /// Bytes of the program's initialised data, which `RLIMIT_DATA` counts with the heap when `brk` moves its end.
    pub data_len: u64,
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
            data_len: 0,
            stack: 0,
        }
    }
}
