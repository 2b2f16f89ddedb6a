//! What the tests of this folder share: a stretch of a program's memory, by tables made by hand, so that nothing but the
//! processor is under test.

use core::cell::UnsafeCell;

use super::address::translate;
use super::{tlb, user_tables};
use crate::sync::{Mutex, MutexGuard};
use mm::VirtAddr;
use mm::machine::{Asid, PageOperand, Reach};

/// Where the stretch begins: the first page of a leaf table.
pub(super) const START: u64 = 0x12_3460_0000;
/// How many pages there are to map.
pub(super) const PAGES: usize = 3;
/// The size of a page.
pub(super) const PAGE: usize = 4096;
/// No program has it.
const ASID: Asid = Asid(0xfe);

/// Descriptor bits of a page of EL0's: normal memory, inner shareable, accessed, not global, never executable.
const USER_PAGE: u64 = 3 << 53 | 1 << 11 | 1 << 10 | 3 << 8 | 3;

/// How the program may use a page (AP\[2:1\]).
#[derive(Clone, Copy)]
pub(super) enum Rights {
    /// Read and write.
    ReadWrite = 0b01 << 6,
    /// Read.
    ReadOnly = 0b11 << 6,
    /// The kernel's: not at all.
    None = 0b00 << 6,
}

#[repr(C, align(4096))]
struct Page(UnsafeCell<[u8; PAGE]>);

impl Page {
    #[expect(
        clippy::declare_interior_mutable_const,
        reason = "what a static begins with, never used itself"
    )]
    const ZERO: Self = Self(UnsafeCell::new([0; PAGE]));
}

// SAFETY: reached through `Window` alone, which there is one of at a time.
unsafe impl Sync for Page {}

static TABLES: [Page; 4] = [const { Page::ZERO }; 4];
static MEMORY: [Page; PAGES] = [const { Page::ZERO }; PAGES];
static IN_USE: Mutex<()> = Mutex::new(());

/// The program's half with nothing in it but what is mapped by hand. Nothing is mapped in it after it is dropped.
pub(super) struct Window(#[expect(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Window {
    /// Installs it, with nothing mapped.
    pub(super) fn new() -> Self {
        let window = Self(IN_USE.lock());
        for level in 0..3 {
            let shift = 39 - 9 * level;
            window.set(
                level,
                (START >> shift) as usize % 512,
                phys(&TABLES[level + 1]) | 3,
            );
        }
        (0..PAGES + 1).for_each(|page| window.set(3, page, 0));
        tlb::dsb_stores();
        // SAFETY: the tables are static, and map nothing but `MEMORY`.
        unsafe { user_tables::install(mm::PhysAddr::new(phys(&TABLES[0])), ASID) };
        tlb::tlbi_asid(PageOperand::whole(ASID));
        tlb::dsb();
        tlb::isb();
        window
    }

    /// Maps the page of the window to page `memory` of the memory; what the TLB may hold of it is not flushed.
    pub(super) fn map(&self, page: usize, memory: usize, rights: Rights) {
        self.set(3, page, phys(&MEMORY[memory]) | USER_PAGE | rights as u64);
        tlb::dsb_stores();
        tlb::isb();
    }

    /// Takes a page out and flushes it by `flush`.
    pub(super) fn unmap(&self, page: usize, flush: impl FnOnce(Asid, VirtAddr)) {
        self.set(3, page, 0);
        tlb::dsb_stores();
        flush(ASID, VirtAddr::new(self.address(page)));
        tlb::dsb();
        tlb::isb();
    }

    /// Takes a page out.
    pub(super) fn unmap_page(&self, page: usize) {
        self.unmap(page, |asid, address| {
            tlb::tlbi_page(PageOperand::new(asid, address), Reach::Leaf)
        });
    }

    /// Where the program sees the page.
    pub(super) fn address(&self, page: usize) -> u64 {
        START + (page * PAGE) as u64
    }

    /// Sets all bytes of a page of the memory.
    pub(super) fn fill(&self, memory: usize, byte: impl Fn(usize) -> u8) {
        self.fill_start(memory, PAGE, byte);
    }

    /// Sets the first `count` bytes of a page of the memory.
    pub(super) fn fill_start(&self, memory: usize, count: usize, byte: impl Fn(usize) -> u8) {
        assert!(count <= PAGE);
        let bytes = MEMORY[memory].0.get().cast::<u8>();
        // SAFETY: a static page, reached by the copy routines and here, and neither holds references to it.
        (0..count).for_each(|index| unsafe { bytes.add(index).write_volatile(byte(index)) });
    }

    /// A byte of the memory.
    pub(super) fn byte(&self, memory: usize, index: usize) -> u8 {
        // SAFETY: as above.
        unsafe { MEMORY[memory].0.get().cast::<u8>().add(index).read_volatile() }
    }

    fn set(&self, level: usize, index: usize, descriptor: u64) {
        let table = TABLES[level].0.get().cast::<u64>();
        // SAFETY: a static table that only walkers read; the index is below 512.
        unsafe { table.add(index).write_volatile(descriptor) };
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        user_tables::remove();
        tlb::tlbi_asid(PageOperand::whole(ASID));
        tlb::dsb();
        tlb::isb();
    }
}

/// The physical address of a static page.
fn phys(page: &Page) -> u64 {
    translate(page.0.get().addr() as u64)
        .expect("the image is mapped")
        .get()
}
