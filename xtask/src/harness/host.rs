//! Unit tests on this machine, each in a process of its own: a crash ends one test, and each has its time.

use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use libtest_mimic::{Arguments, Trial};
use tinyjson::JsonValue;

use super::report;
use crate::process::{Process, status_of};
use crate::setup::device_trees;
use crate::{command, compile, say};

/// How long one test may take unless `--timeout` says otherwise. Property tests are among them.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(300);

/// What is in the names of tests that read the real device trees of boards, which plain `cargo test` hasn't got.
const READS_TREES: &str = "::the_real_tree_of_";

/// How long to wait for the rest of a test's output once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A test executable that cargo has built.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Executable {
    path: PathBuf,
    /// The package's name, and where it lies.
    package: String,
    folder: PathBuf,
}

/// Builds the tests of the workspace's default members and lists them.
pub(crate) fn trials(arguments: &Arguments, timeout: Duration, print_times: bool) -> Result<Vec<Trial>> {
    let trees = device_trees::ensure().map_err(|error| format!("{error:#}"));
    let mut trials = Vec::new();
    for executable in build()? {
        for (name, ignored) in list(&executable)? {
            let full = format!("host::{}::{name}", executable.package);
            let ignored = ignored && !name.contains(READS_TREES);
            if name.contains(READS_TREES)
                && let Err(reason) = &trees
            {
                trials.push(report::skipped(full, reason.clone()));
                continue;
            }
            let executable = executable.clone();
            let trial = report::trial(full, print_times, move || run(&executable, &name, timeout));
            trials.push(trial.with_ignored_flag(ignored && !arguments.include_ignored));
        }
    }
    Ok(trials)
}

fn build() -> Result<Vec<Executable>> {
    let mut cargo = compile::cargo();
    cargo.args(["test", "--no-run", "--message-format", "json-render-diagnostics"]);
    say::command(&cargo);
    let output = cargo
        .stderr(Stdio::inherit())
        .stdin(Stdio::null())
        .output()
        .context("cargo could not be started")?;
    if !output.status.success() {
        bail!("the tests of the host could not be built");
    }
    Ok(executables(&String::from_utf8_lossy(&output.stdout)))
}

/// The test executables in cargo's messages.
fn executables(messages: &str) -> Vec<Executable> {
    messages.lines().filter_map(executable).collect()
}

fn executable(message: &str) -> Option<Executable> {
    let message: JsonValue = message.parse().ok()?;
    let fields: &HashMap<String, JsonValue> = message.get()?;
    let text = |name: &str| fields.get(name)?.get::<String>().cloned();
    let profile: &HashMap<String, JsonValue> = fields.get("profile")?.get()?;
    if text("reason")? != "compiler-artifact" || !*profile.get("test")?.get::<bool>()? {
        return None;
    }
    let folder = PathBuf::from(text("manifest_path")?).parent()?.to_path_buf();
    let package = folder.file_name()?.to_string_lossy().into_owned();
    Some(Executable {
        path: text("executable")?.into(),
        package,
        folder,
    })
}

/// The names of its tests, and whether they are ignored unless asked for.
fn list(executable: &Executable) -> Result<Vec<(String, bool)>> {
    let names = |more: &[&str]| {
        let mut command = executable.command();
        command.args(["--list", "--format", "terse"]).args(more);
        let list = command::output_of(&mut command);
        let list = list.with_context(|| format!("{} lists no tests", executable.path.display()))?;
        Ok(list
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(str::to_owned)
            .collect::<Vec<_>>())
    };
    let ignored: Vec<String> = names(&["--ignored"])?;
    let all: Result<Vec<String>> = names(&[]);
    Ok(all?
        .into_iter()
        .map(|name| (ignored.contains(&name), name))
        .map(|(flag, name)| (name, flag))
        .collect())
}

impl Executable {
    /// As cargo starts it: in the package's folder, with the variable that names it.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env("INARCH_DEVICE_TREES", device_trees::folder());
        command
    }
}

fn run(executable: &Executable, name: &str, timeout: Duration) -> Result<()> {
    let mut command = executable.command();
    command.args([
        name,
        "--exact",
        "--include-ignored",
        "--nocapture",
        "--test-threads",
        "1",
    ]);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = Process::spawn(&mut command)?;
    let out = process.child().stdout.take().map(read_in_background);
    let err = process.child().stderr.take().map(read_in_background);
    let ended = process.wait_until(Instant::now() + timeout)?;
    process.end();
    let difference = match ended.map(status_of) {
        Some(Ok(0)) => return Ok(()),
        Some(Ok(status)) => format!("exit status {status}"),
        Some(Err(reason)) => reason,
        None => format!("timed out after {} s", timeout.as_secs_f64()),
    };
    let text = |output: Option<Receiver<String>>| {
        output
            .and_then(|output| output.recv_timeout(LAST_WORDS).ok())
            .unwrap_or_default()
    };
    let (out, err) = (text(out), text(err));
    let first = panic_in(&err).unwrap_or(difference);
    bail!("{first}\n--- output ---\n{}{}", own_words(&out), err.trim_end())
}

