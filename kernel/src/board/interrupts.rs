//! The interrupt controller: GICv2 or GICv3 (crate `arm-gic`). The timer's is the only interrupt in use.

use arm_gic::gicv2::GicV2;
use arm_gic::gicv3::{GicCpuInterface, GicV3};
use arm_gic::{IntId, InterruptGroup};
use arm_pl011_uart::UniqueMmioPointer;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use hardware::{InterruptController, PhysRange};

use super::description;
use crate::sync::IrqMutex;
use crate::{arch, memory};

/// How much of the redistributors' registers is mapped: those of the first core, which in a GICv4 are twice those of a GICv3.
const REDISTRIBUTOR: u64 = 0x4_0000;

/// The first core, which is the one that runs, as the redistributors count.
const FIRST: usize = 0;

/// Interrupts that reach the kernel have this priority or a higher one: all have.
const LOWEST_PRIORITY: u8 = 0xff;

/// A controller that has been set up, with the number of the timer's interrupt.
enum Controller {
    V2(GicV2<'static>),
    V3(GicV3<'static>),
}

static CONTROLLER: IrqMutex<Option<(Controller, IntId)>> = IrqMutex::new(None);

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
    // The tree's reader gives the number of a private interrupt, 16..32.
    let timer = IntId::ppi(timer - 16);
    let Some(mut controller) = bring_up(found) else {
        log::warn!("the registers of the interrupt controller can't be mapped: threads are not preempted");
        return;
    };
    if controller.enable(timer) {
        *CONTROLLER.lock() = Some((controller, timer));
    } else {
        log::warn!("the timer's interrupt can't be enabled: threads are not preempted");
    }
}

fn bring_up(found: InterruptController) -> Option<Controller> {
    match found {
        InterruptController::GicV2(distributor, interface) => {
            let (distributor, interface) = (memory::map_device(distributor)?, memory::map_device(interface)?);
            // SAFETY: the windows map the distributor and the CPU interface of a GICv2, and nothing else uses them.
            let mut gic = unsafe { GicV2::new(distributor.as_ptr().cast(), interface.as_ptr().cast()) };
            gic.setup();
            // To the non-secure side, bit 0 of the control register is group 1, which is all that it sees; without security
            // extensions it is group 0, to which all interrupts then belong.
            gic.enable_group0(true);
            Some(Controller::V2(gic))
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
            GicCpuInterface::set_priority_mask(LOWEST_PRIORITY);
            Some(Controller::V3(gic))
        }
    }
}

impl Controller {
    /// Lets an interrupt of this core through; says whether that worked.
    fn enable(&mut self, interrupt: IntId) -> bool {
        match self {
            Self::V2(gic) => gic.enable_interrupt(interrupt, true).is_ok(),
            Self::V3(gic) => gic.enable_interrupt(interrupt, Some(FIRST), true).is_ok(),
        }
    }

    /// Takes the interrupt that is due, if there is one.
    fn acknowledge(&mut self) -> Option<IntId> {
        match self {
            Self::V2(gic) => gic.get_and_acknowledge_interrupt(InterruptGroup::Group0),
            Self::V3(_) => GicCpuInterface::get_and_acknowledge_interrupt(InterruptGroup::Group1),
        }
    }

    /// Says that an interrupt has been dealt with.
    fn end(&mut self, interrupt: IntId) {
        match self {
            Self::V2(gic) => gic.end_interrupt(interrupt, InterruptGroup::Group0),
            Self::V3(_) => GicCpuInterface::end_interrupt(interrupt, InterruptGroup::Group1),
        }
    }
}

/// Deals with the interrupt that is due. Called with interrupts masked, wherever one was taken.
pub(crate) fn handle() {
    let mut controller = CONTROLLER.lock();
    let Some((controller, timer)) = controller.as_mut() else {
        return;
    };
    // Between the signal and here an interrupt may have gone away; then there is none to acknowledge.
    let Some(interrupt) = controller.acknowledge() else {
        return;
    };
    TAKEN.fetch_add(1, Relaxed);
    if interrupt == *timer {
        // It stays asserted until the deadline is taken back; the scheduler sets the next.
        arch::timer::clear_deadline();
    }
    controller.end(interrupt);
}

/// How many interrupts were taken since boot.
#[cfg(feature = "ktest")]
pub(super) fn taken() -> u64 {
    TAKEN.load(Relaxed)
}
