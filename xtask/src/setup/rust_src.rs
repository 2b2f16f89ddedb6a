//! The source of `core` and `alloc`, in exactly the compiler's version: what rustup's component `rust-src` or Debian's package
//! `rust-src` put in place, else Debian's package unpacked below the target folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::apt::{Mirror, PrivateApt};
use super::core::Compiler;
use super::system::{System, has_apt};
use crate::{say, workspace};

/// Suites of Debian that may have the compiler's version, in the order in which they are asked. The pinned toolchain is in the
/// first.
const SUITES: [&str; 3] = ["trixie-backports", "forky", "sid"];

/// The folder `library` of the source; `None` where cargo finds it by itself.
pub(crate) fn ensure(compiler: &Compiler) -> Result<Option<PathBuf>> {
    match find(compiler) {
        Some(Found::BesideCompiler) => Ok(None),
        Some(Found::Elsewhere(library)) => Ok(Some(library)),
        None => fetch(compiler).map(Some),
    }
}

/// Source that is there already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Where cargo looks.
    BesideCompiler,
    /// In this folder.
    Elsewhere(PathBuf),
}

/// Looks for source without fetching any.
pub(crate) fn find(compiler: &Compiler) -> Option<Found> {
    if is_library(&compiler.sysroot.join("lib/rustlib/src/rust/library")) {
        return Some(Found::BesideCompiler);
    }
    let installed = library_in(Path::new("/"), &compiler.version);
    let fetched = library_in(&fetched_folder(compiler), &compiler.version);
    [installed, fetched]
        .into_iter()
        .find(|folder| is_library(folder))
        .map(Found::Elsewhere)
}

/// Where Debian's package puts the source below the file system's root.
fn library_in(root: &Path, version: &str) -> PathBuf {
    root.join(format!("usr/src/rustc-{version}/library"))
}

fn is_library(folder: &Path) -> bool {
    folder.join("Cargo.lock").is_file() && folder.join("core").is_dir()
}

fn fetched_folder(compiler: &Compiler) -> PathBuf {
    workspace::target()
        .join("inarch")
        .join(format!("rust-src-{}", compiler.version))
}

/// Fetches Debian's package of the compiler's version. No rights are needed for that, and nothing gets installed.
fn fetch(compiler: &Compiler) -> Result<PathBuf> {
    let version = &compiler.version;
    if !has_apt() {
        bail!(
            "the source of Rust {version} is not there, and {} has no apt to get it with: run `rustup component add rust-src`, \
             or unpack Debian's package rust-src {version} so that there is {}",
            System::this(),
            library_in(Path::new("/"), version).display()
        );
    }
    let mirror = Mirror::find().context("the source of Rust can't be fetched")?;
    let matches = |candidate: &str| {
        let upstream = candidate.rsplit_once(':').map_or(candidate, |(_, rest)| rest);
        upstream.split(['+', '-', '~']).next() == Some(version)
    };
    say::note(&format!(
        "Debian's package rust-src {version} gets unpacked below {}",
        workspace::target().display()
    ));
    for suite in SUITES {
        let apt = match PrivateApt::new(&mirror, suite, None) {
            Ok(apt) => apt,
            Err(error) => {
                say::warning(&format!("{error:#}"));
                continue;
            }
        };
        let Some(package) = apt.version("rust-src", matches) else {
            continue;
        };
        let folder = fetched_folder(compiler);
        apt.unpack("rust-src", &package, &folder)?;
        let library = library_in(&folder, version);
        if !is_library(&library) {
            bail!("the package rust-src {package} holds no {}", library.display());
        }
        return Ok(library);
    }
    bail!(
        "no package rust-src of version {version} in Debian's {}; with rustup, try `rustup component add rust-src`",
        SUITES.join(", ")
    )
}