/// Reads a stream to its end, which may come later than that of the process: one that it has left behind may hold on to the stream.
fn read_in_background(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is still worth showing.
        let _ = stream.read_to_end(&mut bytes);
        // Nobody may want it any more.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// The place and message of the first panic in a test's standard error, as `FILE:LINE: MESSAGE`.
fn panic_in(err: &str) -> Option<String> {
    let mut lines = err.lines().skip_while(|line| !line.contains(" panicked at "));
    let (_, place) = lines.next()?.split_once(" panicked at ")?;
    let (file_and_line, _column) = place.trim_end_matches(':').rsplit_once(':')?;
    Some(format!("{file_and_line}: {}", lines.next().unwrap_or_default()))
}

/// A test's own output without what libtest prints around it.
fn own_words(out: &str) -> String {
    let is_noise = |line: &&str| {
        let line = line.trim();
        line.is_empty()
            || ["running ", "test result:", "failures:"]
                .iter()
                .any(|noise| line.starts_with(noise))
    };
    out.lines()
        .filter(|line| !is_noise(line))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Documentation tests of a package, all as one trial, if it has any.
pub(crate) fn doc_trial(package: &'static str, print_times: bool) -> Option<Trial> {
    let list = doc_tests(package, &["--", "--list"]);
    if list.as_ref().is_ok_and(|list| !list.contains(": test")) {
        return None;
    }
    let name = format!("host::{package}::documentation");
    Some(report::trial(name, print_times, move || {
        list?;
        doc_tests(package, &[]).map(drop)
    }))
}

fn doc_tests(package: &str, more: &[&str]) -> Result<String> {
    let mut cargo = compile::cargo();
    cargo
        .args(["test", "--quiet", "--doc", "--package", package])
        .args(more);
    let output = cargo
        .stdin(Stdio::null())
        .output()
        .context("cargo could not be started")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !output.status.success() {
        bail!("{}{}", text(&output.stdout), text(&output.stderr).trim_end());
    }
    Ok(text(&output.stdout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargos_messages_are_read() {
        let messages = r#"
{"reason":"compiler-artifact","manifest_path":"/w/kernel/mm/Cargo.toml","profile":{"test":false},"executable":null}
{"reason":"compiler-artifact","manifest_path":"/w/kernel/mm/Cargo.toml","profile":{"test":true},"executable":"/w/target/debug/deps/mm-1"}
{"reason":"compiler-artifact","manifest_path":"/w/xtask/Cargo.toml","profile":{"test":false},"executable":"/w/target/debug/xtask"}
{"reason":"build-finished","success":true}
not json"#;
        let found = executables(messages);
        assert_eq!(
            found,
            [Executable {
                path: "/w/target/debug/deps/mm-1".into(),
                package: "mm".into(),
                folder: "/w/kernel/mm".into()
            }]
        );
    }

    #[test]
    fn a_panics_place_comes_first() {
        let err =
            "noise\n\nthread 'a::b' (123) panicked at kernel/mm/src/x.rs:12:5:\nassertion failed\nnote: run";
        assert_eq!(
            panic_in(err).as_deref(),
            Some("kernel/mm/src/x.rs:12: assertion failed")
        );
        assert_eq!(panic_in("all is well"), None);
    }

    #[test]
    fn a_failing_process_is_reported() {
        // This test executable knows no test of that name, so that the run of it passes; a shell in its place fails.
        let executable = Executable {
            path: "/bin/false".into(),
            package: "p".into(),
            folder: "/".into(),
        };
        assert!(
            run(&executable, "x", TIMEOUT)
                .unwrap_err()
                .to_string()
                .contains("exit status 1")
        );
        let own = Executable {
            path: std::env::current_exe().unwrap(),
            package: "p".into(),
            folder: "/".into(),
        };
        let names = list(&own).unwrap();
        assert!(
            names
                .iter()
                .any(|(name, ignored)| name.ends_with("a_failing_process_is_reported") && !ignored)
        );
        run(&own, "harness::host::tests::a_panics_place_comes_first", TIMEOUT).unwrap();
    }
}
