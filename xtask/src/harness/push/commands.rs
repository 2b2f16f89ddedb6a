//! The command itself, as a person gives it: its output, its exit status, and what it says when nothing is as it should be.

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use super::machine::socket;
use crate::exit;
use crate::harness::bench::Bench;

/// What came of a command.
pub(super) struct Output {
    pub(super) status: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

/// Gives the command `cargo xtask` with `arguments`.
pub(super) fn xtask(arguments: &[&str]) -> Result<Output> {
    let output = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("xtask could not be started")?;
    Ok(Output {
        status: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// What is said to a person: when there is no port, and when something else than the loader is behind it.
pub(super) fn trials(bench: &Arc<Bench>) -> Vec<Trial> {
    let no_port = super::trial(bench, "no-port", |_| {
        complains("/dev/no-such-port", "there is no port /dev/no-such-port")
    });
    let cases: [(&str, &[u8], &str); 3] = [
        ("silence", b"", "nothing answers at unix:"),
        (
            "another-system",
            b"\r\nDebian GNU/Linux 12\r\n\r\nraspberry login: ",
            "it says `raspberry login:`",
        ),
        (
            "another-rate",
            b"\x80\xf8\x00\x1e\xfe\x06\x66\x98\xe6\x00\x86\xfe\xf8\x18",
            "another baud rate than 115200",
        ),
    ];
    let others = cases.map(|(name, says, words)| {
        super::trial(bench, name, move |_| {
            let path = socket(name)?;
            let _ = fs_err::remove_file(&path);
            let listener = UnixListener::bind(&path)?;
            // It says the same to everybody, and ends with this process.
            std::thread::spawn(move || {
                let mut lines = Vec::new();
                while let Ok((mut stream, _)) = listener.accept() {
                    if stream.write_all(says).is_ok() {
                        lines.push(stream);
                    }
                }
            });
            let result = complains(&format!("unix:{}", path.display()), words);
            let _ = fs_err::remove_file(&path);
            result
        })
    });
    [no_port].into_iter().chain(others).collect()
}

fn complains(port: &str, words: &str) -> Result<()> {
    let output = xtask(&["push", "--port", port, "--wait", "1"])?;
    ensure!(
        output.err.contains(words) && output.out.is_empty(),
        "no word of `{words}`:\n{}",
        output.err
    );
    ensure!(
        output.status == Some(exit::TROUBLE.into()),
        "exit status {:?}",
        output.status
    );
    Ok(())
}
