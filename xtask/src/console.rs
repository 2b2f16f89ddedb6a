//! What comes out of the machine goes through here: unchanged and at once, but for the call stack of a kernel panic, whose
//! addresses get names.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::elf::symbols::{Symbols, address_in};

/// How a kernel panic's first line begins.
pub(crate) const PANIC: &str = "kernel panic";
/// How the line begins that tells the exit status where no host listens (docs/boot.md).
const VERDICT: &str = "inarch: exit status ";
/// A line longer than this is no line that the kernel prints.
const LONGEST_LINE: usize = 4096;
/// How much of the end of a stream is kept, to be quoted in an error.
const KEPT: usize = 4096;

/// Names the addresses of a panic, whichever stream it comes out of.
pub(crate) struct Annotator {
    elf: PathBuf,
    /// Outer `None`: not read yet; inner: can't be read.
    symbols: Mutex<Option<Option<Symbols>>>,
    panicking: AtomicBool,
    traced: AtomicBool,
    /// Outer `None`: not to be looked for; inner: not seen yet.
    verdict: Option<Mutex<Option<u8>>>,
}

impl Annotator {
    /// For a kernel's ELF file, which is read when the first address comes along.
    pub(crate) fn new(elf: PathBuf) -> Self {
        Annotator {
            elf,
            symbols: Mutex::new(None),
            panicking: AtomicBool::new(false),
            traced: AtomicBool::new(false),
            verdict: None,
        }
    }

    /// The same, for a machine whose exit status comes out as a line, because it has no other way to tell.
    pub(crate) fn with_verdict(elf: PathBuf) -> Self {
        Annotator {
            verdict: Some(Mutex::new(None)),
            ..Self::new(elf)
        }
    }

    /// The exit status, once that line has come.
    pub(crate) fn verdict(&self) -> Option<u8> {
        *self
            .verdict
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the kernel has panicked: its message and an address of its call stack were seen.
    pub(crate) fn panicked(&self) -> bool {
        self.traced.load(Ordering::Relaxed)
    }

    /// What to add to the end of a line.
    pub(crate) fn annotation(&self, line: &str) -> Option<String> {
        if let Some(verdict) = &self.verdict
            && let Some(status) = verdict_of(line)
        {
            *verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
        }
        if line.starts_with(PANIC) {
            self.panicking.store(true, Ordering::Relaxed);
        }
        if !self.panicking.load(Ordering::Relaxed) {
            return None;
        }
        let address = address_in(line)?;
        self.traced.store(true, Ordering::Relaxed);
        let mut symbols = self.symbols.lock().unwrap_or_else(PoisonError::into_inner);
        let symbols = symbols.get_or_insert_with(|| Symbols::load(&self.elf).ok());
        Some(format!("  {}", symbols.as_ref()?.of_return_address(address)?))
    }
}

/// The exit status that a line tells. A program may have left its own text on the line before that.
fn verdict_of(line: &str) -> Option<u8> {
    let (_, status) = line.rsplit_once(VERDICT)?;
    status.parse().ok()
}

/// Copies a stream to another until it ends or the other is closed. Returns the stream's last bytes.
///
/// A byte is passed on as soon as it comes; only an end of line waits until it is known whether the line gets an annotation.
pub(crate) fn copy(mut from: impl Read, to: impl Write, annotator: &Annotator) -> Vec<u8> {
    let mut buffer = [0; 8192];
    let mut to = Writer::new(to, annotator);
    let mut kept = VecDeque::new();
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        keep(&mut kept, &buffer[..length]);
        if to.write(&buffer[..length]).is_err() {
            break;
        }
    }
    kept.into()
}

/// Passes on what comes, as [`copy`] does, for somebody who reads it himself.
pub(crate) struct Writer<'a, W> {
    to: W,
    annotator: &'a Annotator,
    /// What has come of the line so far.
    line: Vec<u8>,
}

impl<'a, W: Write> Writer<'a, W> {
    /// To `to`.
    pub(crate) fn new(to: W, annotator: &'a Annotator) -> Self {
        Writer {
            to,
            annotator,
            line: Vec::new(),
        }
    }

    /// Passes `bytes` on.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let annotated = annotate(bytes, &mut self.line, self.annotator);
        write_all(&mut self.to, &annotated)
    }
}

