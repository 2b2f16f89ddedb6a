//! Where the libraries `core` and `alloc` for the board's target come from: rustup has them ready-made; a distribution's
//! toolchain doesn't, and without a network to rustup's server nobody does. Then they are built from their source.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::rust_src;
use crate::compile::TARGET;
use crate::options::BuildOptions;
use crate::{command, say, workspace};

/// Where `core` and `alloc` come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// They are installed for the target.
    Installed,
    /// They are built from the source in this folder (the one called `library`); `None` means where cargo looks by itself.
    Source(Option<PathBuf>),
}

impl Core {
    /// Makes sure of one of the ways.
    pub(crate) fn ensure(options: &BuildOptions) -> Result<Self> {
        let compiler = Compiler::find()?;
        if options.build_std {
            return Ok(Core::Source(rust_src::ensure(&compiler)?));
        }
        if compiler.has_target() {
            return Ok(Core::Installed);
        }
        if let Some(mut rustup) = compiler.rustup() {
            match command::run(rustup.args(["target", "add", TARGET])) {
                Ok(()) if compiler.has_target() => return Ok(Core::Installed),
                Ok(()) => say::warning("rustup added the target to another toolchain than the one in use"),
                Err(error) => say::warning(&error.to_string()),
            }
        }
        say::note(&format!(
            "core and alloc for {TARGET} are not to be had ready-made: they get built from source"
        ));
        Ok(Core::Source(rust_src::ensure(&compiler)?))
    }

    /// Has a cargo command build its programs this way.
    pub(crate) fn apply(&self, cargo: &mut Command) {
        let Core::Source(folder) = self else { return };
        cargo.arg("-Zbuild-std=core,alloc");
        // What only a nightly compiler would do, this one does for sources of its own version.
        cargo.env("RUSTC_BOOTSTRAP", "1");
        // What a later compiler will say about this one's sources is nobody's concern.
        cargo.env("CARGO_FUTURE_INCOMPAT_REPORT_FREQUENCY", "never");
        if let Some(folder) = folder {
            // Cargo looks nowhere but in the compiler's own folder. This variable is the only way to name another without
            // touching that; it was made for cargo's tests, and has worked since build-std exists.
            cargo.env("__CARGO_TESTS_ONLY_SRC_ROOT", folder);
        }
    }
}

/// The compiler that cargo uses.
#[derive(Debug)]
pub(crate) struct Compiler {
    /// Its release, as `1.95.0`.
    pub(crate) version: String,
    /// The folder of its libraries.
    pub(crate) sysroot: PathBuf,
}

impl Compiler {
    /// Asks it.
    pub(crate) fn find() -> Result<Self> {
        let ask = |arguments: &[&str]| {
            let mut rustc = Command::new("rustc");
            rustc.args(arguments).current_dir(workspace::root());
            let output = rustc
                .output()
                .context("`rustc` can't be started; install Rust from https://rustup.rs")?;
            if !output.status.success() {
                bail!(
                    "`rustc` fails: {}",
                    String::from_utf8_lossy(&output.stderr).trim()
                );
            }
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let verbose = ask(&["--version", "--verbose"])?;
        let Some(version) = verbose.lines().find_map(|line| line.strip_prefix("release: ")) else {
            bail!("`rustc --version --verbose` names no release");
        };
        Ok(Compiler {
            version: version.to_owned(),
            sysroot: PathBuf::from(ask(&["--print", "sysroot"])?),
        })
    }

    /// Whether `core` for the board's target is installed.
    pub(crate) fn has_target(&self) -> bool {
        let folder = self.sysroot.join("lib/rustlib").join(TARGET).join("lib");
        let Ok(entries) = folder.read_dir() else {
            return false;
        };
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    }

    /// rustup, if this compiler is one of its own.
    fn rustup(&self) -> Option<Command> {
        let rustup = command::find("rustup")?;
        let home = command::output_of(Command::new(&rustup).args(["show", "home"]))?;
        let inside = |home: &Path| {
            self.sysroot.starts_with(home) || home.canonicalize().is_ok_and(|h| self.sysroot.starts_with(h))
        };
        if !inside(Path::new(&home)) {
            return None;
        }
        let mut rustup = Command::new("rustup");
        rustup.current_dir(workspace::root());
        Some(rustup)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::quoted;

    #[test]
    fn source_is_named_to_cargo() {
        let mut cargo = Command::new("cargo");
        Core::Installed.apply(&mut cargo);
        assert_eq!(quoted(&cargo), "cargo");
        Core::Source(Some("/usr/src/rustc-1.95.0/library".into())).apply(&mut cargo);
        let line = quoted(&cargo);
        assert!(
            line.contains("RUSTC_BOOTSTRAP=1") && line.ends_with("cargo -Zbuild-std=core,alloc"),
            "{line}"
        );
        assert!(line.contains("/usr/src/rustc-1.95.0/library"), "{line}");
    }

    #[test]
    fn the_compiler_answers() {
        let compiler = Compiler::find().unwrap();
        assert!(compiler.version.starts_with("1."), "{compiler:?}");
        assert!(compiler.sysroot.join("lib").is_dir(), "{compiler:?}");
    }
}
