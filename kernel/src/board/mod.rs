//! The board: what the device tree says, console, interrupt controller, timer, power.

mod clock;
pub(crate) mod console;
pub(crate) mod cores;
mod fallback;
pub(crate) mod host;
pub(crate) mod interrupts;
mod local_interrupts;
mod mailbox;
mod mini_uart;
pub(crate) mod power;
mod serial;
pub(crate) mod timer;
mod watchdog;

pub(crate) use clock::seconds_since_1970;

use crate::sync::Once;
use boot::BootInfo;
use hardware::{CommandLine, Description, TreeError};
use serial::Serial;

static DESCRIPTION: Once<Description<'static>> = Once::new();
static DEVICE_TREE: Once<&'static [u8]> = Once::new();
static COMMAND_LINE: Once<CommandLine> = Once::new();
/// Done when the console is the one that the device tree names.
static NAMED_CONSOLE: Once<()> = Once::new();

/// The machine as the device tree describes it.
///
/// # Panics
///
/// Before [`init`].
pub(crate) fn description() -> &'static Description<'static> {
    DESCRIPTION.get().expect("the device tree has been read")
}

/// The device tree itself; empty where there is none that makes sense.
pub(crate) fn device_tree() -> &'static [u8] {
    DEVICE_TREE.get().copied().unwrap_or_default()
}

/// The words of the kernel's command line.
pub(crate) fn command_line() -> CommandLine {
    COMMAND_LINE.get().copied().unwrap_or(CommandLine::DEFAULT)
}

/// Reads the device tree and brings up the console; ends the machine with a message where there is no tree that the kernel
/// could use.
pub(crate) fn init(info: &BootInfo) {
    let Some(tree) = info.device_tree() else {
        fallback::console(info);
        power::fail(format_args!(
            "no device tree: the loader gave x0 = {:#x}. A Raspberry Pi needs its .dtb file on the card; QEMU's raspi \
             machines need -dtb",
            info.x0()
        ));
    };
    // SAFETY: boot mapped `size` bytes there, read-only and for good; nothing writes to the tree's memory.
    let blob = unsafe { core::slice::from_raw_parts(tree.window as *const u8, tree.size as usize) };
    let mut description = match hardware::describe(blob) {
        Ok(description) => description,
        Err(error) => {
            fallback::console(info);
            power::fail(format_args!("{error}"));
        }
    };
    let line = CommandLine::parse(description.bootargs);
    COMMAND_LINE.call_once(|| line);
    description.initrd = line.initrd.or(description.initrd);
    power::init(info.entry_level(), &description);
    if line.semihosting {
        host::listen();
    }
    if !named_console(&description) {
        fallback::console(info);
    }
    if description.ram.is_empty() {
        ask_for_memory(&mut description);
    }
    DESCRIPTION.call_once(|| description);
    DEVICE_TREE.call_once(|| blob);
}

/// Brings up the console that the device tree names. Whether it could.
fn named_console(found: &Description<'_>) -> bool {
    let clock = || found.mailbox.and_then(mailbox::uart_clock);
    let device = found.console.and_then(|console| Serial::bring_up(console, clock));
    let Some(device) = device else { return false };
    console::add(device);
    NAMED_CONSOLE.call_once(|| ());
    true
}

/// Asks firmware for the memory that the device tree doesn't tell of; ends the machine where it doesn't know either.
fn ask_for_memory(found: &mut Description<'_>) {
    let Some(memory) = found.mailbox.and_then(mailbox::memory) else {
        power::fail(format_args!("{}", TreeError::NoMemory));
    };
    // A set has room for a first range.
    let _ = found.ram.add(memory);
}

/// Tells what was found, at the levels where a person wants to know.
pub(crate) fn report() {
    let found = description();
    log::info!("machine: {}, {} core(s)", found.model, found.cpus.len());
    log::info!("processor: {}", crate::arch::cpu::features());
    for range in found.ram.iter() {
        log::info!("memory: {range}");
    }
    for range in found.reserved.iter() {
        log::info!("reserved: {range}");
    }
    if !NAMED_CONSOLE.is_completed() {
        log::warn!(
            "the device tree's stdout-path names no console that the kernel can drive: this one is a guess"
        );
    }
    if crate::arch::timer::frequency() == 0 {
        log::warn!("firmware didn't say how fast the counter counts: the clock is wrong");
    }
    for name in &found.ignored {
        log::warn!("the device tree's `{name}` makes no sense and was left out");
    }
}

crate::ktest! {
    /// What runs the tests has memory, a console, and cores, and boot and tree agree on where the image is.
    fn the_device_tree_of_this_machine_is_read() {
        use hardware::InterruptController;
        let found = description();
        assert!(!found.model.is_empty());
        assert!(found.console.is_some());
        let timer = match found.interrupts.expect("a controller that the kernel knows") {
            InterruptController::Bcm2836(_) => 3,
            InterruptController::GicV2(..) | InterruptController::GicV3(..) => 27,
        };
        assert_eq!(found.timer_interrupt, Some(timer));
        assert!(!found.cpus.is_empty());
        assert!(found.ram.covers(crate::memory::image()));
        assert!(command_line().ktest);
    }
}
