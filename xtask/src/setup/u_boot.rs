//! U-Boot for Raspberry Pis, from Debian's package: in QEMU it takes the place of the board's firmware, which QEMU hasn't got.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::apt::{Mirror, PrivateApt};
use super::system::has_apt;
use crate::qemu::raspi::Model;
use crate::{say, workspace};

/// The suite that it comes from.
const SUITE: &str = "trixie";
/// The package.
const PACKAGE: &str = "u-boot-rpi";

/// U-Boot's flat image for a board, fetched if it isn't there yet.
pub(crate) fn ensure(model: Model) -> Result<PathBuf> {
    let package = workspace::target().join("inarch").join(PACKAGE);
    let folder = match model {
        Model::Raspi3b => "rpi_3",
        Model::Raspi4b => "rpi_4",
    };
    let image = package.join("usr/lib/u-boot").join(folder).join("u-boot.bin");
    if image.is_file() {
        return Ok(image);
    }
    if !has_apt() {
        bail!("U-Boot comes from Debian's archive, and there is no apt");
    }
    say::note("fetching U-Boot from Debian's archive (GPL-2.0)");
    let apt = PrivateApt::new(&Mirror::find()?, SUITE, Some("arm64"))?;
    let Some(version) = apt.version(PACKAGE, |_| true) else {
        bail!("Debian has no package {PACKAGE} for arm64")
    };
    apt.unpack(PACKAGE, &version, &package)?;
    if !image.is_file() {
        bail!("the package {PACKAGE} {version} holds no {folder}/u-boot.bin");
    }
    Ok(image)
}
