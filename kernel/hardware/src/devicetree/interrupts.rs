//! The interrupt controller, and the timer's interrupt.

use dtoolkit::Node;

use super::bus::Path;
use super::nodes::Traits;
use super::{Description, InterruptController};

/// The interrupt of a private peripheral has this number plus its own (GIC architecture: PPIs are 16..32).
const PPI_BASE: u32 = 16;
/// How many lines a BCM2836's controller has for the timers of a core.
const TIMER_LINES: u32 = 4;
/// In a `timer` node, the interrupt of the virtual timer is the third (binding `arm,arch_timer`).
const VIRTUAL_TIMER: usize = 2;

/// Notes the controller at `path`, if the kernel knows it. A GIC goes before what else there is: the Raspberry Pi 4 has both.
pub(super) fn controller<'a>(found: &mut Description<'a>, path: &Path<'a>, traits: &Traits<'a>) {
    let v2 = traits.is(&["arm,cortex-a15-gic", "arm,gic-400"]);
    let local = traits.is(&["brcm,bcm2836-l1-intc"]);
    if !v2 && !local && !traits.is(&["arm,gic-v3"]) {
        return;
    }
    match (path.registers(0), path.registers(1)) {
        (Some(registers), _) if local => {
            found
                .interrupts
                .get_or_insert(InterruptController::Bcm2836(registers));
        }
        (Some(distributor), Some(other)) if v2 => {
            found.interrupts = Some(InterruptController::GicV2(distributor, other));
        }
        (Some(distributor), Some(other)) => {
            found.interrupts = Some(InterruptController::GicV3(distributor, other));
        }
        _ => found.ignore(path.node().name()),
    }
}

/// The virtual timer's interrupt, by the property `interrupts` of the timer's node, as `controller` counts. To a GIC each is type
/// (1: private to a core), number, flags; to a BCM2836's controller, number, flags.
pub(super) fn timer(interrupts: &[u8], controller: InterruptController) -> Option<u32> {
    let (cells, _) = interrupts.as_chunks();
    let cell = |index: usize| cells.get(index).map(|cell| u32::from_be_bytes(*cell));
    match controller {
        InterruptController::Bcm2836(_) => cell(2 * VIRTUAL_TIMER).filter(|line| *line < TIMER_LINES),
        InterruptController::GicV2(..) | InterruptController::GicV3(..) => {
            let (kind, number) = (cell(3 * VIRTUAL_TIMER)?, cell(3 * VIRTUAL_TIMER + 1)?);
            (kind == 1 && number < PPI_BASE).then_some(PPI_BASE + number)
        }
    }
}
