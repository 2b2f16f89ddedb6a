//! The tests on a real board, by its serial line: in-kernel and program tests, under the names that they have in QEMU.
//!
//! The board's card holds the loader. Each boot is a transfer, of which only what the board doesn't have yet is sent: a kernel waits for the
//! next one in its end. A board that hangs must be switched off and on by hand.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::push::Ending;
use anyhow::{Result, anyhow, bail};
use libtest_mimic::Trial;

use super::program::Case;
use super::report;
use super::session::{Console, End, Session};
use crate::archive::{self, Contents};
use crate::compile::Kernel;
use crate::console::{Annotator, Writer};
use crate::line::{Heard, Line};
use crate::push::{Bar, Load, Progress, send};
use crate::qemu::boot::{self, Captured};
use crate::say;

/// How often to look at the time.
const LOOK: Duration = Duration::from_millis(100);

/// The board, and what is known of it.
pub(crate) struct Board {
    line: Arc<Mutex<Line>>,
    baud: u32,
    wait: Duration,
    words: String,
    timeout: Duration,
    print_times: bool,
    /// It wasn't reached once, and so nobody waits for it again.
    lost: bool,
    session: Option<Session<OnLine>>,
}

impl Board {
    /// The board at the other end of `line`, which may take `wait` to answer; one test may take `timeout`.
    pub(crate) fn new(line: Line, baud: u32, wait: Duration, timeout: Duration) -> Self {
        Board {
            line: Arc::new(Mutex::new(line)),
            baud,
            wait,
            words: String::new(),
            timeout,
            print_times: false,
            lost: false,
            session: None,
        }
    }

    /// The same, with the words of the kernel's command line, and whether the time of each test is printed.
    pub(crate) fn with(mut self, words: String, print_times: bool) -> Self {
        (self.words, self.print_times) = (words, print_times);
        self
    }

    /// Has the board start a kernel.
    fn boot(
        &mut self,
        kernel: &Kernel,
        archive: &[u8],
        words: &str,
        progress: &mut dyn Progress,
    ) -> Result<()> {
        if self.lost {
            bail!("the board wasn't reached any more");
        }
        let image = fs_err::read(&kernel.image)?;
        let load = Load {
            kernel: &image,
            archive,
            words,
            ending: Ending::Again,
        };
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = send(&mut line, self.baud, &load, self.wait, progress);
        self.lost = sent.is_err();
        sent.map(drop)
    }

    /// The in-kernel harness on the board, booted if it doesn't run.
    fn session(&mut self, kernel: &Kernel, progress: &mut dyn Progress) -> Result<&mut Session<OnLine>> {
        if self.session.is_none() {
            let words = format!("{} ktest", self.words);
            self.boot(kernel, &[], words.trim(), progress)?;
            let console = OnLine::new(self.line.clone(), kernel);
            self.session = Some(Session::begin(console, self.timeout)?);
        }
        self.session
            .as_mut()
            .ok_or_else(|| anyhow!("there is no session"))
    }

    fn run_in_kernel(&mut self, kernel: &Kernel, test: &str) -> Result<()> {
        let timeout = self.timeout;
        let result = self
            .session(kernel, &mut Advice)
            .and_then(|session| session.run(test, timeout));
        if result.is_err() {
            self.session = None;
        }
        result
    }

    fn run_program(&mut self, kernel: &Kernel, case: &Case) -> Result<()> {
        if let Some(session) = self.session.take() {
            session.exit();
        }
        let archive = match &case.program {
            Some(program) => archive::bytes(&Contents {
                program: program.clone(),
                arguments: case.arguments.clone(),
                ..Contents::default()
            })?,
            None => Vec::new(),
        };
        let words = self.words.clone();
        self.boot(kernel, &archive, &words, &mut Advice)?;
        let (end, text) = self.listen(kernel)?;
        // Everything comes by one line.
        case.expected.compare(&end, &text, &text)
    }

    /// What the kernel says until it ends.
    fn listen(&self, kernel: &Kernel) -> Result<(boot::End, String)> {
        let annotator = Annotator::with_verdict(kernel.elf.clone());
        let text = Captured::default();
        let mut out = Writer::new(text.clone(), &annotator);
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Instant::now() + self.timeout;
        loop {
            let mut bytes = [0; 4096];
            if let Heard::Bytes(length) = line.read(&mut bytes, LOOK) {
                out.write(&bytes[..length])?;
            }
            let end = match annotator.verdict() {
                Some(_) if annotator.panicked() => boot::End::Panicked,
                Some(status) => boot::End::Status(status),
                None if Instant::now() > deadline => boot::End::TimedOut(self.timeout),
                None => continue,
            };
            return Ok((end, text.text()));
        }
    }
}

