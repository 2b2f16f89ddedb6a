//! Kernel stacks, each with a guard below it where nothing is mapped.

use boot::{KERNEL_STACK_SIZE, KERNEL_STACK_SLOT, KERNEL_STACKS};
use mm::PAGE_SIZE;
use mm::machine::Frame;

use super::tables::{TABLES, map_frame};
use super::{OutOfMemory, frames};
use crate::sync::Mutex;

/// How many kernel stacks there may be at a time.
const MOST: usize = 4096;

/// One bit a slot, set while the slot is in use.
static SLOTS: Mutex<[u64; MOST / 64]> = Mutex::new([0; MOST / 64]);

/// A stack for a thread of the kernel. Its memory goes back when it is dropped; nothing may run on it then.
#[derive(Debug)]
pub(crate) struct KernelStack {
    slot: usize,
}

impl KernelStack {
    /// Makes a stack.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`] where there is no memory or there are too many stacks.
    pub(crate) fn new() -> Result<Self, OutOfMemory> {
        // From here on dropping the value undoes what was done.
        let stack = Self {
            slot: claim().ok_or(OutOfMemory)?,
        };
        let mut tables = TABLES.lock();
        let mut result = Ok(());
        for page in stack.pages() {
            let frame = result.and_then(|()| frames::take().ok_or(OutOfMemory));
            result = frame.and_then(|frame| map_frame(&mut tables, page, frame));
        }
        drop(tables);
        result.map(|()| stack)
    }

    /// One past the highest address: where the stack pointer begins.
    pub(crate) fn top(&self) -> u64 {
        KERNEL_STACKS + (self.slot as u64 + 1) * KERNEL_STACK_SLOT
    }

    fn pages(&self) -> impl Iterator<Item = u64> + use<> {
        (self.top() - KERNEL_STACK_SIZE..self.top()).step_by(PAGE_SIZE as usize)
    }
}

impl Drop for KernelStack {
    fn drop(&mut self) {
        let mut tables = TABLES.lock();
        for page in self.pages() {
            if let Some(frame) = tables.unmap_page(page) {
                // SAFETY: `new` took the frame for this stack and mapped it nowhere else; that mapping has been flushed.
                frames::give(unsafe { Frame::from_raw(frame) });
            }
        }
        drop(tables);
        SLOTS.lock()[self.slot / 64] &= !(1 << (self.slot % 64));
    }
}

/// Takes a free slot.
fn claim() -> Option<usize> {
    let mut slots = SLOTS.lock();
    let word = slots.iter().position(|word| *word != u64::MAX)?;
    let bit = slots[word].trailing_ones() as usize;
    slots[word] |= 1 << bit;
    Some(word * 64 + bit)
}

crate::ktest! {
    /// A stack is writable from top to bottom, and below it nothing is mapped.
    fn a_stack_has_a_guard() {
        use super::tables::query;
        let stack = KernelStack::new().expect("memory");
        for page in stack.pages() {
            // SAFETY: the page is the stack's, on which nothing runs.
            unsafe { (page as *mut u64).write_volatile(page) };
        }
        assert!(query(stack.top() - KERNEL_STACK_SIZE - PAGE_SIZE).is_none());
        assert!(query(stack.top()).is_none());
    }

    /// The memory of a stack comes back, and its slot is used again.
    fn a_stack_gives_its_memory_back() {
        let warm = KernelStack::new().expect("memory");
        let before = super::free_frames();
        let stack = KernelStack::new().expect("memory");
        let top = stack.top();
        assert_eq!(super::free_frames(), before - (KERNEL_STACK_SIZE / PAGE_SIZE) as usize);
        drop(stack);
        assert_eq!(super::free_frames(), before);
        assert_eq!(KernelStack::new().expect("memory").top(), top);
        drop(warm);
    }
}
