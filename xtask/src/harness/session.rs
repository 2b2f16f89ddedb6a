//! One boot of the in-kernel harness, from `ktest: ready` until it fails, hangs or is told to end: in QEMU, or on a board.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::protocol::{self, Failure, Line};
use crate::console::Annotator;
use crate::process::Process;

/// How long a machine that said why a test failed may take to finish its message and end.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How much of a test's output is kept for the report of its failure.
const KEPT: usize = 64 << 10;

/// The other end of a machine's serial line, and what there is to know of the machine besides.
pub(crate) trait Console {
    /// Sends a line.
    fn send(&mut self, line: &str) -> Result<()>;
    /// The next line, with names for a panic's addresses.
    fn receive(&mut self, deadline: Instant) -> Result<String, End>;
    /// How the machine ended, in words, if it has.
    fn how_it_ended(&mut self) -> String;
    /// Waits until the machine has ended, at most until `deadline`.
    fn wait_for_end(&mut self, deadline: Instant);
    /// Ends the machine, if that is possible.
    fn end(&mut self);
}

/// A machine that runs in-kernel tests.
pub(crate) struct Session<C> {
    console: C,
}

/// A machine in QEMU.
pub(crate) struct InQemu {
    qemu: Process,
    keys: ChildStdin,
    lines: Receiver<String>,
}

impl InQemu {
    fn start(command: &mut Command, annotator: &Arc<Annotator>) -> Result<Self> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut qemu = Process::spawn(command)?;
        let child = qemu.child();
        let (Some(keys), Some(out), Some(err)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            bail!("QEMU has lost its streams");
        };
        let (sender, lines) = channel();
        read_lines(out, sender.clone(), annotator.clone());
        read_lines(err, sender, annotator.clone());
        Ok(InQemu { qemu, keys, lines })
    }
}

impl Console for InQemu {
    fn send(&mut self, line: &str) -> Result<()> {
        writeln!(self.keys, "{line}")
            .and_then(|()| self.keys.flush())
            .context("the machine has ended")
    }

    fn receive(&mut self, deadline: Instant) -> Result<String, End> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.lines.recv_timeout(left).map_err(|error| match error {
            RecvTimeoutError::Timeout => End::TimedOut,
            RecvTimeoutError::Disconnected => End::Died,
        })
    }

    fn how_it_ended(&mut self) -> String {
        match self.qemu.wait_until(Instant::now() + LAST_WORDS) {
            Ok(Some(status)) => format!("the machine ended ({status})"),
            _ => "the machine closed its console".to_owned(),
        }
    }

    fn wait_for_end(&mut self, deadline: Instant) {
        // One that doesn't obey is ended when it is dropped.
        let _ = self.qemu.wait_until(deadline);
    }

    fn end(&mut self) {
        self.qemu.end();
    }
}

impl Session<InQemu> {
    /// Boots, and waits until the harness is ready.
    pub(crate) fn start(
        command: &mut Command,
        annotator: &Arc<Annotator>,
        timeout: Duration,
    ) -> Result<Self> {
        Self::begin(InQemu::start(command, annotator)?, timeout)
    }
}

impl<C: Console> Session<C> {
    /// Waits until the harness is ready.
    pub(crate) fn begin(console: C, timeout: Duration) -> Result<Self> {
        let mut session = Session { console };
        let mut output = Output::default();
        match session.next_matching(Instant::now() + timeout, &mut output, |line| {
            matches!(line, Line::Ready)
        }) {
            Ok(_) => Ok(session),
            Err(end) => bail!("{}", session.obituary("the harness was ready", end, &output)),
        }
    }

    /// The names of all tests.
    pub(crate) fn list(&mut self, timeout: Duration) -> Result<Vec<String>> {
        self.console.send("list")?;
        let mut names = Vec::new();
        let mut output = Output::default();
        let found = self.next_matching(Instant::now() + timeout, &mut output, |line| {
            if let Line::Test(name) = line {
                names.push(name.clone());
            }
            matches!(line, Line::End)
        });
        match found {
            Ok(_) => Ok(names),
            Err(end) => bail!(
                "{}",
                self.obituary("the list of tests was complete", end, &output)
            ),
        }
    }

    /// Runs one test.
    ///
    /// # Errors
    /// It failed, hung, or ended the machine, which is gone now. The message is complete.
    pub(crate) fn run(&mut self, test: &str, timeout: Duration) -> Result<()> {
        self.console.send(&format!("run {test}"))?;
        let mut output = Output::default();
        let is_verdict = |line: &Line| match line {
            Line::Ok(name) => name == test,
            Line::Failed(failure) => failure.test == test,
            _ => false,
        };
        match self.next_matching(Instant::now() + timeout, &mut output, is_verdict) {
            Ok(Line::Failed(failure)) => bail!("{}", self.last_words(&failure, output)),
            Ok(_) => Ok(()),
            Err(end) => {
                let message = self.obituary("the test was over", end, &output);
                self.console.end();
                bail!("{message}")
            }
        }
    }

    /// Ends the machine in good order.
    pub(crate) fn exit(mut self) {
        if self.console.send("exit").is_ok() {
            self.console.wait_for_end(Instant::now() + LAST_WORDS);
        }
    }

    /// The next line that `wanted` takes. What comes before that is output.
    fn next_matching(
        &mut self,
        deadline: Instant,
        output: &mut Output,
        mut wanted: impl FnMut(&Line) -> bool,
    ) -> Result<Line, End> {
        loop {
            let text = self.console.receive(deadline)?;
            let line = protocol::parse(&text);
            if wanted(&line) {
                return Ok(line);
            }
            if matches!(line, Line::Text(_)) {
                output.push(&text);
            }
        }
    }

