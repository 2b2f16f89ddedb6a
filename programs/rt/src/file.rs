//! Files.

use core::ffi::CStr;

use crate::Errno;
use crate::linux::general::{AT_FDCWD, O_RDONLY};

/// An open file, closed when it is dropped.
pub struct File(i32);

impl File {
    /// Opens a file for reading.
    pub fn open(path: &CStr) -> Result<File, Errno> {
        File::open_with(path, O_RDONLY)
    }

    /// Opens a file that there is, with `O_*` flags.
    pub fn open_with(path: &CStr, flags: u32) -> Result<File, Errno> {
        // SAFETY: the kernel reads the string, no more.
        unsafe { crate::syscall!(__NR_openat, AT_FDCWD, path.as_ptr(), flags, 0) }.map(|fd| File(fd as i32))
    }

    /// Makes a file in memory of `length` zero bytes, `memfd_create(2)`.
    pub fn in_memory(name: &CStr, length: usize) -> Result<File, Errno> {
        // SAFETY: the kernel reads the string, no more.
        let file =
            unsafe { crate::syscall!(__NR_memfd_create, name.as_ptr(), 0) }.map(|fd| File(fd as i32))?;
        file.truncate(length)?;
        Ok(file)
    }

    /// Sets the file's length.
    pub fn truncate(&self, length: usize) -> Result<(), Errno> {
        // SAFETY: touches no memory of this process that is mapped to a Rust object: those are never file mappings.
        unsafe { crate::syscall!(__NR_ftruncate, self.0, length) }.map(drop)
    }

    /// The file's descriptor.
    pub fn fd(&self) -> i32 {
        self.0
    }

    /// Reads until `buffer` is full or the file ends; gives the bytes read.
    pub fn read_into<'a>(&self, buffer: &'a mut [u8]) -> Result<&'a [u8], Errno> {
        let mut used = 0;
        while used < buffer.len() {
            match read(self.0, &mut buffer[used..])? {
                0 => break,
                more => used += more,
            }
        }
        Ok(&buffer[..used])
    }

    /// Goes back to the file's first byte.
    pub fn rewind(&self) -> Result<(), Errno> {
        // SAFETY: touches no memory.
        unsafe { crate::syscall!(__NR_lseek, self.0, 0, 0) }.map(drop)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: touches no memory; the descriptor is this value's own.
        unsafe { crate::syscall!(__NR_close, self.0) }.ok();
    }
}

/// Reads up to the length of `buffer`; 0 is the end of the file.
pub fn read(fd: i32, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes within the buffer.
    unsafe { crate::syscall!(__NR_read, fd, buffer.as_mut_ptr(), buffer.len()) }
}

/// Writes all of `bytes`, in as many calls as it takes.
pub fn write_all(fd: i32, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        // SAFETY: the kernel reads within the slice.
        let written = unsafe { crate::syscall!(__NR_write, fd, bytes.as_ptr(), bytes.len()) }?;
        bytes = &bytes[written.min(bytes.len())..];
    }
    Ok(())
}
