//! Linux's error numbers.

use core::fmt;
use linux_raw_sys::errno;

/// A Linux error number, as a system call answers it (negated in `x0`; `errno(3)`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Errno(u16);

macro_rules! errnos {
    ($($name:ident),* $(,)?) => {
        impl Errno {
            $(#[doc = concat!("`", stringify!($name), "`, see `errno(3)`.")]
            pub const $name: Errno = Errno(errno::$name as u16);)*
        }

        impl fmt::Debug for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Errno::$name => f.write_str(stringify!($name)),)*
                    Errno(other) => write!(f, "errno {other}"),
                }
            }
        }
    };
}

errnos! {
    EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, ECHILD, EAGAIN, ENOMEM, EACCES, EFAULT, EBUSY, EEXIST,
    ENODEV, ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY, ETXTBSY, EFBIG, ENOSPC, ESPIPE, EROFS, EPIPE, ERANGE,
    ENAMETOOLONG, ENOSYS, ELOOP, EOVERFLOW, EOPNOTSUPP, ETIMEDOUT,
}

impl Errno {
    /// The error that a word is, if it is one as system calls answer it: among the highest 4095 (Linux's `IS_ERR_VALUE`).
    pub const fn encoded(word: u64) -> Option<Self> {
        let number = word.wrapping_neg();
        if number >= 1 && number <= 4095 {
            Some(Self(number as u16))
        } else {
            None
        }
    }

    /// The positive number, 1..=4095.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
