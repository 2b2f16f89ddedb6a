//! What `/proc/sys/vm` (`proc_sys_vm(5)`) and `/sys/kernel/mm` set for all processes.

use hardware::HugePages;
use mm::{
    DEFAULT_MAX_MAP_COUNT, DEFAULT_MMAP_MIN_ADDR, HugePageMode, Overcommit, OvercommitPolicy, PAGE_SIZE,
};

use crate::sync::Mutex;
use crate::{board, memory};

/// The settings of memory, with Linux's names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How many mappings a process may have.
    pub(crate) max_map_count: u64,
    /// Below it only a program with `CAP_SYS_RAWIO` maps.
    pub(crate) mmap_min_addr: u64,
    /// 0, 1 or 2: guess, always, never.
    pub(crate) overcommit_memory: u64,
    /// The commit limit, in percent of the memory, where `overcommit_kbytes` is zero.
    pub(crate) overcommit_ratio: u64,
    /// The commit limit.
    pub(crate) overcommit_kbytes: u64,
    /// What only root gets of it.
    pub(crate) admin_reserve_kbytes: u64,
    /// What nobody gets of it.
    pub(crate) user_reserve_kbytes: u64,
    /// Which memory may be huge: `/sys/kernel/mm/transparent_hugepage/enabled`.
    pub(crate) huge_pages: HugePageMode,
}

/// What has been written; before that, Linux's defaults, which depend on the memory there is. The innermost of the locks that are held
/// with an address space's.
static SETTINGS: Mutex<Option<Settings>> = Mutex::new(None);

/// In kB.
const PAGE: u64 = PAGE_SIZE / 1024;

/// What is in force.
pub(crate) fn current() -> Settings {
    SETTINGS.lock().unwrap_or_else(Settings::of_machine)
}

/// Puts `change` into force for all processes.
pub(crate) fn change(change: impl FnOnce(&mut Settings)) {
    let settings = {
        let mut settings = SETTINGS.lock();
        let settings = settings.get_or_insert_with(Settings::of_machine);
        change(settings);
        *settings
    };
    super::for_each_space(|space| settings.apply(space.limits_mut()));
}

impl Settings {
    fn of_machine() -> Self {
        let reserves = Overcommit::of_memory(memory::total_frames() as u64);
        Self {
            max_map_count: DEFAULT_MAX_MAP_COUNT,
            mmap_min_addr: DEFAULT_MMAP_MIN_ADDR,
            overcommit_memory: 0,
            overcommit_ratio: 50,
            overcommit_kbytes: 0,
            admin_reserve_kbytes: reserves.admin_reserve * PAGE,
            user_reserve_kbytes: reserves.user_reserve * PAGE,
            huge_pages: match board::command_line().huge_pages {
                HugePages::Always => HugePageMode::Always,
                HugePages::Madvise => HugePageMode::Madvise,
                HugePages::Never => HugePageMode::Never,
            },
        }
    }

    /// The commit limit, in pages.
    pub(crate) fn commit_limit(&self) -> u64 {
        if self.overcommit_kbytes != 0 {
            self.overcommit_kbytes / PAGE
        } else {
            (memory::total_frames() as u64).saturating_mul(self.overcommit_ratio) / 100
        }
    }

    /// Hands the settings to an address space that keeps them.
    pub(crate) fn apply(&self, memory: &mut mm::Limits) {
        memory.max_map_count = self.max_map_count;
        memory.mmap_min_addr = self.mmap_min_addr;
        memory.huge_pages = self.huge_pages;
        memory.overcommit = Overcommit {
            policy: match self.overcommit_memory {
                0 => OvercommitPolicy::Guess,
                1 => OvercommitPolicy::Always,
                _ => OvercommitPolicy::Never,
            },
            limit: self.commit_limit(),
            admin_reserve: self.admin_reserve_kbytes / PAGE,
            user_reserve: self.user_reserve_kbytes / PAGE,
        };
    }
}