/// The bytes with annotations at the ends of the lines that get one. `line` is what has come of the line so far.
fn annotate(bytes: &[u8], line: &mut Vec<u8>, annotator: &Annotator) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if byte == b'\n' {
            let text = String::from_utf8_lossy(line);
            if let Some(annotation) = annotator.annotation(text.trim_end_matches('\r')) {
                out.extend_from_slice(annotation.as_bytes());
            }
            line.clear();
        } else if line.len() < LONGEST_LINE {
            line.push(byte);
        }
        out.push(byte);
    }
    out
}

fn keep(kept: &mut VecDeque<u8>, bytes: &[u8]) {
    kept.extend(bytes);
    let surplus = kept.len().saturating_sub(KEPT);
    kept.drain(..surplus);
}

/// Writes everything and flushes. QEMU makes the terminal non-blocking, for xtask as well since both share it: then a full
/// terminal means to wait a moment.
fn write_all(to: &mut impl Write, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(1))
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    loop {
        match to.flush() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(1))
            }
            result => return result,
        }
    }
}

/// [`copy`] in a thread of its own. `done` is told when the stream ends.
pub(crate) fn copy_in_background(
    from: impl Read + Send + 'static,
    to: impl Write + Send + 'static,
    annotator: Arc<Annotator>,
    done: std::sync::mpsc::Sender<()>,
) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let kept = copy(from, to, &annotator);
        // The receiver may have stopped listening.
        let _ = done.send(());
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one piece at a time.
    struct Pieces(VecDeque<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let piece = self.0.pop_front().unwrap_or_default();
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn own_annotator() -> Annotator {
        Annotator::new(std::env::current_exe().unwrap())
    }

    fn address_of_main() -> u64 {
        use object::{Object, ObjectSymbol};
        let data = fs_err::read(std::env::current_exe().unwrap()).unwrap();
        let file = object::File::parse(&*data).unwrap();
        file.symbols().find(|s| s.name() == Ok("main")).unwrap().address()
    }

    #[test]
    fn ordinary_output_is_unchanged_whatever_it_holds() {
        let bytes: Vec<u8> = (0..=255).cycle().take(20_000).collect();
        let pieces = bytes.chunks(777).map(<[u8]>::to_vec).collect();
        let mut out = Vec::new();
        let annotator = own_annotator();
        let kept = copy(Pieces(pieces), &mut out, &annotator);
        assert_eq!(out, bytes);
        assert_eq!(kept, bytes[bytes.len() - KEPT..]);
        assert!(!annotator.panicked());
    }

    #[test]
    fn a_panics_addresses_get_names_even_in_pieces() {
        let address = address_of_main() + 1;
        let text = format!("  #0 {address:#x}\nkernel panic: oh\r\n  #0 {address:#x}\r\nafter\n");
        let pieces = text.bytes().map(|byte| vec![byte]).collect();
        let mut out = Vec::new();
        let annotator = own_annotator();
        copy(Pieces(pieces), &mut out, &annotator);
        let out = String::from_utf8(out).unwrap();
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(
            lines[0],
            format!("  #0 {address:#x}"),
            "before a panic nothing is annotated"
        );
        assert!(lines[2].contains("main"), "{out}");
        assert_eq!(lines[3], "after");
        assert!(annotator.panicked());
    }

    #[test]
    fn the_exit_status_is_found_behind_what_a_program_left_on_the_line() {
        for (line, status) in [
            ("inarch: exit status 0", Some(0)),
            ("no end of lineinarch: exit status 255", Some(255)),
            ("inarch: exit status 256", None),
            ("inarch: exit status 1 or so", None),
        ] {
            assert_eq!(verdict_of(line), status, "{line}");
        }
    }

    #[test]
    fn the_words_alone_are_no_panic() {
        let annotator = own_annotator();
        let mut out = Vec::new();
        copy(
            &b"kernel panic: says the program\nand goes on\n"[..],
            &mut out,
            &annotator,
        );
        assert!(!annotator.panicked());
    }

    #[test]
    fn a_closed_output_ends_the_copy() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        copy(std::io::repeat(b'x'), Closed, &own_annotator());
    }
}
