//! Linux's device trees for Raspberry Pis, from Debian's newest kernel for arm64. They are under the GPL, and so no part of this
//! repository.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

use super::apt::{Mirror, PrivateApt};
use super::system::has_apt;
use crate::qemu::raspi::{Model, Raspi};
use crate::{say, workspace};

/// The suite that has the newest kernel for a stable Debian.
const SUITE: &str = "trixie-backports";
/// The package that the newest kernel for arm64 depends on, by whatever version it is.
const NEWEST: &str = "linux-image-arm64";

/// One of QEMU's Raspberry Pis with its tree, fetched if it isn't there yet.
pub(crate) fn raspi(model: Model) -> Result<Raspi> {
    let tree = ensure()?.join(model.tree());
    if !tree.is_file() {
        bail!(
            "Debian's kernel has no device tree {}",
            workspace::short(&tree).display()
        );
    }
    Ok(Raspi { model, tree })
}

/// The folder of the trees, whether it is there or not.
pub(crate) fn folder() -> PathBuf {
    workspace::target().join("inarch/device-trees")
}

/// The folder of the trees, fetched if it isn't there yet. What keeps them from being fetched is found out once.
pub(crate) fn ensure() -> Result<PathBuf> {
    static OUTCOME: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let outcome = OUTCOME.get_or_init(|| fetch().map_err(|error| format!("{error:#}")));
    outcome.clone().map_err(anyhow::Error::msg)
}

fn fetch() -> Result<PathBuf> {
    let folder = folder();
    if folder.is_dir() {
        return Ok(folder);
    }
    if !has_apt() {
        bail!("the boards' device trees come from Debian's archive, and there is no apt");
    }
    say::note("fetching Linux's device trees from Debian's archive (GPL-2.0)");
    let apt = PrivateApt::new(&Mirror::find()?, SUITE, Some("arm64"))?;
    // `linux-image-arm64` depends on `linux-image-VERSION-arm64`; the trees are in `linux-base-VERSION-arm64`.
    let image = apt
        .dependency(NEWEST, "linux-image-")
        .with_context(|| format!("Debian's {NEWEST} depends on no kernel"))?;
    let package = image.replacen("linux-image-", "linux-base-", 1);
    let Some(version) = apt.version(&package, |_| true) else {
        bail!("Debian has no package {package} for arm64")
    };
    let whole = folder.with_extension("package");
    apt.unpack(&package, &version, &whole)?;
    let trees =
        trees_in(&whole).with_context(|| format!("the package {package} {version} holds no trees"))?;
    // The trees of a thousand other boards are not kept.
    fs_err::rename(&trees, &folder)?;
    fs_err::remove_dir_all(&whole)?;
    Ok(folder)
}

/// `usr/lib/modules/VERSION/dtb/broadcom`.
fn trees_in(package: &Path) -> Option<PathBuf> {
    let modules = package.join("usr/lib/modules").read_dir().ok()?;
    modules
        .flatten()
        .map(|entry| entry.path().join("dtb/broadcom"))
        .find(|folder| folder.is_dir())
}