    /// A failure's message with all that the machine still says before it ends.
    fn last_words(&mut self, failure: &Failure, mut output: Output) -> String {
        // The machine ends by itself after a failure; the end of its streams is the end of its words.
        let _ = self.next_matching(Instant::now() + LAST_WORDS, &mut output, |_| false);
        self.console.end();
        format!("{failure}{}", output.quoted())
    }

    /// What to say when the machine ended or fell silent.
    fn obituary(&mut self, awaited: &str, end: End, output: &Output) -> String {
        let why = match end {
            End::TimedOut => format!("timed out before {awaited}"),
            End::Died => format!("{} before {awaited}", self.console.how_it_ended()),
        };
        format!("{why}{}", output.quoted())
    }
}

/// Why no line comes.
pub(crate) enum End {
    /// Time ran out.
    TimedOut,
    /// The machine has ended.
    Died,
}

/// What a test printed.
#[derive(Default)]
struct Output {
    text: String,
    cut: bool,
}

impl Output {
    fn push(&mut self, line: &str) {
        if self.text.len() + line.len() > KEPT {
            self.cut = true;
            return;
        }
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn quoted(&self) -> String {
        if self.text.trim().is_empty() {
            return String::new();
        }
        let cut = if self.cut { "\n[more was cut]" } else { "" };
        format!("\n--- output ---\n{}{cut}", self.text.trim_end())
    }
}

/// Sends a stream's lines, with names for a panic's addresses, until the stream ends.
fn read_lines(stream: impl Read + Send + 'static, sender: Sender<String>, annotator: Arc<Annotator>) {
    std::thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut bytes = Vec::new();
        while matches!(stream.read_until(b'\n', &mut bytes), Ok(1..)) {
            let mut line = String::from_utf8_lossy(&bytes)
                .trim_end_matches(['\r', '\n'])
                .to_owned();
            if let Some(annotation) = annotator.annotation(&line) {
                line.push_str(&annotation);
            }
            if sender.send(line).is_err() {
                return;
            }
            bytes.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Enough for a shell to say a word, on a machine that has much else to do.
    const SHORT: Duration = Duration::from_secs(1);
    const LONG: Duration = Duration::from_secs(20);

    /// A shell that behaves like a kernel with four tests.
    const KERNEL: &str = r#"
        echo "noise"; printf 'ktest: ready\r\n'
        while read -r verb name; do
            case "$verb $name" in
                "list ") for t in good noisy bad hangs dies; do printf 'ktest: test m::%s\r\n' $t; done; echo "ktest: end" ;;
                "run m::good") echo "ktest: ok m::good" ;;
                "run m::noisy") echo "log" >&2; printf 'half a line ktest: ok m::noisy\n' ;;
                "run m::bad") echo "before"; echo "kernel panic: oh" >&2; echo "ktest: failed m::bad at src/m.rs:7: oh"; echo "after"; exit 101 ;;
                "run m::hangs") echo "going"; sleep 60 ;;
                "run m::dies") exit 3 ;;
                "exit ") exit 0 ;;
            esac
        done"#;

    fn start(script: &str, timeout: Duration) -> Result<Session<InQemu>> {
        let annotator = Arc::new(Annotator::new(std::env::current_exe().unwrap()));
        Session::start(Command::new("sh").args(["-c", script]), &annotator, timeout)
    }

    fn failure(result: Result<()>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn tests_are_listed_and_run() {
        let mut session = start(KERNEL, LONG).unwrap();
        let names = session.list(LONG).unwrap();
        assert_eq!(names, ["m::good", "m::noisy", "m::bad", "m::hangs", "m::dies"]);
        session.run("m::good", LONG).unwrap();
        session.run("m::noisy", LONG).unwrap();
        session.exit();
    }

    #[test]
    fn a_failure_has_place_message_and_output() {
        let mut session = start(KERNEL, LONG).unwrap();
        let message = failure(session.run("m::bad", LONG));
        let mut lines = message.lines();
        assert_eq!(lines.next(), Some("src/m.rs:7: oh"));
        for word in ["before", "after", "kernel panic: oh"] {
            assert!(message.contains(word), "{message}");
        }
        assert!(failure(session.run("m::good", LONG)).contains("ended"));
    }

    #[test]
    fn a_test_that_hangs_times_out() {
        let mut session = start(KERNEL, LONG).unwrap();
        let begin = Instant::now();
        let message = failure(session.run("m::hangs", SHORT));
        assert!(begin.elapsed() < LONG);
        assert!(
            message.contains("timed out") && message.contains("going"),
            "{message}"
        );
    }

    #[test]
    fn a_machine_that_dies_is_told() {
        let mut session = start(KERNEL, LONG).unwrap();
        let message = failure(session.run("m::dies", LONG));
        assert!(message.contains("exit status: 3"), "{message}");
    }

    #[test]
    fn a_machine_that_never_gets_ready_is_told() {
        let error = start("echo qemu: no such machine >&2; exit 1", LONG)
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("no such machine") && error.contains("exit status: 1"),
            "{error}"
        );
        let error = start("sleep 60", SHORT).err().unwrap().to_string();
        assert!(
            error.contains("timed out before the harness was ready"),
            "{error}"
        );
    }
}
