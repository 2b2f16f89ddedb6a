//! Builds what runs on the board: the kernel and the project's programs, with cargo, for the board's target.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::elf::flat;
use crate::setup::core::Core;
use crate::{command, workspace};

/// The target of everything that runs on the board.
pub(crate) const TARGET: &str = "aarch64-unknown-none-softfloat";

/// What cargo is told beside its usual configuration, against errata of processors.
const ERRATA: &str = ".cargo/cortex-a53.toml";

/// A kernel, built.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// With symbols and line tables.
    pub(crate) elf: PathBuf,
    /// What is booted.
    pub(crate) image: PathBuf,
}

/// Which kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// The one that runs programs.
    Plain,
    /// The one that holds the in-kernel tests.
    Tests,
}

impl Flavor {
    fn name(self) -> &'static str {
        match self {
            Flavor::Plain => "inarch",
            Flavor::Tests => "inarch-ktest",
        }
    }
}

/// Builds a kernel and its flat image.
pub(crate) fn kernel(core: &Core, flavor: Flavor) -> Result<Kernel> {
    let mut cargo = cargo_build(core, &["inarch"]);
    if flavor == Flavor::Tests {
        cargo.args(["--features", "ktest"]);
    }
    command::run(&mut cargo).context("the kernel could not be built")?;

    // Both flavours come out of cargo under one name.
    let folder = workspace::scratch("kernel")?;
    let kernel = Kernel {
        elf: folder.join(flavor.name()),
        image: folder.join(format!("{}.img", flavor.name())),
    };
    let built = output_folder().join("inarch");
    fs_err::copy(&built, &kernel.elf)?;
    let elf = fs_err::read(&kernel.elf)?;
    fs_err::write(&kernel.image, flat::flatten(&elf)?)?;
    Ok(kernel)
}

/// The packages whose programs run on the kernel.
const PROGRAMS: [&str; 4] = ["tour", "bench", "fixtures", "oracle"];

/// Builds the project's own programs, and returns the folder where they lie.
pub(crate) fn programs(core: &Core) -> Result<PathBuf> {
    command::run(&mut cargo_build(core, &PROGRAMS)).context("the programs could not be built")?;
    Ok(output_folder())
}

/// Builds a package's programs for the host, and returns the folder where they lie.
pub(crate) fn host_programs(package: &str, features: &[&str]) -> Result<PathBuf> {
    let mut cargo = cargo();
    cargo.args([
        "build",
        "--release",
        "--package",
        package,
        "--features",
        &features.join(","),
    ]);
    command::run(&mut cargo).with_context(|| format!("{package} could not be built for the host"))?;
    Ok(workspace::target().join("release"))
}

/// Where cargo puts what it builds for the board.
fn output_folder() -> PathBuf {
    workspace::target().join(TARGET).join("release")
}

/// Cargo, in the workspace. Where rustup put xtask's cargo in place, the variables that it set make this one the same.
pub(crate) fn cargo() -> Command {
    let mut cargo = match command::find("cargo") {
        Some(_) => Command::new("cargo"),
        None => Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
    };
    cargo.current_dir(workspace::root());
    cargo
}

fn cargo_build(core: &Core, packages: &[&str]) -> Command {
    let mut cargo = cargo();
    cargo.args(["build", "--config", ERRATA, "--release", "--target", TARGET]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    core.apply(&mut cargo);
    cargo
}
