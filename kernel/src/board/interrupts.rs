//! The interrupt controller: GICv2 or GICv3 (crate `arm-gic`), or a BCM2836's. The timer's is the only interrupt in use.

use arm_gic::gicv2::GicV2;
use arm_gic::gicv3::{GicCpuInterface, GicV3};
use arm_gic::{IntId, InterruptGroup};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use hardware::{InterruptController, PhysRange};
use safe_mmio::UniqueMmioPointer;

use super::description;
use super::local_interrupts::LocalController;
use crate::sync::IrqMutex;
use crate::{arch, memory};

/// How much of the redistributors' registers is mapped: those of the first core, which in a GICv4 are twice those of a GICv3.
const REDISTRIBUTOR: u64 = 0x4_0000;

/// The first core, which is the one that runs, as the redistributors count.
const FIRST: usize = 0;

/// Interrupts that reach the kernel have this priority or a higher one: all have.
const LOWEST_PRIORITY: u8 = 0xff;

/// A controller that lets the timer's interrupt through, with its number there.
enum Controller {
    V2(GicV2<'static>, IntId),
    /// Its registers serve only to set it up.
    V3(IntId),
    Bcm2836(LocalController, u32),
}

/// The interrupt that was due.
#[derive(PartialEq, Eq)]
enum Taken {
    Timer,
    Other,
    /// It has gone away between the signal and the question.
    None,
}

static CONTROLLER: IrqMutex<Option<Controller>> = IrqMutex::new(None);

/// How many interrupts were taken.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Sets up the controller that the device tree names and lets the timer's interrupt through. Without one the machine runs, but
/// a program is never interrupted.
pub(crate) fn init() {
    let board = description();
    let (Some(found), Some(timer)) = (board.interrupts, board.timer_interrupt) else {
        log::warn!("no interrupt controller or timer that the kernel knows: threads are not preempted");
        return;
    };
    let controller = bring_up(found, timer);
    if controller.is_none() {
        log::warn!("the interrupt controller can't be set up for the timer: threads are not preempted");
    }
    *CONTROLLER.lock() = controller;
}

/// Sets a controller up for the timer's interrupt, `timer` as the device tree's reader counts, and for no other: one that a loader left on
/// would come for ever, because nobody here asks its device why. `None` where its registers can't be
/// mapped or it doesn't let the interrupt through.
fn bring_up(found: InterruptController, timer: u32) -> Option<Controller> {
    match found {
        InterruptController::GicV2(distributor, interface) => {
            let (distributor, interface) = (memory::map_device(distributor)?, memory::map_device(interface)?);
            // SAFETY: the windows map the distributor and the CPU interface of a GICv2, and nothing else uses them.
            let mut gic = unsafe { GicV2::new(distributor.as_ptr().cast(), interface.as_ptr().cast()) };
            gic.setup();
            gic.enable_all_interrupts(false);
            // To the non-secure side, bit 0 of the control register is group 1, which is all that it sees; without security
            // extensions it is group 0, to which all interrupts then belong.
            gic.enable_group0(true);
            let timer = private(timer);
            gic.enable_interrupt(timer, true).ok()?;
            Some(Controller::V2(gic, timer))
        }
        InterruptController::GicV3(distributor, redistributors) => {
            let length = redistributors.len().min(REDISTRIBUTOR);
            let redistributor = PhysRange::from_len(redistributors.start.get(), length)?;
            let distributor = memory::map_device(distributor)?.cast();
            let redistributor: NonNull<_> = memory::map_device(redistributor)?.cast();
            // SAFETY: the windows map the distributor and the first redistributor of a GICv3, and nothing else uses them.
            let gic = unsafe { GicV3::new(UniqueMmioPointer::new(distributor), redistributor, 1) };
            let mut gic = gic.ok()?;
            gic.setup(FIRST);
            gic.enable_all_interrupts(false);
            GicCpuInterface::set_priority_mask(LOWEST_PRIORITY);
            let timer = private(timer);
            gic.enable_interrupt(timer, Some(FIRST), true).ok()?;
            Some(Controller::V3(timer))
        }
        InterruptController::Bcm2836(registers) => {
            let mut controller = LocalController::new(registers)?;
            controller.enable_timer(timer);
            Some(Controller::Bcm2836(controller, timer))
        }
    }
}

/// A private interrupt by its number: 16..32, as the tree's reader promises.
fn private(number: u32) -> IntId {
    IntId::ppi(number - IntId::SGI_COUNT)
}

impl Controller {
    /// Takes the interrupt that is due, and deals with it.
    fn take(&mut self) -> Taken {
        match self {
            Self::V2(gic, timer) => {
                let due = gic.get_and_acknowledge_interrupt(InterruptGroup::Group0);
                deal(due, *timer, |interrupt| {
                    gic.end_interrupt(interrupt, InterruptGroup::Group0);
                })
            }
            Self::V3(timer) => {
                let due = GicCpuInterface::get_and_acknowledge_interrupt(InterruptGroup::Group1);
                deal(due, *timer, |interrupt| {
                    GicCpuInterface::end_interrupt(interrupt, InterruptGroup::Group1);
                })
            }
            Self::Bcm2836(controller, timer) if controller.is_pending(*timer) => {
                arch::timer::clear_deadline();
                Taken::Timer
            }
            Self::Bcm2836(..) => Taken::None,
        }
    }
}

/// Deals with the interrupt `due` of a GIC, if there is one, and has `end` say so to the controller.
fn deal(due: Option<IntId>, timer: IntId, end: impl FnOnce(IntId)) -> Taken {
    let Some(interrupt) = due else {
        return Taken::None;
    };
    let is_timer = interrupt == timer;
    if is_timer {
        // It stays asserted until the deadline is taken back; the scheduler sets the next.
        arch::timer::clear_deadline();
    }
    end(interrupt);
    if is_timer { Taken::Timer } else { Taken::Other }
}

/// Deals with the interrupt that is due. Called with interrupts masked, wherever one was taken.
pub(crate) fn handle() {
    let mut controller = CONTROLLER.lock();
    if controller
        .as_mut()
        .is_some_and(|controller| controller.take() != Taken::None)
    {
        TAKEN.fetch_add(1, Relaxed);
    }
}

/// How many interrupts were taken since boot.
#[cfg(feature = "ktest")]
pub(super) fn taken() -> u64 {
    TAKEN.load(Relaxed)
}
