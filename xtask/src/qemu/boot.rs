//! One machine from power-on to its end.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::console::{Annotator, copy_in_background};
use crate::exit;
use crate::process::{Process, status_of};

/// How long a kernel that has panicked may take to end the machine. It may have panicked before it knew how to.
const AFTER_PANIC: Duration = Duration::from_secs(3);
/// How long one may take that has told the exit status, if it knows how to.
const AFTER_VERDICT: Duration = Duration::from_secs(2);
/// How long QEMU may take to end after it has closed its streams.
const AFTER_STREAMS: Duration = Duration::from_secs(5);
/// How often a run looks whether the kernel has panicked.
const LOOK: Duration = Duration::from_millis(100);

/// How a machine's run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With this exit status.
    Status(u8),
    /// It told this exit status, and stands still: it doesn't know how to switch itself off.
    StandsStill(u8),
    /// By a kernel panic.
    Panicked,
    /// It didn't: time ran out.
    TimedOut(Duration),
    /// QEMU refused the machine, or died. It has said why on its standard error.
    QemuFailed(String),
}

impl End {
    /// What xtask exits with after this.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            End::Status(status) | End::StandsStill(status) => *status,
            End::Panicked => exit::PANIC,
            End::TimedOut(_) => exit::TIMED_OUT,
            End::QemuFailed(_) => exit::TROUBLE,
        }
    }
}

/// Runs QEMU to its end. The machine's serial line and QEMU's own messages go to `out` and `err`, as they come; the names of a
/// panic's addresses are added.
pub(crate) fn run(
    command: &mut Command,
    annotator: &Arc<Annotator>,
    timeout: Option<Duration>,
    out: impl Write + Send + 'static,
    err: impl Write + Send + 'static,
) -> Result<End> {
    let started = Instant::now();
    let name = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut qemu = Process::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let (Some(from_out), Some(from_err)) = (qemu.child().stdout.take(), qemu.child().stderr.take()) else {
        bail!("QEMU has lost its streams");
    };
    let (done, ended) = channel();
    let out = copy_in_background(from_out, out, annotator.clone(), done.clone());
    let err = copy_in_background(from_err, err, annotator.clone(), done);

    let deadline = timeout.and_then(|timeout| started.checked_add(timeout));
    let status = match wait_for_streams(&ended, annotator, deadline) {
        true => qemu.wait_until(Instant::now() + AFTER_STREAMS)?,
        false => None,
    };
    qemu.end();
    // QEMU has ended, so that its streams have: the copies end soon.
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    if let Some(verdict) = annotator.verdict() {
        return Ok(match status {
            Some(_) => End::Status(verdict),
            None => End::StandsStill(verdict),
        });
    }
    let Some(status) = status else {
        return Ok(match annotator.panicked() {
            true => End::Panicked,
            false => End::TimedOut(timeout.unwrap_or_default()),
        });
    };
    Ok(match status_of(status) {
        Err(reason) => End::QemuFailed(reason),
        Ok(1) if out.is_empty() && is_complaint(&err, &name) => {
            End::QemuFailed("QEMU refused this machine".to_owned())
        }
        Ok(status) => End::Status(status),
    })
}

