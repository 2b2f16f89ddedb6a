//! A process's file descriptors.

use alloc::sync::Arc;
use alloc::vec::Vec;

use mm::Errno;

use super::file::OpenFile;

/// One descriptor.
#[derive(Clone)]
struct Descriptor {
    file: Arc<OpenFile>,
    close_on_exec: bool,
}

/// The table of open files: the lowest free number is given out first (`open(2)`).
#[derive(Clone, Default)]
pub(crate) struct Descriptors {
    slots: Vec<Option<Descriptor>>,
    /// No number below it is free.
    lowest: usize,
}

impl Descriptors {
    /// The open file that `number` names.
    ///
    /// # Errors
    /// `EBADF` where it names none.
    pub(crate) fn get(&self, number: i32) -> Result<&Arc<OpenFile>, Errno> {
        self.slot(number).map(|descriptor| &descriptor.file)
    }

    /// Gives `file` the lowest free number that is at least `from`, below `limit` (`RLIMIT_NOFILE`).
    ///
    /// # Errors
    /// `EMFILE` where there is none, `EINVAL` where `from` is already past the limit.
    pub(crate) fn insert(
        &mut self,
        file: Arc<OpenFile>,
        close_on_exec: bool,
        from: usize,
        limit: u64,
    ) -> Result<i32, Errno> {
        if from as u64 >= limit && from > 0 {
            return Err(Errno::EINVAL);
        }
        let first = from.max(self.lowest);
        let free = self.slots.iter().skip(first).position(Option::is_none);
        let number = free.map_or(self.slots.len().max(first), |index| first + index);
        if number as u64 >= limit {
            return Err(Errno::EMFILE);
        }
        self.put(number, Descriptor { file, close_on_exec })?;
        if from <= self.lowest {
            self.lowest = number + 1;
        }
        Ok(number as i32)
    }

    /// Gives `file` the number `number` (`dup3(2)`); the file that had it is given back, to be dropped without the table's lock.
    ///
    /// # Errors
    /// `EBADF` where `number` isn't below `limit`, `ENOMEM`; nothing has changed then.
    pub(crate) fn replace(
        &mut self,
        number: i32,
        file: Arc<OpenFile>,
        close_on_exec: bool,
        limit: u64,
    ) -> Result<Option<Arc<OpenFile>>, Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::EBADF)?;
        if index as u64 >= limit {
            return Err(Errno::EBADF);
        }
        self.put(index, Descriptor { file, close_on_exec })
    }

    /// The lowest number in use that is at least `from`.
    pub(crate) fn first_from(&self, from: usize) -> Option<usize> {
        let later = self.slots.get(from..)?.iter();
        later
            .enumerate()
            .find(|(_, slot)| slot.is_some())
            .map(|(offset, _)| from + offset)
    }

    /// How many numbers there is room for, as Linux tells it: by powers of two, from 64.
    pub(crate) fn size(&self) -> usize {
        self.slots.len().next_power_of_two().max(64)
    }

    /// Closes `number`; the file is given back, to be dropped without the table's lock.
    ///
    /// # Errors
    /// `EBADF` where it names none.
    pub(crate) fn remove(&mut self, number: i32) -> Result<Arc<OpenFile>, Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::EBADF)?;
        let slot = self.slots.get_mut(index).ok_or(Errno::EBADF)?;
        let descriptor = slot.take().ok_or(Errno::EBADF)?;
        self.lowest = self.lowest.min(index);
        Ok(descriptor.file)
    }

    /// Whether `number` is closed by `execve` (`FD_CLOEXEC`).
    ///
    /// # Errors
    /// `EBADF`.
    pub(crate) fn close_on_exec(&self, number: i32) -> Result<bool, Errno> {
        self.slot(number).map(|descriptor| descriptor.close_on_exec)
    }

    /// Sets whether `number` is closed by `execve`.
    ///
    /// # Errors
    /// `EBADF`.
    pub(crate) fn set_close_on_exec(&mut self, number: i32, close: bool) -> Result<(), Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::EBADF)?;
        let slot = self
            .slots
            .get_mut(index)
            .and_then(Option::as_mut)
            .ok_or(Errno::EBADF)?;
        slot.close_on_exec = close;
        Ok(())
    }

    fn slot(&self, number: i32) -> Result<&Descriptor, Errno> {
        let index = usize::try_from(number).map_err(|_| Errno::EBADF)?;
        self.slots.get(index).and_then(Option::as_ref).ok_or(Errno::EBADF)
    }

    fn put(&mut self, index: usize, descriptor: Descriptor) -> Result<Option<Arc<OpenFile>>, Errno> {
        if index >= self.slots.len() {
            self.slots
                .try_reserve(index + 1 - self.slots.len())
                .map_err(|_| Errno::ENOMEM)?;
            self.slots.resize_with(index + 1, || None);
        }
        let before = self.slots[index].replace(descriptor);
        Ok(before.map(|descriptor| descriptor.file))
    }
}

crate::ktest! {
    /// The lowest free number is given out, limits hold, and closing frees.
    fn descriptors_are_given_out_lowest_first() {
        use crate::fs::console::{Console, Stream};
        let file = || OpenFile::new(Arc::new(Console::new(Stream::Output)), 0);
        let mut table = Descriptors::default();
        for expected in 0..3 {
            assert_eq!(table.insert(file(), false, 0, 4), Ok(expected));
        }
        assert!(table.remove(1).is_ok() && table.get(1).is_err());
        assert_eq!(table.insert(file(), true, 0, 4), Ok(1));
        assert_eq!((table.close_on_exec(1), table.close_on_exec(0)), (Ok(true), Ok(false)));
        assert_eq!(table.insert(file(), false, 3, 4), Ok(3));
        assert_eq!(table.insert(file(), false, 0, 4), Err(Errno::EMFILE));
        assert_eq!(table.insert(file(), false, 4, 4), Err(Errno::EINVAL));
        assert!(matches!(table.replace(4, file(), false, 4), Err(Errno::EBADF)));
        assert!(matches!(table.replace(-1, file(), false, 4), Err(Errno::EBADF)));
        assert!(table.get(-1).is_err() && table.get(i32::MAX).is_err() && table.remove(i32::MIN).is_err());
    }
}
