//! What the firmware of each board looks for on its card (Raspberry Pi documentation, "The boot folder" and "config.txt").

use clap::ValueEnum;

use super::Load;

/// The settings of the firmware.
pub(crate) const CONFIG: &str = "config.txt";
/// The kernel's flat image.
pub(crate) const KERNEL: &str = "kernel8.img";
/// The archive with the program.
pub(crate) const PROGRAM: &str = "program.cpio";

/// The boards.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Board {
    /// Raspberry Pi 3 Model B and B+
    Rpi3,
    /// Raspberry Pi 4 Model B
    Rpi4,
    /// Raspberry Pi 5
    Rpi5,
}

/// Has the firmware load the program's archive.
pub(super) const ARCHIVE_SETTING: &str = "initramfs program.cpio followkernel";

/// Settings for all boards. The kernel's name and 64 bits are what newer firmware assumes anyway. `enable_uart` puts the mini
/// UART on the pins and holds its clock; `upstream_kernel` has the firmware look for device trees by Linux's names.
const SETTINGS: &str = "\
arm_64bit=1
kernel=kernel8.img
enable_uart=1
disable_splash=1
upstream_kernel=1
";

impl Board {
    /// The name that the command line knows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Board::Rpi3 => "rpi3",
            Board::Rpi4 => "rpi4",
            Board::Rpi5 => "rpi5",
        }
    }

    /// The files of the firmware that must be on the card; what else there is lies in the board's own memory.
    pub(crate) fn firmware(self) -> &'static [&'static str] {
        match self {
            Board::Rpi3 => &["bootcode.bin", "start.elf", "fixup.dat"],
            Board::Rpi4 => &["start4.elf", "fixup4.dat"],
            Board::Rpi5 => &[],
        }
    }

    /// Linux's device trees, of which the firmware takes that of the model.
    pub(crate) fn trees(self) -> &'static [&'static str] {
        match self {
            Board::Rpi3 => &["bcm2837-rpi-3-b.dtb", "bcm2837-rpi-3-b-plus.dtb"],
            Board::Rpi4 => &["bcm2711-rpi-4-b.dtb"],
            Board::Rpi5 => &["bcm2712-rpi-5-b.dtb", "bcm2712-d-rpi-5-b.dtb"],
        }
    }

    /// The contents of [`CONFIG`] on a card with `load`.
    pub(crate) fn config(self, load: &Load) -> String {
        let more = match self {
            Board::Rpi3 => "",
            // Without it some firmware leaves the interrupts to the controller of older boards.
            Board::Rpi4 => "enable_gic=1\n",
            // A card need not look like Linux's.
            Board::Rpi5 => "os_check=0\n",
        };
        let archive = match load {
            Load::Program(_) => format!("{ARCHIVE_SETTING}\n"),
            Load::Loader => String::new(),
        };
        format!(
            "# Inarch on a {}: written by `cargo xtask image`\n{SETTINGS}{archive}{more}",
            self.name()
        )
    }
}
