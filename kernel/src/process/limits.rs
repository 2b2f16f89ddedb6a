//! Resource limits (`getrlimit(2)`).

use linux_raw_sys::general::{
    CAP_SYS_RESOURCE, RLIM_NLIMITS, RLIMIT_AS, RLIMIT_CORE, RLIMIT_DATA, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE,
    RLIMIT_NICE, RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_RTPRIO, RLIMIT_SIGPENDING, RLIMIT_STACK, rlimit64,
};
use mm::Errno;

use super::credentials::Credentials;

/// No limit.
pub(crate) const INFINITY: u64 = u64::MAX;
/// The largest value that `RLIMIT_NOFILE` may be set to (Linux's `fs.nr_open`).
const MOST_FILES: u64 = 1 << 20;

/// A process's limits, soft and hard.
#[derive(Clone)]
pub(crate) struct Limits([rlimit64; RLIM_NLIMITS as usize]);

impl Default for Limits {
    /// What Linux's first process has.
    fn default() -> Self {
        let mut limits = Self([both(INFINITY); RLIM_NLIMITS as usize]);
        let mut set = |resource: u32, soft, hard| {
            limits.0[resource as usize] = rlimit64 {
                rlim_cur: soft,
                rlim_max: hard,
            }
        };
        set(RLIMIT_STACK, super::exec::STACK_SIZE, INFINITY);
        set(RLIMIT_CORE, 0, INFINITY);
        set(RLIMIT_NOFILE, 1024, 4096);
        set(RLIMIT_MEMLOCK, 8 << 20, 8 << 20);
        set(RLIMIT_NPROC, 4096, 4096);
        set(RLIMIT_SIGPENDING, 4096, 4096);
        set(RLIMIT_MSGQUEUE, 819_200, 819_200);
        set(RLIMIT_NICE, 0, 0);
        set(RLIMIT_RTPRIO, 0, 0);
        limits
    }
}

fn both(value: u64) -> rlimit64 {
    rlimit64 {
        rlim_cur: value,
        rlim_max: value,
    }
}

impl Limits {
    /// The limit on `resource`.
    ///
    /// # Errors
    /// `EINVAL` for one that there isn't.
    pub(crate) fn get(&self, resource: u32) -> Result<rlimit64, Errno> {
        self.0.get(resource as usize).copied().ok_or(Errno::EINVAL)
    }

    /// Sets the limit on `resource`, as far as who asks for it may.
    ///
    /// # Errors
    /// `EINVAL` for a resource that there isn't and for a soft limit above the hard one, `EPERM` for more files than the kernel
    /// allows anyone, and for a higher hard limit without `CAP_SYS_RESOURCE`.
    pub(crate) fn set(&mut self, resource: u32, limit: rlimit64, who: &Credentials) -> Result<(), Errno> {
        let slot = self.0.get_mut(resource as usize).ok_or(Errno::EINVAL)?;
        if limit.rlim_cur > limit.rlim_max {
            return Err(Errno::EINVAL);
        }
        if resource == RLIMIT_NOFILE && limit.rlim_max > MOST_FILES {
            return Err(Errno::EPERM);
        }
        if limit.rlim_max > slot.rlim_max && !who.has(CAP_SYS_RESOURCE) {
            return Err(Errno::EPERM);
        }
        *slot = limit;
        Ok(())
    }

    /// One more than the highest file descriptor.
    pub(crate) fn files(&self) -> u64 {
        self.0[RLIMIT_NOFILE as usize].rlim_cur
    }

    /// Hands the limits on memory to the address space that keeps them.
    pub(crate) fn apply(&self, memory: &mut mm::Limits) {
        let soft = |resource: u32| self.0[resource as usize].rlim_cur;
        memory.address_space = soft(RLIMIT_AS);
        memory.data = soft(RLIMIT_DATA);
        memory.data_hard = self.0[RLIMIT_DATA as usize].rlim_max;
        memory.stack = soft(RLIMIT_STACK);
        memory.locked = soft(RLIMIT_MEMLOCK);
    }
}
