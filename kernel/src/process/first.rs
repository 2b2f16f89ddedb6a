//! The first program: from the archive to its exit status.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::Ordering;

use linux_raw_sys::general::{O_RDWR, O_WRONLY};
use mm::Errno;

use super::exec::{self, Failure};
use super::{ExitStatus, Process, Thread, asid, register, scheduler};
use crate::arch::UserFrame;
use crate::board::console::print_error;
use crate::fs::archive::{Archive, Node};
use crate::fs::console::{Console, Stream};
use crate::fs::path::{self, Place};
use crate::fs::stored::StoredFile;
use crate::fs::{self, Descriptors, File, OpenFile};

/// The status when the archive holds no program, as a shell answers for a command that it can't find.
const STATUS_NO_PROGRAM: u8 = 127;
/// The status when the kernel refuses the executable, as a shell answers for one that can't be run.
const STATUS_REFUSED: u8 = 126;

/// The number of the first process.
const FIRST_ID: u32 = 1;
/// The files of the archive that hold the arguments and the environment, each string with its NUL.
const ARGUMENTS: &[u8] = b".inarch/argv";
/// See [`ARGUMENTS`].
const ENVIRONMENT: &[u8] = b".inarch/environ";

/// Why there is nothing to run. Displays as one line.
enum Missing {
    Archive(fs::Broken),
    Empty,
    Arguments,
    Program(String, Errno),
    NotFile(String),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(broken) => broken.fmt(f),
            Self::Empty => write!(f, "the archive is empty"),
            Self::Arguments => write!(f, "the archive has no .inarch/argv that names the program"),
            Self::Program(path, errno) => write!(f, "{path}: not in the archive ({errno})"),
            Self::NotFile(path) => write!(f, "{path}: not a file"),
        }
    }
}

/// What the archive says is to be run.
struct Program {
    path: Vec<u8>,
    node: Node,
    arguments: &'static [u8],
    environment: &'static [u8],
}

/// Runs the program of `archive` to its end and answers its exit status. What stands in the way is told in one line.
pub(crate) fn run_first(archive: &'static [u8]) -> u8 {
    let program = match find_program(archive) {
        Ok(program) => program,
        Err(missing) => {
            print_error(format_args!("inarch: {missing}\n"));
            return STATUS_NO_PROGRAM;
        }
    };
    asid::init();
    match start(program) {
        Ok(process) => scheduler::run(&process).code(),
        Err(errno) => {
            print_error(format_args!("inarch: the program can't be started: {errno}\n"));
            STATUS_REFUSED
        }
    }
}

/// Mounts the archive and looks up what it says is to be run.
fn find_program(archive: &'static [u8]) -> Result<Program, Missing> {
    fs::mount(archive).map_err(Missing::Archive)?;
    let tree = fs::archive().ok_or(Missing::Empty)?;
    if tree.is_empty() {
        return Err(Missing::Empty);
    }
    let arguments = bytes_of(tree, ARGUMENTS);
    let first = strings(arguments)
        .first()
        .copied()
        .filter(|path| !path.is_empty())
        .ok_or(Missing::Arguments)?;
    let shown = || String::from_utf8_lossy(first).into_owned();
    match path::resolve(&[], first, true) {
        Ok(Place::Stored(path, node)) if node.is_file() => Ok(Program {
            path,
            node,
            arguments,
            environment: bytes_of(tree, ENVIRONMENT),
        }),
        Ok(_) => Err(Missing::NotFile(shown())),
        Err(errno) => Err(Missing::Program(shown(), errno)),
    }
}

fn bytes_of(tree: &Archive, path: &[u8]) -> &'static [u8] {
    tree.get(path).map_or(&[], |node| node.bytes)
}

/// The NUL-terminated strings in `bytes`.
fn strings(bytes: &[u8]) -> Vec<&[u8]> {
    let mut strings: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    // After the last NUL there is nothing, not an empty string.
    if bytes.is_empty() || bytes.ends_with(&[0]) {
        strings.pop();
    }
    strings
}

/// Makes the first process and its thread, which loads the program when it first runs.
fn start(program: Program) -> Result<Arc<Process>, Errno> {
    let file = StoredFile::new(&program.path, program.node);
    let process = Process::new(FIRST_ID, 0, file.path(), &strings(program.arguments))?;
    open_console(&mut process.files.lock())?;
    let name = program
        .path
        .rsplit(|byte| *byte == b'/')
        .next()
        .unwrap_or_default()
        .to_vec();
    let begin = alloc::boxed::Box::new(move |thread: &Thread| load(thread, &file, &program));
    let thread = Thread::new(FIRST_ID, process.clone(), &name, begin)?;
    register(&thread)?;
    scheduler::start(thread)?;
    Ok(process)
}

/// Descriptors 0, 1 and 2.
fn open_console(files: &mut Descriptors) -> Result<(), Errno> {
    let console = |stream, flags| OpenFile::new(Arc::new(Console::new(stream)), flags);
    let streams = [
        (Stream::Input, O_RDWR),
        (Stream::Output, O_RDWR),
        (Stream::Error, O_WRONLY),
    ];
    for (stream, flags) in streams {
        files.insert(console(stream, flags), false, 0, streams.len() as u64)?;
    }
    Ok(())
}

/// The first thing that the first thread does. An executable that is refused ends the process.
fn load(thread: &Thread, file: &StoredFile, program: &Program) -> UserFrame {
    match try_load(thread, file, program) {
        Ok(loaded) => {
            thread
                .process
                .signal_return
                .store(loaded.signal_return, Ordering::Relaxed);
            *thread.process.outline.lock() = loaded.outline;
            loaded.frame
        }
        Err(failure) => {
            print_error(format_args!(
                "inarch: {}: {failure}\n",
                String::from_utf8_lossy(file.path())
            ));
            thread.process.end(ExitStatus::Exited(STATUS_REFUSED));
            scheduler::exit_current()
        }
    }
}

fn try_load(thread: &Thread, file: &StoredFile, program: &Program) -> Result<exec::Loaded, Failure> {
    let object = file.object().map_err(|_| Failure::OutOfMemory)?;
    exec::load(
        &thread.process.space,
        &exec::Start {
            bytes: file.bytes(),
            object,
            path: file.path(),
            arguments: &strings(program.arguments),
            environment: &strings(program.environment),
        },
    )
}