impl Drop for Board {
    /// Leaves a board that waits for the next command.
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            session.exit();
        }
    }
}

/// The in-kernel tests as trials.
pub(crate) fn kernel_trials(board: &Arc<Mutex<Board>>, kernel: &Kernel) -> Vec<Trial> {
    let names = {
        let mut board = board.lock().unwrap_or_else(PoisonError::into_inner);
        let timeout = board.timeout;
        board
            .session(kernel, &mut Bar::default())
            .and_then(|session| session.list(timeout))
    };
    let names = match names {
        Ok(names) => names,
        Err(error) => return vec![report::failing("kernel::list", format!("{error:#}"))],
    };
    let one = |test: String| {
        let kernel = kernel.clone();
        trial(board, format!("kernel::board::{test}"), move |board| {
            board.run_in_kernel(&kernel, &test)
        })
    };
    names.into_iter().map(one).collect()
}

/// Program tests as trials.
pub(crate) fn program_trials(board: &Arc<Mutex<Board>>, kernel: &Kernel, cases: Vec<Case>) -> Vec<Trial> {
    let one = |case: Case| {
        let kernel = kernel.clone();
        trial(board, case.name.clone(), move |board| {
            board.run_program(&kernel, &case)
        })
    };
    cases.into_iter().map(one).collect()
}

fn trial(
    board: &Arc<Mutex<Board>>,
    name: String,
    test: impl FnOnce(&mut Board) -> Result<()> + Send + 'static,
) -> Trial {
    let print_times = board.lock().unwrap_or_else(PoisonError::into_inner).print_times;
    let board = board.clone();
    report::trial(name, print_times, move || {
        test(&mut board.lock().unwrap_or_else(PoisonError::into_inner))
    })
}

/// Only what a person must do something about: the name of a test stands on the line.
struct Advice;

impl Progress for Advice {
    fn found(&mut self, _: &str) {}
    fn arrived(&mut self, _: usize, _: usize) {}

    fn advice(&mut self, text: &str) {
        say::note(text);
    }
}

/// The in-kernel harness at the other end of a line.
pub(crate) struct OnLine {
    line: Arc<Mutex<Line>>,
    annotator: Annotator,
    /// What has come of lines.
    bytes: Vec<u8>,
}

impl OnLine {
    fn new(line: Arc<Mutex<Line>>, kernel: &Kernel) -> Self {
        OnLine {
            line,
            annotator: Annotator::with_verdict(kernel.elf.clone()),
            bytes: Vec::new(),
        }
    }

    /// A whole line of what has come.
    fn take_line(&mut self) -> Option<String> {
        let end = self.bytes.iter().position(|&byte| byte == b'\n')?;
        let bytes: Vec<u8> = self.bytes.drain(..=end).collect();
        let mut line = String::from_utf8_lossy(&bytes)
            .trim_end_matches(['\r', '\n'])
            .to_owned();
        if let Some(annotation) = self.annotator.annotation(&line) {
            line.push_str(&annotation);
        }
        Some(line)
    }
}

impl Console for OnLine {
    fn send(&mut self, line: &str) -> Result<()> {
        if self.annotator.verdict().is_some() {
            bail!("the kernel has ended");
        }
        let mut port = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        port.write(format!("{line}\n").as_bytes());
        Ok(())
    }

    fn receive(&mut self, deadline: Instant) -> Result<String, End> {
        loop {
            // Behind the verdict there is the loader.
            if self.annotator.verdict().is_some() {
                return Err(End::Died);
            }
            if let Some(line) = self.take_line() {
                return Ok(line);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(End::TimedOut);
            }
            let mut bytes = [0; 4096];
            let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
            if let Heard::Bytes(length) = line.read(&mut bytes, left.min(LOOK)) {
                self.bytes.extend_from_slice(&bytes[..length]);
            }
        }
    }

    fn how_it_ended(&mut self) -> String {
        match self.annotator.verdict() {
            Some(status) => format!("the kernel ended (exit status {status})"),
            None => "the board fell silent".to_owned(),
        }
    }

    fn wait_for_end(&mut self, deadline: Instant) {
        // What is said until then is of no interest.
        while self.receive(deadline).is_ok() {}
    }

    fn end(&mut self) {}
}
