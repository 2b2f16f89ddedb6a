//! What is mapped, other than a program's own anonymous memory: shared memory, and files of the program's archive.

mod pages;

use crate::machine::{Frame, Machine};
use crate::{Errno, PAGE_SHIFT, PAGE_SIZE, PhysAddr};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use pages::PageMap;
use spin::Mutex;

/// A handle to something that can be mapped; a clone is another handle to the same thing. An open file holds one, and so
/// do its mappings. The last one gives the pages back.
///
/// Two handles are equal when one is a clone of the other. Only then do mappings of them merge, as Linux merges only
/// mappings of one open file: open a file twice, make two objects.
pub struct Object<M: Machine> {
    inner: Arc<Inner<M>>,
}

struct Inner<M: Machine> {
    machine: M,
    inode: u64,
    name: String,
    contents: Contents,
    /// Where an address space that maps the object keeps it in its list; a hint, because several may.
    slot: AtomicU32,
}

enum Contents {
    /// Shared memory. The lock is the innermost: it is taken while an address space is locked, and nothing but the frame
    /// allocator's is taken under it.
    Memory(Mutex<Memory>),
    /// A file that never changes.
    Image(&'static [u8]),
    /// Nothing but zeros: private mappings are anonymous memory, shared ones are of an object of their own.
    Zeros,
}

struct Memory {
    len: u64,
    pages: PageMap,
}

/// What a page fault gets from an object.
pub(crate) enum Page {
    /// The object's own page, with a reference for the mapping. Others see what is stored to it.
    Shared(PhysAddr),
    /// A copy that belongs to the mapping alone.
    Copy(Frame),
}

/// Why an object has no page for a fault.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoPage {
    /// It lies past the end.
    BeyondEnd,
    /// There is no frame for it.
    NoFrame,
}

