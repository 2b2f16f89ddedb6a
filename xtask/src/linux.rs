//! Debian's Linux for arm64: the newest package of the backports, unpacked below the target folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::setup::apt::{Mirror, PrivateApt};
use crate::setup::system::has_apt;
use crate::workspace;

/// The suite that has the newest kernel for a stable Debian.
const SUITE: &str = "trixie-backports";
/// The package that the newest kernel for arm64 depends on, by whatever version it is.
const NEWEST: &str = "linux-image-arm64";

/// The project's program that is process 1 of a Linux and starts those that `tests.txt` lists.
pub(crate) const INIT: &str = "linux-init";

/// Where the four bytes lie that tell an image for arm64 from others, and what they are (Linux, Documentation/arch/arm64/booting.rst).
const MAGIC: (usize, &[u8]) = (56, b"ARMd");
/// How a compressed image begins, which QEMU unpacks.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Which Linux Inarch is compared with.
#[derive(Args, Clone, Debug)]
pub(crate) struct LinuxOptions {
    /// Image of the Linux to compare with, instead of Debian's newest
    #[arg(long, value_name = "IMAGE", env = "INARCH_LINUX", hide_env_values = true)]
    linux: Option<PathBuf>,
}

impl LinuxOptions {
    /// The kernel's image: the one that was named, if it is one, or Debian's, fetched if it isn't there yet.
    pub(crate) fn image(&self) -> Result<PathBuf> {
        let Some(image) = &self.linux else {
            return fetched();
        };
        let shown = image.display();
        let bytes = fs_err::read(image)?;
        ensure!(is_image(&bytes), "{shown} is no image of a Linux for arm64");
        Ok(image.clone())
    }
}

fn is_image(bytes: &[u8]) -> bool {
    let (at, magic) = MAGIC;
    bytes.starts_with(GZIP) || bytes.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

/// The words of the kernel's command line with `program`, which lies in the archive's root, as process 1. Without 52-bit addresses:
/// so that there are four levels of tables, as in Inarch.
pub(crate) fn words(program: &str) -> Vec<String> {
    let mut words: Vec<String> = ["console=ttyAMA0", "nokaslr", "quiet", "panic=-1", "arm64.nolva"]
        .map(str::to_owned)
        .to_vec();
    words.push(format!("rdinit=/{program}"));
    words
}

/// The image of Debian's newest kernel, fetched if it isn't there yet.
fn fetched() -> Result<PathBuf> {
    let folder = workspace::target().join("inarch/linux");
    if let Some(image) = image_in(&folder) {
        return Ok(image);
    }
    if !has_apt() {
        bail!(
            "Linux for arm64 comes from Debian's archive, and there is no apt; name a kernel's image with --linux"
        );
    }
    let apt = PrivateApt::new(&Mirror::find()?, SUITE, Some("arm64"))?;
    // `linux-image-arm64` depends on `linux-image-VERSION-arm64`, an empty package beside `linux-binary-VERSION-arm64`.
    let image = apt
        .dependency(NEWEST, "linux-image-")
        .with_context(|| format!("Debian's {NEWEST} depends on no kernel"))?;
    let package = image.replacen("linux-image-", "linux-binary-", 1);
    let Some(version) = apt.version(&package, |_| true) else {
        bail!("Debian has no package {package} for arm64")
    };
    apt.unpack(&package, &version, &folder)?;
    image_in(&folder).with_context(|| format!("the package {package} {version} holds no kernel"))
}

/// `usr/lib/modules/VERSION/vmlinuz`.
fn image_in(folder: &Path) -> Option<PathBuf> {
    let modules = folder.join("usr/lib/modules").read_dir().ok()?;
    modules
        .flatten()
        .map(|entry| entry.path().join("vmlinuz"))
        .find(|image| image.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_from_other_files() {
        let mut image = vec![0; 64];
        assert!(!is_image(&image));
        image[56..60].copy_from_slice(b"ARMd");
        assert!(is_image(&image) && is_image(&[0x1f, 0x8b, 8]));
        assert!(!is_image(b"") && !is_image(b"# Inarch"));
    }
}
