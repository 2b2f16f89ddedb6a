//! A program's memory, which is an allegation until it has been copied.
//!
//! A [`UserPtr`] is a number that a program claims to be the address of a `T`. Having one says nothing: not that anything is
//! mapped there, that it is aligned, that it stays. It becomes a value only through a copy, which a fault turns into `EFAULT`.
//! Copies take page faults, so no lock of an address space may be held around one.

use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem::{self, MaybeUninit};

use linux_raw_sys::general as linux;
use mm::Errno;

use crate::arch;

/// Types that any bytes make a value of, and whose bytes are all initialised: integers, and structures of them without padding.
///
/// # Safety
/// The type holds no pointer that the kernel follows, no reference, no padding, and every bit pattern is a value of it.
pub(crate) unsafe trait Plain: Copy + 'static {
    /// The value whose bytes are all zero.
    fn zeroed() -> Self {
        // SAFETY: every bit pattern is a value of a `Plain` type.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }

    /// The bytes of the value.
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: the value is initialised throughout, without padding, and borrowed for as long as the slice.
        unsafe { core::slice::from_raw_parts((&raw const *self).cast(), mem::size_of::<Self>()) }
    }

    /// The bytes of the value, to be overwritten.
    fn as_bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `as_bytes`, and any bytes that are written make a value again.
        unsafe { core::slice::from_raw_parts_mut((&raw mut *self).cast(), mem::size_of::<Self>()) }
    }
}

macro_rules! plain {
    ($($name:ty),* $(,)?) => {
        $(
            // SAFETY: an integer, or a `repr(C)` structure of Linux's whose fields are integers that fill it without padding.
            unsafe impl Plain for $name {}
        )*
    };
}

plain!(u8, i32, u32, u64, [u8; 16], [u32; 3], [u64; 2], [u64; 4]);
plain!(
    linux::stat,
    linux::statx,
    linux::rlimit64,
    linux::rusage,
    linux::__kernel_timespec,
    linux::termios,
    linux::winsize,
    linux::procmap_query,
    linux_raw_sys::system::new_utsname,
    super::abi::SignalAction,
    super::abi::SignalStack,
    super::abi::SignalFrame,
    super::abi::SystemInfo,
);

/// The alleged address of a `T` in the current program.
pub(crate) struct UserPtr<T> {
    address: u64,
    of: PhantomData<*mut T>,
}

impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<T> {}

impl<T> UserPtr<T> {
    /// Takes a program's word for it.
    pub(crate) fn new(address: u64) -> Self {
        Self {
            address,
            of: PhantomData,
        }
    }

    /// `None` for the null pointer, which many calls allow.
    pub(crate) fn non_null(self) -> Option<Self> {
        (self.address != 0).then_some(self)
    }
}

impl<T: Plain> UserPtr<T> {
    /// The value there.
    ///
    /// # Errors
    /// `EFAULT`.
    pub(crate) fn read(self) -> Result<T, Errno> {
        let mut value = T::zeroed();
        copy_in(value.as_bytes_mut(), self.address)?;
        Ok(value)
    }

    /// Puts `value` there.
    ///
    /// # Errors
    /// `EFAULT`.
    pub(crate) fn write(self, value: &T) -> Result<(), Errno> {
        copy_out(self.address, value.as_bytes())
    }

    /// Where the `index`th of an array of `T` lies. An array that wraps round the end of memory faults when it is read.
    pub(crate) fn element(self, index: u64) -> Self {
        Self::new(
            self.address
                .wrapping_add(index.wrapping_mul(mem::size_of::<T>() as u64)),
        )
    }
}

/// Copies the program's bytes at `from` into `to`.
///
/// # Errors
/// `EFAULT` where some of them can't be read.
pub(crate) fn copy_in(to: &mut [u8], from: u64) -> Result<(), Errno> {
    arch::user::copy_in(to, from).map_err(|_| Errno::EFAULT)
}

/// Copies `from` to the program's memory at `to`.
///
/// # Errors
/// `EFAULT` where some of it can't be written; what comes before may have been.
pub(crate) fn copy_out(to: u64, from: &[u8]) -> Result<(), Errno> {
    arch::user::copy_out(to, from).map_err(|_| Errno::EFAULT)
}

/// Whether `len` bytes at `address` lie in a program's half at all, which Linux asks before it does anything (`access_ok`).
///
/// # Errors
/// `EFAULT`.
pub(crate) fn check_range(address: u64, len: u64) -> Result<(), Errno> {
    match address.checked_add(len) {
        Some(end) if end <= mm::ACCESS_END => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// How many bytes there are from `address` to the end of its page: what lies there is accessible as a whole or not at all.
pub(crate) fn to_page_end(address: u64) -> u64 {
    mm::PAGE_SIZE - address % mm::PAGE_SIZE
}

/// Fills `len` bytes of the program's memory at `to` with zeros.
///
/// # Errors
/// `EFAULT` as for [`copy_out`].
pub(crate) fn clear(to: u64, len: usize) -> Result<(), Errno> {
    arch::user::clear(to, len).map_err(|_| Errno::EFAULT)
}

/// The NUL-terminated string at `address`, without its end, of fewer than `limit` bytes.
///
/// # Errors
/// `EFAULT`, `ENOMEM`, and `too_long` where the first `limit` bytes hold no NUL.
pub(crate) fn string_in(address: u64, limit: usize, too_long: Errno) -> Result<Vec<u8>, Errno> {
    let mut string = Vec::new();
    string.try_reserve_exact(limit).map_err(|_| Errno::ENOMEM)?;
    string.resize(limit, 0);
    let len = arch::user::copy_in_str(&mut string, address).map_err(|_| Errno::EFAULT)?;
    if len == limit {
        return Err(too_long);
    }
    string.truncate(len);
    Ok(string)
}
