//! A C compiler for Linux on arm64, with the two C libraries that the program tests link statically: glibc, which comes with the
//! compiler's package, and musl, whose package for arm64 is unpacked below the target folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::apt::{self, Mirror, PrivateApt};
use super::system::{Family, System, has_apt, is_root};
use crate::workspace::{self, short};
use crate::{command, say};

/// The compiler.
pub(crate) const COMPILER: &str = "aarch64-linux-gnu-gcc";
/// Debian's packages: the compiler and glibc for it.
const PACKAGES: [&str; 2] = ["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"];
/// The suite that musl is taken from: its libraries depend on nothing, so that any release's serve on any other.
const MUSL_SUITE: &str = "bookworm";

/// How a C program is linked. All are static: Inarch has no dynamic linker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linking {
    /// With glibc, at a fixed address.
    Glibc,
    /// With glibc, to be loaded anywhere.
    GlibcPie,
    /// With musl, at a fixed address.
    Musl,
    /// With musl, to be loaded anywhere.
    MuslPie,
}

/// The compiler and, where it could be had, musl.
#[derive(Clone, Debug)]
pub(crate) struct CrossCompiler {
    /// Folder with musl's `include` and `lib`, or why there is none.
    musl: Result<PathBuf, String>,
}

/// Whether the compiler is there.
pub(crate) fn is_there() -> bool {
    command::find(COMPILER).is_some()
}

/// Makes sure of the compiler: root installs it. The error is a reason in one line.
pub(crate) fn ensure() -> Result<CrossCompiler> {
    if !is_there() {
        let system = System::this();
        if system.family() != Family::Debian {
            bail!("{COMPILER} is not installed");
        }
        if !(is_root() && has_apt()) {
            bail!(
                "{COMPILER} is not installed; type: sudo apt-get install {}",
                PACKAGES.join(" ")
            );
        }
        say::note(&format!(
            "installing {} for the tests with C programs",
            PACKAGES.join(" and ")
        ));
        apt::install(&PACKAGES, None)?;
        if !is_there() {
            bail!("{COMPILER} is still not there after its package was installed");
        }
    }
    Ok(CrossCompiler {
        musl: ensure_musl().map_err(|error| format!("{error:#}")),
    })
}

/// Makes sure of musl for arm64, below the target folder.
fn ensure_musl() -> Result<PathBuf> {
    let folder = workspace::target().join("inarch/musl");
    let complete = |folder: &Path| folder.join("usr/lib/aarch64-linux-musl/libc.a").is_file();
    if !complete(&folder) {
        if !has_apt() {
            bail!("musl for arm64 comes from Debian's archive, and there is no apt");
        }
        let apt = PrivateApt::new(&Mirror::find()?, MUSL_SUITE, Some("arm64"))?;
        let Some(version) = apt.version("musl-dev", |_| true) else {
            bail!("Debian has no package musl-dev for arm64")
        };
        apt.unpack("musl-dev", &version, &folder)?;
        if !complete(&folder) {
            bail!("the package musl-dev {version} holds no static library");
        }
    }
    Ok(folder)
}

impl CrossCompiler {
    /// Whether there is a library for this way of linking, or the reason why not.
    pub(crate) fn supports(&self, linking: Linking) -> Result<(), String> {
        match linking {
            Linking::Glibc | Linking::GlibcPie => Ok(()),
            Linking::Musl | Linking::MuslPie => self.musl.as_ref().map(|_| ()).map_err(Clone::clone),
        }
    }

    /// The command that compiles one source file into a static executable, or why it can't be.
    pub(crate) fn command(&self, source: &Path, program: &Path, linking: Linking) -> Result<Command> {
        let (source, program) = (&short(source), short(program));
        let mut gcc = Command::new(COMPILER);
        gcc.args(["-O2", "-Wall", "-o"]).arg(program);
        match linking {
            Linking::Glibc => gcc.args(["-static", "-no-pie"]).arg(source).arg("-lm"),
            Linking::GlibcPie => gcc.args(["-static-pie", "-fPIE"]).arg(source).arg("-lm"),
            Linking::Musl => self.musl(&mut gcc, source, "crt1.o", &["-static", "-no-pie", "-fno-PIE"])?,
            Linking::MuslPie => self.musl(&mut gcc, source, "rcrt1.o", &["-static-pie", "-fPIE"])?,
        };
        Ok(gcc)
    }

    /// What `musl-gcc` does: its own start files and library in the place of glibc's.
    fn musl<'a>(
        &self,
        gcc: &'a mut Command,
        source: &Path,
        start: &str,
        flags: &[&str],
    ) -> Result<&'a mut Command> {
        let folder = match &self.musl {
            Ok(folder) => short(folder),
            Err(reason) => bail!("{reason}"),
        };
        let lib = folder.join("usr/lib/aarch64-linux-musl");
        gcc.args(flags)
            .args(["-nostdinc", "-nostdlib", "-isystem"])
            .arg(folder.join("usr/include/aarch64-linux-musl"));
        // gcc's outline atomics would ask glibc for the CPU's features.
        gcc.arg("-mno-outline-atomics");
        gcc.args([lib.join(start), lib.join("crti.o")])
            .arg(source)
            .arg(lib.join("libc.a"))
            .arg("-lgcc");
        gcc.arg(lib.join("crtn.o"));
        Ok(gcc)
    }
}
