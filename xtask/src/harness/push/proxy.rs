//! A bad cable: a socket before QEMU's that loses, changes, doubles and inserts bytes, and can be pulled out.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};

/// How long the cable is out.
const OUT: Duration = Duration::from_millis(400);
/// How long to wait where nothing passes.
const IDLE: Duration = Duration::from_micros(500);

/// The cable. Dropping it ends it.
pub(super) struct Proxy {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    at: PathBuf,
    qemu: PathBuf,
    /// How many of a million bytes are damaged, in each of four ways.
    noise: AtomicUsize,
    /// The cable is to be pulled out once.
    cut: AtomicBool,
    ended: AtomicBool,
    /// How many bytes have gone to the board.
    passed: AtomicUsize,
}

impl Proxy {
    /// Listens at `at` and leads to QEMU's socket. `noise` of a million bytes meet with each kind of damage.
    pub(super) fn start(at: &Path, qemu: &Path, noise: usize) -> Result<Self> {
        let state = Arc::new(State {
            at: at.to_owned(),
            qemu: qemu.to_owned(),
            noise: AtomicUsize::new(noise),
            cut: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            passed: AtomicUsize::new(0),
        });
        let listener = listen(at)?;
        let for_thread = state.clone();
        let thread = std::thread::spawn(move || for_thread.serve(listener));
        Ok(Proxy {
            state,
            thread: Some(thread),
        })
    }

    /// Pulls the cable out, and puts it back after a moment.
    pub(super) fn cut(&self) {
        self.state.cut.store(true, Relaxed);
    }

    /// From now on everything passes unchanged.
    pub(super) fn calm(&self) {
        self.state.noise.store(0, Relaxed);
    }

    /// How many bytes have gone to the board.
    pub(super) fn passed(&self) -> usize {
        self.state.passed.load(Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
        let _ = fs_err::remove_file(&self.state.at);
    }
}

fn listen(at: &Path) -> Result<UnixListener> {
    // What an earlier run has left.
    let _ = fs_err::remove_file(at);
    let listener = UnixListener::bind(at).with_context(|| format!("could not listen at {}", at.display()))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl State {
    fn serve(&self, mut listener: UnixListener) {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        while !self.ended.load(Relaxed) {
            let Some((host, board)) = self.connect(&listener) else {
                std::thread::sleep(IDLE);
                continue;
            };
            // An error is a side that has gone: the other is closed, and both may come again.
            let _ = self.pass(host, board, &mut random);
            if self.cut.swap(false, Relaxed) {
                drop(listener);
                let _ = fs_err::remove_file(&self.at);
                std::thread::sleep(OUT);
                match listen(&self.at) {
                    Ok(again) => listener = again,
                    Err(_) => return,
                }
            }
        }
    }

    /// Both sides, when there is a host and QEMU listens.
    fn connect(&self, listener: &UnixListener) -> Option<(UnixStream, UnixStream)> {
        let (host, _) = listener.accept().ok()?;
        let board = UnixStream::connect(&self.qemu).ok()?;
        host.set_nonblocking(true).ok()?;
        board.set_nonblocking(true).ok()?;
        Some((host, board))
    }

    fn pass(&self, mut host: UnixStream, mut board: UnixStream, random: &mut Random) -> std::io::Result<()> {
        let mut buffer = [0; 512];
        while !self.ended.load(Relaxed) && !self.cut.load(Relaxed) {
            let to_board = read(&mut host, &mut buffer)?;
            self.passed.fetch_add(to_board, Relaxed);
            write(&mut board, &self.damaged(&buffer[..to_board], random))?;
            let to_host = read(&mut board, &mut buffer)?;
            write(&mut host, &self.damaged(&buffer[..to_host], random))?;
            if to_board + to_host == 0 {
                std::thread::sleep(IDLE);
            }
        }
        Ok(())
    }

    /// What arrives of `bytes`.
    fn damaged(&self, bytes: &[u8], random: &mut Random) -> Vec<u8> {
        let noise = self.noise.load(Relaxed);
        let mut arrived = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            match random.below(1_000_000) / noise.max(1) {
                _ if noise == 0 => arrived.push(byte),
                0 => {}
                1 => arrived.push(byte ^ 0x20),
                2 => arrived.extend([byte, byte]),
                3 => arrived.extend([0x5a, byte]),
                _ => arrived.push(byte),
            }
        }
        arrived
    }
}

/// What has come; an error where the other side has gone.
fn read(from: &mut UnixStream, buffer: &mut [u8]) -> std::io::Result<usize> {
    match from.read(buffer) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

fn write(to: &mut UnixStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(IDLE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Numbers that are the same in every run (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 20) % bound) as usize
    }
}
