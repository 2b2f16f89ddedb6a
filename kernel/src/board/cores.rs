//! The other cores: let in one after the other, MMU and caches on, and put to sleep.
//!
//! One core runs programs. The others sleep in WFI all the same: cores that spin for an address to jump to take time from an emulated
//! machine, and power from a real one.

use core::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};
use core::time::Duration;
use hardware::{Cpu, CpuStart};
use mm::PhysAddr;

use super::{description, power, timer};
use crate::{arch, memory};

unsafe extern "C" {
    /// Where a core begins (crate `boot`, `asm/head.s`).
    static boot_secondary: u8;
}

/// MPIDR_EL1 of the core that has just arrived; 0 before.
#[unsafe(export_name = "kernel_core_arrived")]
static ARRIVED: AtomicU64 = AtomicU64::new(0);

/// How long a core may take. An emulator may be busy with something else.
const PATIENCE: Duration = Duration::from_millis(500);

/// Lets in every core that the device tree names and says how to start; none where another kernel comes after this one, which could not
/// let them in again.
pub(crate) fn bring_in() {
    if super::command_line().again.is_some() {
        return;
    }
    let this = arch::cpu::affinity();
    let others = || description().cpus.iter().filter(|cpu| cpu.affinity != this);
    let arrived = others().filter(|cpu| bring_in_one(cpu)).count();
    if arrived > 0 {
        log::info!("{arrived} of {} other core(s) let in, asleep", others().count());
    }
}

/// Lets a core in; whether it arrived.
fn bring_in_one(cpu: &Cpu) -> bool {
    ARRIVED.store(0, Release);
    let entry = PhysAddr::new(memory::phys_of_image(&raw const boot_secondary));
    let started = match cpu.start {
        CpuStart::Psci => power::start_core(cpu.affinity, entry),
        CpuStart::SpinTable(release) => release_core(release, entry),
        CpuStart::Unknown => false,
    };
    if !started {
        return false;
    }
    let deadline = timer::since_boot() + PATIENCE;
    while arch::cpu::affinity_in(ARRIVED.load(Acquire)) != Some(cpu.affinity) {
        if timer::since_boot() > deadline {
            log::warn!("core {:#x} was let in and did not arrive", cpu.affinity);
            return false;
        }
        arch::let_others_run();
    }
    true
}

/// Writes `entry` where a core looks for it; whether that could be done. The core's caches are off, so the address has to get to
/// memory, past lines that may hold something else.
fn release_core(release: PhysAddr, entry: PhysAddr) -> bool {
    let Some(word) = memory::reserved_doubleword(release) else {
        log::warn!("a core waits for an address at {release}, which is no memory that is kept for that");
        return false;
    };
    arch::cache::clean_and_invalidate(word.cast(), size_of::<u64>());
    // SAFETY: the doubleword is RAM that the device tree reserves, for this.
    unsafe { word.write_volatile(entry.get()) };
    arch::cache::clean_and_invalidate(word.cast(), size_of::<u64>());
    arch::send_event();
    true
}

crate::ktest! {
    /// On machines whose cores can be started, all have arrived; the last said so last.
    fn all_cores_are_in() {
        let this = arch::cpu::affinity();
        let startable = |cpu: &&Cpu| cpu.affinity != this && cpu.start != CpuStart::Unknown;
        let last = description().cpus.iter().rfind(startable);
        let none = super::command_line().again.is_some();
        if let Some(last) = last.filter(|_| !none && (power::can_start_cores() || description().psci.is_none())) {
            assert_eq!(arch::cpu::affinity_in(ARRIVED.load(Acquire)), Some(last.affinity));
        }
    }
}