/// Waits until both streams have ended, each of which says so: at most until `deadline`, and not for long after the kernel's last words.
/// Whether they have ended.
fn wait_for_streams(ended: &Receiver<()>, annotator: &Annotator, mut deadline: Option<Instant>) -> bool {
    let mut said_all = false;
    let mut streams = 2;
    while streams > 0 {
        let left = deadline.map_or(LOOK, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        match ended.recv_timeout(left.min(LOOK)) {
            Ok(()) => streams -= 1,
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let patience = match annotator.verdict() {
            Some(_) => Some(AFTER_VERDICT),
            None => annotator.panicked().then_some(AFTER_PANIC),
        };
        if let Some(patience) = patience
            && !said_all
        {
            said_all = true;
            let soon = Instant::now() + patience;
            deadline = Some(deadline.map_or(soon, |deadline| deadline.min(soon)));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break;
        }
    }
    streams == 0
}

/// What came out of a machine that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// How it ended.
    pub(crate) end: End,
    /// What it said by its serial line.
    pub(crate) out: String,
    /// What it said by semihosting to standard error, and what QEMU did.
    pub(crate) err: String,
}

/// [`run`] with what comes out kept.
pub(crate) fn record(command: &mut Command, annotator: &Arc<Annotator>, timeout: Duration) -> Result<Record> {
    let (out, err) = (Captured::default(), Captured::default());
    let end = run(command, annotator, Some(timeout), out.clone(), err.clone())?;
    Ok(Record {
        end,
        out: out.text(),
        err: err.text(),
    })
}

/// Whether QEMU itself refuses something here: its messages begin with its name. The machine's exit status 1 means something
/// else. Where it warns, it goes on.
fn is_complaint(err: &[u8], name: &str) -> bool {
    String::from_utf8_lossy(err)
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .any(|message| !message.starts_with(" warning:"))
}

/// A place to which output can be written while somebody else holds on to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Captured(Arc<std::sync::Mutex<Vec<u8>>>);

impl Captured {
    /// What has been written so far.
    pub(crate) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell in QEMU's place.
    fn shell(script: &str, timeout: Option<Duration>) -> (End, String, String) {
        let annotator = Arc::new(Annotator::new(std::env::current_exe().unwrap()));
        let (out, err) = (Captured::default(), Captured::default());
        let end = run(
            Command::new("sh").args(["-c", script]),
            &annotator,
            timeout,
            out.clone(),
            err.clone(),
        )
        .unwrap();
        (end, out.text(), err.text())
    }

    #[test]
    fn streams_and_status_come_out() {
        let (end, out, err) = shell("echo out; echo err >&2; exit 7", None);
        assert_eq!(
            (end.exit_status(), out.as_str(), err.as_str()),
            (7, "out\n", "err\n")
        );
    }

    #[test]
    fn status_1_is_the_programs_unless_qemu_complains() {
        assert_eq!(
            shell("echo out; echo 'sh: bad' >&2; exit 1", None).0,
            End::Status(1)
        );
        assert_eq!(shell("echo 'bad' >&2; exit 1", None).0, End::Status(1));
        assert!(matches!(
            shell("echo 'sh: bad' >&2; exit 1", None).0,
            End::QemuFailed(_)
        ));
        assert_eq!(
            shell("echo 'sh: warning: odd' >&2; exit 1", None).0,
            End::Status(1)
        );
        assert!(matches!(shell("kill -9 $$", None).0, End::QemuFailed(_)));
    }

    #[test]
    fn time_runs_out() {
        let limit = Duration::from_millis(200);
        let (end, out, _) = shell("echo on; exec sleep 60", Some(limit));
        assert_eq!((end, out.as_str()), (End::TimedOut(limit), "on\n"));
    }

    #[test]
    fn a_machine_that_only_tells_its_status_is_ended() {
        let annotator = Arc::new(Annotator::with_verdict(std::env::current_exe().unwrap()));
        let (out, err) = (Captured::default(), Captured::default());
        let end = run(
            Command::new("sh").args(["-c", "printf 'inarch: exit status 125\\r\\n'; exec sleep 60"]),
            &annotator,
            None,
            out,
            err,
        );
        assert_eq!(end.unwrap(), End::StandsStill(125));
    }

    #[test]
    fn a_panic_that_hangs_is_ended() {
        let start = Instant::now();
        let (end, _, err) = shell("printf 'kernel panic: oh\\n  #0 0x1\\n' >&2; exec sleep 60", None);
        assert_eq!(
            (end.exit_status(), err.as_str()),
            (exit::PANIC, "kernel panic: oh\n  #0 0x1\n")
        );
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
