//! Running other programs: each is printed before it runs, and its failure says what failed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{say, workspace};

/// A command as a line for a shell: the variables that it sets, the program, its arguments, quoted where they must be.
pub(crate) fn quoted(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        value.map(|value| format!("{}={}", name.to_string_lossy(), quote(value)))
    });
    let words = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(quote);
    let line = variables.chain(words).collect::<Vec<_>>().join(" ");
    match command.get_current_dir() {
        Some(folder) if std::env::current_dir().is_ok_and(|here| here != folder) => {
            format!("cd {} && {line}", quote(workspace::short(folder).as_os_str()))
        }
        _ => line,
    }
}

/// One word for a shell. What can't be one (a NUL byte) is shown as it is.
pub(crate) fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    // `shlex` quotes more than a shell needs; QEMU's options, full of `=` and `,`, are easier to read without.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "=,+-./:@_%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.into_owned();
    }
    match shlex::try_quote(&word) {
        Ok(quoted) => quoted.into_owned(),
        Err(_) => word.into_owned(),
    }
}

/// Prints a command, runs it, and makes any exit status but 0 an error. What it prints on standard output goes to
/// standard error: xtask's own standard output belongs to the program that it boots.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    say::command(command);
    run_quietly(command)
}

/// [`run`] without printing the command, for where it was printed already.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdout(std::io::stderr())
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("`{name}` could not be started"))?;
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

/// What a command prints on standard output, without the white space at its ends. The command is one that changes
/// nothing, so that it isn't printed. `None` if it can't be started or fails.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Where a program lies on `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return is_executable(Path::new(program)).then(|| PathBuf::from(program));
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

/// Whether a file is there and may be executed by somebody.
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_words_stay_plain() {
        let mut command = Command::new("qemu-system-aarch64");
        command.args(["-machine", "virt,gic-version=3,dtb-randomness=off", "-m", "3G"]);
        assert_eq!(
            quoted(&command),
            "qemu-system-aarch64 -machine virt,gic-version=3,dtb-randomness=off -m 3G"
        );
    }

    #[test]
    fn a_shell_reads_back_what_was_meant() {
        let words = [
            "a b",
            "it's",
            "",
            "$HOME",
            "*",
            "x\ny",
            "semihosting log=warn",
            "back\\slash",
            "ü",
        ];
        let mut command = Command::new("echo");
        command.args(words);
        let line = quoted(&command);
        let read_back = shlex::split(&line).expect("the line is well-formed");
        assert_eq!(read_back[1..], words);
    }

    #[test]
    fn another_folder_is_entered_first() {
        let mut command = Command::new("ls");
        command.current_dir("/tmp");
        assert_eq!(quoted(&command), "cd /tmp && ls");
        command.current_dir(std::env::current_dir().unwrap());
        assert_eq!(quoted(&command), "ls");
    }

    #[test]
    fn variables_come_first() {
        let mut command = Command::new("cargo");
        command.env("RUSTC_BOOTSTRAP", "1").arg("build");
        assert_eq!(quoted(&command), "RUSTC_BOOTSTRAP=1 cargo build");
    }

    #[test]
    fn a_failure_names_the_program() {
        let error = run_quietly(&mut Command::new("false")).unwrap_err();
        assert!(error.to_string().contains("`false` failed"), "{error}");
        let error = run_quietly(&mut Command::new("/nowhere/at-all")).unwrap_err();
        assert!(error.to_string().contains("could not be started"), "{error}");
    }

    #[test]
    fn programs_are_found_on_the_path() {
        assert!(find("sh").is_some());
        assert!(find("/bin/sh").is_some());
        assert!(find("no-such-program-anywhere").is_none());
    }
}