impl<M: Machine> Object<M> {
    /// Makes an empty shared memory object, as `memfd_create(2)` does. `name` is what `/proc/PID/maps` shows, such as
    /// `/memfd:NAME (deleted)`.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn memory(machine: M, name: &str) -> Result<Self, Errno> {
        let memory = Memory {
            len: 0,
            pages: PageMap::new(),
        };
        Self::new(machine, name, Contents::Memory(Mutex::new(memory)))
    }

    /// Makes an object of a file that is wholly in memory and never changes. `name` is the path that `/proc/PID/maps`
    /// shows.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn image(machine: M, bytes: &'static [u8], name: &str) -> Result<Self, Errno> {
        Self::new(machine, name, Contents::Image(bytes))
    }

    /// Makes what `/dev/zero` is when it is mapped. `name` is the path that `/proc/PID/maps` shows.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn zeros(machine: M, name: &str) -> Result<Self, Errno> {
        Self::new(machine, name, Contents::Zeros)
    }

    fn new(machine: M, name: &str, contents: Contents) -> Result<Self, Errno> {
        static NEXT_INODE: AtomicU64 = AtomicU64::new(1);
        let mut owned = String::new();
        owned.try_reserve_exact(name.len()).map_err(|_| Errno::ENOMEM)?;
        owned.push_str(name);
        // `Arc` has no constructor that can fail, so ask first whether the heap has room for one.
        Vec::<(Inner<M>, [usize; 2])>::new()
            .try_reserve_exact(1)
            .map_err(|_| Errno::ENOMEM)?;
        let inode = NEXT_INODE.fetch_add(1, Ordering::Relaxed);
        let inner = Inner {
            machine,
            inode,
            name: owned,
            contents,
            slot: AtomicU32::new(0),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        match &self.inner.contents {
            Contents::Memory(memory) => memory.lock().len,
            Contents::Image(bytes) => bytes.len() as u64,
            Contents::Zeros => 0,
        }
    }

    /// How many frames are the object's own: its pages, and what it keeps their numbers in.
    pub fn frames(&self) -> u64 {
        match &self.inner.contents {
            Contents::Memory(memory) => memory.lock().pages.frames(&self.inner.machine),
            Contents::Image(_) | Contents::Zeros => 0,
        }
    }

    /// How many bytes of the heap the object takes, as a heap counts that gives multiples of a word.
    pub(crate) fn heap_bytes(&self) -> u64 {
        const WORD: usize = size_of::<usize>();
        // The two counts of an `Arc` come before what it holds, and the least that such a heap gives is two words.
        let name = self.inner.name.capacity().next_multiple_of(WORD);
        (2 * WORD + size_of::<Inner<M>>() + if name == 0 { 0 } else { name.max(2 * WORD) }) as u64
    }

    /// Whether this is `/dev/zero`.
    pub(crate) fn is_zeros(&self) -> bool {
        matches!(self.inner.contents, Contents::Zeros)
    }

    /// Whether the object has no byte.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The inode number, unique among the objects of a machine.
    pub fn inode(&self) -> u64 {
        self.inner.inode
    }

    /// What `/proc/PID/maps` shows.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// `ftruncate(2)`: sets the length of shared memory in bytes. Pages past a new, smaller end are dropped and the rest of
    /// the last page cleared; every address space that may map the object must then be told by
    /// [`AddressSpace::object_shrunk`](crate::AddressSpace::object_shrunk).
    ///
    /// # Errors
    /// `EINVAL` for a file of the archive, `EFBIG` for a length over `i64::MAX`.
    pub fn set_len(&self, len: u64) -> Result<(), Errno> {
        let Contents::Memory(memory) = &self.inner.contents else {
            return Err(Errno::EINVAL);
        };
        if len > i64::MAX as u64 {
            return Err(Errno::EFBIG);
        }
        let mut memory = memory.lock();
        if len < memory.len {
            memory.cut(&self.inner.machine, len);
        }
        memory.len = len;
        Ok(())
    }

    /// `fallocate(2)`: gives shared memory the pages of a range of bytes, and unless `keeps_len` the length that reaches to its end.
    ///
    /// # Errors
    /// `ENOMEM`, and the object is as it was; `EFBIG` past `i64::MAX`; `EOPNOTSUPP` for a file of the archive.
    pub fn allocate(&self, bytes: Range<u64>, keeps_len: bool) -> Result<(), Errno> {
        let Contents::Memory(memory) = &self.inner.contents else {
            return Err(Errno::EOPNOTSUPP);
        };
        if bytes.end > i64::MAX as u64 {
            return Err(Errno::EFBIG);
        }
        let mut memory = memory.lock();
        let pages = bytes.start >> PAGE_SHIFT..pages_of(bytes.end);
        memory
            .pages
            .fill(&self.inner.machine, pages)
            .map_err(|_| Errno::ENOMEM)?;
        if !keeps_len {
            memory.len = memory.len.max(bytes.end);
        }
        Ok(())
    }

    /// `fallocate(2)` with `FALLOC_FL_PUNCH_HOLE`: a range of bytes of shared memory reads as zeros from now on, and its whole pages are
    /// given up. Every address space that may map the object must have been told by
    /// [`AddressSpace::object_punched`](crate::AddressSpace::object_punched) before, and fault in none of them until this is done.
    ///
    /// # Errors
    /// `EOPNOTSUPP` for a file of the archive.
    pub fn punch_hole(&self, bytes: Range<u64>) -> Result<(), Errno> {
        let Contents::Memory(memory) = &self.inner.contents else {
            return Err(Errno::EOPNOTSUPP);
        };
        let mut memory = memory.lock();
        let pages = whole_pages(&bytes);
        if pages.is_empty() {
            // At most the end of one page and the start of the next.
            let border = pages.end.max(pages.start) << PAGE_SHIFT;
            memory.clear(&self.inner.machine, bytes.start..bytes.end.min(border));
            memory.clear(&self.inner.machine, bytes.start.max(border)..bytes.end);
        } else {
            memory.clear(&self.inner.machine, bytes.start..pages.start << PAGE_SHIFT);
            memory.clear(&self.inner.machine, pages.end << PAGE_SHIFT..bytes.end);
            memory.pages.remove(&self.inner.machine, pages);
        }
        Ok(())
    }

    /// Gives up `pages` of shared memory, which reads as zeros there from now on. The mappings have let go of them.
    pub(crate) fn punch(&self, pages: Range<u64>) {
        if let Contents::Memory(memory) = &self.inner.contents {
            memory.lock().pages.remove(&self.inner.machine, pages);
        }
    }

    /// Copies bytes from `offset` on into `buffer`; answers how many there were before the object's end.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let count = self.len().saturating_sub(offset).min(buffer.len() as u64) as usize;
        let buffer = &mut buffer[..count];
        match &self.inner.contents {
            Contents::Memory(memory) => memory.lock().read(&self.inner.machine, offset, buffer),
            Contents::Image(bytes) => {
                let start = (offset as usize).min(bytes.len());
                buffer.copy_from_slice(&bytes[start..start + count]);
            }
            Contents::Zeros => {}
        }
        count
    }

    /// Copies `bytes` into shared memory at `offset`, which grows where that is needed; answers how many fitted.
    ///
    /// # Errors
    /// `ENOSPC` where there is no memory for any of them, `EFBIG` past `i64::MAX`, `EINVAL` for a file of the archive.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        let Contents::Memory(memory) = &self.inner.contents else {
            return Err(Errno::EINVAL);
        };
        let room = (i64::MAX as u64).checked_sub(offset).ok_or(Errno::EFBIG)?;
        let bytes = &bytes[..room.min(bytes.len() as u64) as usize];
        let mut memory = memory.lock();
        let written = memory.write(&self.inner.machine, offset, bytes);
        if written == 0 && !bytes.is_empty() {
            return Err(Errno::ENOSPC);
        }
        memory.len = memory.len.max(offset + written as u64);
        Ok(written)
    }

    /// The page at `index` for a mapping. Shared memory gets a page of zeros where it had a hole.
    pub(crate) fn page(&self, index: u64) -> Result<Page, NoPage> {
        let machine = &self.inner.machine;
        match &self.inner.contents {
            Contents::Memory(memory) => {
                let mut memory = memory.lock();
                if index >= pages_of(memory.len) {
                    return Err(NoPage::BeyondEnd);
                }
                let page = memory
                    .pages
                    .get_or_add(machine, index)
                    .map_err(|_| NoPage::NoFrame)?;
                crate::page::share(machine, page);
                Ok(Page::Shared(page))
            }
            Contents::Image(bytes) => copy_image_page(machine, bytes, index).map(Page::Copy),
            // No mapping asks: it makes its zeros itself.
            Contents::Zeros => Err(NoPage::BeyondEnd),
        }
    }

    /// Whether a program would find the page at `index` in memory: always for a file, which is there as a whole.
    pub(crate) fn is_resident(&self, index: u64) -> bool {
        matches!(self.inner.contents, Contents::Image(_)) || self.resident_page(index).is_some()
    }

    /// The page of shared memory at `index`, if there is one.
    pub(crate) fn resident_page(&self, index: u64) -> Option<PhysAddr> {
        match &self.inner.contents {
            Contents::Memory(memory) => memory.lock().pages.get(&self.inner.machine, index),
            Contents::Image(_) | Contents::Zeros => None,
        }
    }

    /// The number of pages, a last partial one included.
    pub(crate) fn pages(&self) -> u64 {
        pages_of(self.len())
    }

    /// Where an address space that maps the object might keep it.
    pub(crate) fn slot_hint(&self) -> &AtomicU32 {
        &self.inner.slot
    }
}

