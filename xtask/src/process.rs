//! A process that can't outlive xtask: QEMU, or a test on the host. Started with that in mind, ended in good order.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How long a process may take to end after it was asked to, before it is killed. QEMU restores the terminal in that time.
const GRACE: Duration = Duration::from_secs(2);

/// A process that runs. Dropping this ends it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts a process with the streams that `command` gives it.
    ///
    /// If xtask ends in whatever way, so does the process: on Linux the kernel sees to it. What counts there is the end of the
    /// thread that starts the process, so that must be one that lives as long as the process should: the main thread.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        end_with_parent(command);
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command
            .spawn()
            .with_context(|| format!("`{name}` could not be started"))?;
        Ok(Process { child })
    }

    /// The process with its streams.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Waits until the process ends, at most until `deadline`. `None` if it still runs then.
    pub(crate) fn wait_until(&mut self, deadline: Instant) -> Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.child.try_wait().context("could not wait for a process")? {
                return Ok(Some(status));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            std::thread::sleep(left.min(Duration::from_millis(2)));
        }
    }

    /// Ends the process if it still runs: by a request first, then by force.
    pub(crate) fn end(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        if let Ok(pid) = libc::pid_t::try_from(self.child.id()) {
            // SAFETY: `kill` touches no memory. The process has not been waited for (the `try_wait` above says so, and
            // `&mut self` keeps others from it), so that the number still means this child.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
        if !matches!(self.wait_until(Instant::now() + GRACE), Ok(Some(_))) {
            // Failure means that it has ended by now.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the end of a process says: its exit status, or in words why there is none.
pub(crate) fn status_of(status: ExitStatus) -> Result<u8, String> {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ok(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
        (None, Some(signal)) => Err(format!("ended by signal {signal}")),
        (None, None) => Err("ended without a status".to_owned()),
    }
}

/// Has the kernel send SIGTERM to the child when the thread that starts it ends.
#[cfg(target_os = "linux")]
fn end_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let before_exec = move || {
        // SAFETY: `prctl(PR_SET_PDEATHSIG)` takes a number and touches no memory.
        let failed = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) } != 0;
        if failed {
            return Err(std::io::Error::last_os_error());
        }
        // The parent may have ended before the request was made: then nobody is left to send the signal.
        if std::os::unix::process::parent_id() != parent {
            return Err(std::io::ErrorKind::Interrupted.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls may be made: `before_exec` makes two system calls and
    // allocates nothing.
    unsafe { command.pre_exec(before_exec) };
}

/// Elsewhere a terminal's Ctrl-C reaches QEMU as it reaches xtask, and that has to do.
#[cfg(not(target_os = "linux"))]
fn end_with_parent(_: &mut Command) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_and_the_process_is_ended() {
        let mut process = Process::spawn(Command::new("sleep").arg("60")).unwrap();
        let start = Instant::now();
        assert!(
            process
                .wait_until(start + Duration::from_millis(30))
                .unwrap()
                .is_none()
        );
        let pid = process.child().id();
        process.end();
        // It was asked, and not killed: that would be after the time of grace.
        let status = process.child().try_wait().unwrap().expect("it has ended");
        assert_eq!(status.signal(), Some(libc::SIGTERM));
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_process_ends_with_its_value() {
        let mut process = Process::spawn(Command::new("sleep").arg("60")).unwrap();
        let pid = process.child().id();
        drop(process);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    fn a_process_that_ignores_the_request_is_killed() {
        let mut process = Process::spawn(
            Command::new("sh")
                .args(["-c", "trap '' TERM; echo on; exec sleep 60"])
                .stdout(std::process::Stdio::piped()),
        )
        .unwrap();
        let mut byte = [0];
        std::io::Read::read_exact(process.child().stdout.as_mut().unwrap(), &mut byte).unwrap();
        let start = Instant::now();
        process.end();
        assert!(start.elapsed() >= GRACE);
        assert!(process.child().try_wait().unwrap().is_some());
    }

    #[test]
    fn statuses_come_out() {
        let seven = Command::new("sh").args(["-c", "exit 7"]).status().unwrap();
        assert_eq!(status_of(seven), Ok(7));
        let killed = Command::new("sh").args(["-c", "kill -9 $$"]).status().unwrap();
        assert_eq!(status_of(killed), Err("ended by signal 9".to_owned()));
    }
}
