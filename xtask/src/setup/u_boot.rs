//! U-Boot, from Debian's packages: in QEMU it takes the place of a board's firmware, which QEMU hasn't got.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::apt::{Mirror, PrivateApt};
use super::system::has_apt;
use crate::qemu::raspi::Model;
use crate::{say, workspace};

/// The suite that it comes from.
const SUITE: &str = "trixie";

/// U-Boot's flat image for a Raspberry Pi, or else for QEMU's `virt`; fetched if it isn't there yet.
pub(crate) fn ensure(raspi: Option<Model>) -> Result<PathBuf> {
    let (package, folder) = match raspi {
        Some(Model::Raspi3b) => ("u-boot-rpi", "rpi_3"),
        Some(Model::Raspi4b) => ("u-boot-rpi", "rpi_4"),
        None => ("u-boot-qemu", "qemu_arm64"),
    };
    let whole = workspace::target().join("inarch").join(package);
    let image = whole.join("usr/lib/u-boot").join(folder).join("u-boot.bin");
    if image.is_file() {
        return Ok(image);
    }
    if !has_apt() {
        bail!("U-Boot comes from Debian's archive, and there is no apt");
    }
    say::note("fetching U-Boot from Debian's archive (GPL-2.0)");
    let apt = PrivateApt::new(&Mirror::find()?, SUITE, Some("arm64"))?;
    let Some(version) = apt.version(package, |_| true) else {
        bail!("Debian has no package {package} for arm64")
    };
    apt.unpack(package, &version, &whole)?;
    if !image.is_file() {
        bail!("the package {package} {version} holds no {folder}/u-boot.bin");
    }
    Ok(image)
}
