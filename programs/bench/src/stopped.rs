//! Why a row could not be measured.

use core::fmt;

use rt::Errno;

/// Why a row could not be measured.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A system call gave an error that it doesn't give where memory is enough.
    Call(&'static str, Errno),
    /// A call did not do what it was to do.
    Wrong(&'static str),
    /// The kernel can't do what is to be measured.
    NotMeasured(&'static str),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::Call(call, errno) => write!(f, "{call} gave {errno}"),
            Stopped::Wrong(what) => write!(f, "went wrong: {what}"),
            Stopped::NotMeasured(reason) => f.write_str(reason),
        }
    }
}

/// Makes an error of `call` one of these.
pub(crate) fn by(call: &'static str) -> impl Fn(Errno) -> Stopped {
    move |errno| Stopped::Call(call, errno)
}
