//! Looking at pages without a fault: by `write(2)`, to which a page that can't be read is `EFAULT`.

use rt::file::File;
use rt::linux::general::iovec;
use rt::{Errno, syscall};

use crate::observe::BATCH;

/// A file that words of pages go to.
pub(crate) struct Probe(File);

impl Probe {
    /// Makes it.
    ///
    /// # Errors
    /// What `memfd_create` answers.
    pub(crate) fn new() -> Result<Probe, Errno> {
        Ok(Probe(File::in_memory(c"probe", BATCH * 8)?))
    }

    /// The word at an address.
    ///
    /// # Errors
    /// `EFAULT`, or whatever else `write` says.
    pub(crate) fn read(&self, at: u64) -> Result<u64, Errno> {
        self.0.rewind()?;
        // SAFETY: the kernel reads one word, or refuses to.
        unsafe { syscall!(__NR_write, self.0.fd(), at, 8) }?;
        let mut word = [0; 8];
        self.fetch(&mut word)?;
        Ok(u64::from_ne_bytes(word))
    }

    /// The words at up to [`BATCH`] addresses: `None` for one that can't be read.
    ///
    /// # Errors
    /// What the calls say but `EFAULT`.
    pub(crate) fn read_all(&self, places: &[u64], words: &mut [Option<u64>]) -> Result<(), Errno> {
        let mut next = 0;
        while next < places.len() {
            let readable = self.read_run(&places[next..], &mut words[next..])?;
            next += readable;
            if let (true, Some(word)) = (next < places.len(), words.get_mut(next)) {
                *word = None;
                next += 1;
            }
        }
        Ok(())
    }

    /// The words up to the first that can't be read; gives their number.
    fn read_run(&self, places: &[u64], words: &mut [Option<u64>]) -> Result<usize, Errno> {
        let mut parts = [const {
            iovec {
                iov_base: core::ptr::null_mut(),
                iov_len: 8,
            }
        }; BATCH];
        for (part, &place) in parts.iter_mut().zip(places) {
            part.iov_base = core::ptr::with_exposed_provenance_mut(place as usize);
        }
        self.0.rewind()?;
        // SAFETY: the kernel reads a word at each place, or refuses to.
        let answer = unsafe { syscall!(__NR_writev, self.0.fd(), parts.as_ptr(), places.len().min(BATCH)) };
        let bytes = match answer {
            Err(Errno::EFAULT) => 0,
            answer => answer?,
        };
        let mut found = [0; BATCH * 8];
        self.fetch(&mut found[..bytes])?;
        for (word, bytes) in words.iter_mut().zip(found[..bytes].as_chunks().0) {
            *word = Some(u64::from_ne_bytes(*bytes));
        }
        Ok(bytes / 8)
    }

    /// What was written last.
    fn fetch(&self, into: &mut [u8]) -> Result<(), Errno> {
        self.0.rewind()?;
        self.0.read_into(into).map(drop)
    }
}