impl<M: Machine> Clone for Object<M> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<M: Machine> PartialEq for Object<M> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl<M: Machine> Eq for Object<M> {}

impl<M: Machine> Drop for Inner<M> {
    fn drop(&mut self) {
        if let Contents::Memory(memory) = &mut self.contents {
            memory.get_mut().pages.remove(&self.machine, 0..u64::MAX);
        }
    }
}

impl Memory {
    /// Drops the pages past `len` and clears the rest of the page that `len` falls into.
    fn cut(&mut self, machine: &impl Machine, len: u64) {
        let kept = pages_of(len);
        self.pages.remove(machine, kept..u64::MAX);
        self.clear(machine, len..kept << PAGE_SHIFT);
    }

    /// Clears some bytes of one page, if it is there; none where the range is empty.
    fn clear(&mut self, machine: &impl Machine, bytes: Range<u64>) {
        static ZEROS: [u8; PAGE_SIZE as usize] = [0; PAGE_SIZE as usize];
        let zeros = &ZEROS[..bytes.end.saturating_sub(bytes.start) as usize];
        if !zeros.is_empty()
            && let Some(page) = self.pages.get(machine, bytes.start >> PAGE_SHIFT)
        {
            write_page(machine, page, (bytes.start % PAGE_SIZE) as usize, zeros);
        }
    }

    fn read(&self, machine: &impl Machine, offset: u64, buffer: &mut [u8]) {
        let mut rest = buffer;
        let mut at = offset;
        while !rest.is_empty() {
            let within = (at % PAGE_SIZE) as usize;
            let (piece, later) = rest.split_at_mut(rest.len().min(PAGE_SIZE as usize - within));
            match self.pages.get(machine, at >> PAGE_SHIFT) {
                Some(page) => machine.read_shared(page, within, piece),
                None => piece.fill(0),
            }
            at += piece.len() as u64;
            rest = later;
        }
    }

    /// Writes as far as there is memory for.
    fn write(&mut self, machine: &impl Machine, offset: u64, bytes: &[u8]) -> usize {
        let mut written = 0;
        while written < bytes.len() {
            let at = offset + written as u64;
            let within = (at % PAGE_SIZE) as usize;
            let piece = (bytes.len() - written).min(PAGE_SIZE as usize - within);
            let Ok(page) = self.pages.get_or_add(machine, at >> PAGE_SHIFT) else {
                break;
            };
            write_page(machine, page, within, &bytes[written..written + piece]);
            written += piece;
        }
        written
    }
}

fn write_page(machine: &impl Machine, page: PhysAddr, offset: usize, bytes: &[u8]) {
    // SAFETY: the page is one of an object's, which holds a reference to it while its lock is held.
    unsafe { machine.write_shared(page, offset, bytes) };
}

/// A frame with the bytes of page `index`, and zeros after the last.
fn copy_image_page(machine: &impl Machine, bytes: &[u8], index: u64) -> Result<Frame, NoPage> {
    let start = index
        .checked_mul(PAGE_SIZE)
        .filter(|&start| start < bytes.len() as u64);
    let rest = &bytes[start.ok_or(NoPage::BeyondEnd)? as usize..];
    let piece = &rest[..rest.len().min(PAGE_SIZE as usize)];
    let mut frame = machine.take_frame().ok_or(NoPage::NoFrame)?;
    if piece.len() < PAGE_SIZE as usize {
        machine.clear(&mut frame);
    }
    machine.write(&mut frame, 0, piece);
    Ok(frame)
}

/// The pages that lie in `bytes` as a whole; an empty range where none does.
pub(crate) fn whole_pages(bytes: &Range<u64>) -> Range<u64> {
    bytes.start.div_ceil(PAGE_SIZE)..bytes.end >> PAGE_SHIFT
}

fn pages_of(len: u64) -> u64 {
    len.div_ceil(PAGE_SIZE)
}
