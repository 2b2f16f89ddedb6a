//! System calls with Linux's arm64 numbers: one file a family, each call decoded, made, and answered with Linux's errno; what it
//! does is done elsewhere. Nothing here is `unsafe`.
#![deny(unsafe_code)]

mod absent;
mod advice;
mod credentials;
mod descriptor;
mod identity;
mod io;
mod ioctl;
mod limit;
mod lock;
mod mapping;
mod open;
mod prctl;
mod procmap;
mod signal;
mod status;
mod system;
mod table;
mod task;
mod time;
mod trace;

use mm::Errno;

use crate::arch::UserFrame;
use crate::memory;
use crate::process::scheduler::Current;
use crate::process::user::{self, UserPtr};
use crate::process::{self, Process};

/// What a call answers: the value in `x0`, or the errno that goes there negated.
type Answer = Result<u64, Errno>;

/// What the number of a call leads to: it makes the call that the frame asks for, and answers it there.
type Entry = fn(&mut UserFrame, Current);

/// One system call: the program's registers, and who makes it.
struct Call<'a> {
    frame: &'a mut UserFrame,
    thread: Current,
}

impl Call<'_> {
    /// Argument `index`, 0..=5, as it was passed.
    fn arg(&self, index: usize) -> u64 {
        self.frame.x[index]
    }

    /// Argument `index` as a C `int`: the upper half of the register means nothing.
    fn int(&self, index: usize) -> i32 {
        self.frame.x[index] as i32
    }

    /// Argument `index` as a C `unsigned int`.
    fn uint(&self, index: usize) -> u32 {
        self.frame.x[index] as u32
    }

    /// Argument `index` as a pointer that the program alleges.
    fn pointer<T>(&self, index: usize) -> UserPtr<T> {
        UserPtr::new(self.frame.x[index])
    }

    /// Argument `index` as a path. To follow one takes memory that the kernel can't do without halfway, so there must be some.
    fn path(&self, index: usize) -> Result<alloc::vec::Vec<u8>, Errno> {
        self.may_keep()?;
        user::string_in(
            self.frame.x[index],
            linux_raw_sys::general::PATH_MAX as usize,
            Errno::ENAMETOOLONG,
        )
    }

    /// Refuses a call that takes memory of the kernel's heap for the program where only the kernel's own reserve is left: what the
    /// call takes then can't fail.
    fn may_keep(&self) -> Result<(), Errno> {
        if memory::is_short() {
            Err(Errno::ENOMEM)
        } else {
            Ok(())
        }
    }

    /// The process that makes the call.
    fn process(&self) -> &Process {
        &self.thread.process
    }
}

/// Makes the system call that `frame` asks for, and what signals it brings about.
#[inline]
pub(crate) fn dispatch(frame: &mut UserFrame) {
    let thread = process::current();
    // Linux looks at the lower half of the register.
    let number = frame.x[8] as u32 as usize;
    match table::TABLE.get(number) {
        Some(entry) => entry(frame, thread),
        None => table::MISSING(frame, thread),
    }
}

/// Makes one call by its handler, which becomes a part of the caller: there is a function for each call, with one entry and one exit.
#[inline(always)]
fn make(frame: &mut UserFrame, thread: Current, handler: impl FnOnce(&mut Call<'_>) -> Answer) {
    let mut call = Call { frame, thread };
    let answer = handler(&mut call);
    let Call { frame, thread } = call;
    frame.x[0] = match answer {
        Ok(value) => value,
        Err(errno) => (-i64::from(errno.number())) as u64,
    };
    process::signal::if_due_at_end(&thread, frame);
}
