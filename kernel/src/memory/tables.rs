//! The tables of the kernel's half. Boot made the first of them; here entries are added, and taken out again.
//!
//! A mapping of the kernel is made where nothing was mapped, so no edit needs a flush, and taken out page by page with one.

use aarch64_cpu::registers::{Readable, TTBR1_EL1};
use boot::IMAGE_BASE;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use hardware::PhysRange;
use mm::machine::Frame;
use mm::table::{Attributes, Descriptor, ENTRIES, Entry, Leaf, Level};
use mm::{PAGE_SIZE, PhysAddr, VirtAddr};

use super::linear::{self, address_of};
use super::{OutOfMemory, frames, image};
use crate::arch::{pages, tlb};
use crate::sync::Mutex;

/// A table, as the walker of the MMU and the kernel see it.
type Table = [AtomicU64; ENTRIES];

/// How many tables there are for the time before there are frames: the console's window takes two, the linear map one for
/// each GiB and each 2 MiB that a border of its ranges lies in, and one for each 512 GiB.
const EARLY: usize = 24;

#[repr(C, align(4096))]
struct EarlyTables([Table; EARLY]);

static EARLY_TABLES: EarlyTables = EarlyTables([const { [const { AtomicU64::new(0) }; ENTRIES] }; EARLY]);

/// The kernel's tables. There is one set of them, so this holds only how many there are.
pub(super) static TABLES: Mutex<Tables> = Mutex::new(Tables { early: 0, frames: 0 });

/// See [`TABLES`].
pub(super) struct Tables {
    /// Of [`EARLY_TABLES`].
    early: usize,
    /// Of frames, none of which is ever given back.
    frames: u64,
}

/// How many frames are tables of the kernel's.
pub(crate) fn table_frames() -> u64 {
    TABLES.lock().frames
}

impl Tables {
    /// Maps `range` from `start` on, by the largest entries that fit. All three are multiples of the page size, and nothing
    /// may be mapped there yet.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`] when there is no memory for a table; then part of the range may be mapped.
    pub(super) fn map(
        &mut self,
        start: u64,
        range: PhysRange,
        attributes: Attributes,
    ) -> Result<(), OutOfMemory> {
        let (mut virt, mut phys) = (start, range.start);
        while phys < range.end {
            let level = largest(virt, phys, range.end - phys);
            let leaf = Leaf {
                address: phys,
                attributes,
            };
            self.entry(virt, level)?
                .store(Descriptor::leaf(level, leaf).raw(), Relaxed);
            virt += level.size();
            phys = phys + level.size();
        }
        // The stores come before any walk on behalf of a later access, which needs no flush: nothing was there before.
        tlb::dsb_stores();
        tlb::isb();
        Ok(())
    }

    /// Takes out the page at `virt` and answers its frame. `None` where no page is mapped.
    pub(super) fn unmap_page(&mut self, virt: u64) -> Option<PhysAddr> {
        let entry = find(virt)?;
        let address = match Descriptor::from_raw(entry.load(Relaxed)).decode(Level::Pte) {
            Entry::Leaf(leaf) => leaf.address,
            _ => return None,
        };
        entry.store(Descriptor::ABSENT.raw(), Relaxed);
        flush_page(virt);
        Some(address)
    }

    /// The entry for `virt` in its table of `level`, with the tables above it made where they are missing.
    fn entry(&mut self, virt: u64, level: Level) -> Result<&'static AtomicU64, OutOfMemory> {
        let mut table = root();
        let mut at = Level::Pgd;
        while at != level {
            let entry = &table[at.index(VirtAddr::new(virt))];
            let next = match Descriptor::from_raw(entry.load(Relaxed)).decode(at) {
                Entry::Table(next) => next,
                Entry::Absent => {
                    let next = self.new_table()?;
                    // A walker must not see the table before it is clear.
                    tlb::dsb_stores();
                    entry.store(Descriptor::table(next).raw(), Relaxed);
                    next
                }
                _ => panic!("{virt:#x} is mapped already, by a larger entry"),
            };
            // SAFETY: an entry of a table says so.
            table = unsafe { table_at(next) };
            at = at.below().expect("a leaf is at the last level or above");
        }
        Ok(&table[level.index(VirtAddr::new(virt))])
    }

    /// A clear table: a frame, or one of the image's while there are no frames.
    fn new_table(&mut self) -> Result<PhysAddr, OutOfMemory> {
        if frames::ready() {
            let table = frames::take_for_kernel().ok_or(OutOfMemory)?.into_raw();
            self.frames += 1;
            // SAFETY: the frame is whole, has no other owner, and the linear map shows it.
            unsafe { pages::clear(address_of(table), PAGE_SIZE as usize) };
            return Ok(table);
        }
        let table = EARLY_TABLES.0.get(self.early).ok_or(OutOfMemory)?;
        self.early += 1;
        let offset = (table.as_ptr() as u64) - IMAGE_BASE;
        Ok(image().start + offset)
    }
}

/// What `virt` is mapped to: the entry's level and its leaf.
#[cfg_attr(not(feature = "ktest"), expect(dead_code, reason = "the tests ask"))]
pub(super) fn query(virt: u64) -> Option<(Level, Leaf)> {
    let mut table = root();
    let mut level = Level::Pgd;
    loop {
        let descriptor = Descriptor::from_raw(table[level.index(VirtAddr::new(virt))].load(Relaxed));
        match descriptor.decode(level) {
            // SAFETY: an entry of a table says so.
            Entry::Table(next) => table = unsafe { table_at(next) },
            Entry::Leaf(leaf) if descriptor.is_valid() => return Some((level, leaf)),
            _ => return None,
        }
        level = level.below()?;
    }
}

/// The entry of the page at `virt`, if there are tables down to it.
fn find(virt: u64) -> Option<&'static AtomicU64> {
    let mut table = root();
    for level in [Level::Pgd, Level::Pud, Level::Pmd] {
        let entry = table[level.index(VirtAddr::new(virt))].load(Relaxed);
        let Entry::Table(next) = Descriptor::from_raw(entry).decode(level) else {
            return None;
        };
        // SAFETY: an entry of a table says so.
        table = unsafe { table_at(next) };
    }
    Some(&table[Level::Pte.index(VirtAddr::new(virt))])
}

/// The largest entry that maps memory from `virt` to `phys` and covers no more than `bytes`.
fn largest(virt: u64, phys: PhysAddr, bytes: u64) -> Level {
    let fits = |level: &Level| (virt | phys.get()) & (level.size() - 1) == 0 && level.size() <= bytes;
    [Level::Pud, Level::Pmd]
        .into_iter()
        .find(fits)
        .unwrap_or(Level::Pte)
}

/// The top table.
fn root() -> &'static Table {
    // Bits 47:1 of the register hold the table's address; bit 0 and the ASID are not used here.
    // SAFETY: the register of the top table says so.
    unsafe { table_at(PhysAddr::new(TTBR1_EL1.get() & 0xffff_ffff_f000)) }
}

/// Where the kernel sees a table of its half: those of boot and the early ones in the image, all others in the linear map.
///
/// # Safety
/// `address` is what the register of the top table or an entry of a table says.
unsafe fn table_at(address: PhysAddr) -> &'static Table {
    let pointer = match image() {
        image
            if image.covers(PhysRange {
                start: address,
                end: address + PAGE_SIZE,
            }) =>
        {
            (IMAGE_BASE + (address - image.start)) as *const Table
        }
        _ => address_of(address).cast_const().cast(),
    };
    // SAFETY: a table of the kernel's half is a whole mapped page that is never freed and is only accessed as atomics.
    unsafe { &*pointer }
}

/// Forgets what the TLB knows of the page at `virt`.
fn flush_page(virt: u64) {
    tlb::dsb_stores();
    tlb::tlbi_kernel_page(virt);
    tlb::dsb();
    tlb::isb();
}

/// Maps `frame` at `virt`.
///
/// # Errors
///
/// [`OutOfMemory`] when there is no memory for a table; then nothing is mapped and the frame has gone back.
pub(super) fn map_frame(tables: &mut Tables, virt: u64, frame: Frame) -> Result<(), OutOfMemory> {
    let start = frame.into_raw();
    let range = PhysRange {
        start,
        end: start + PAGE_SIZE,
    };
    tables.map(virt, range, linear::DATA).inspect_err(|_| {
        // SAFETY: the frame came in as this function's own and is not mapped: no table was made for it.
        frames::give(unsafe { Frame::from_raw(start) });
    })
}

crate::ktest! {
    /// The image is mapped as its segments say: nothing is writable and executable.
    fn the_image_is_never_writable_and_executable() {
        let mut page = IMAGE_BASE;
        while page < IMAGE_BASE + image().len() {
            if let Some((_, leaf)) = query(page) {
                let attributes = leaf.attributes;
                let executable = !attributes.contains(Attributes::NO_KERNEL_EXECUTE);
                assert!(attributes.contains(Attributes::NO_USER_EXECUTE) && !attributes.contains(Attributes::USER));
                assert!(!executable || attributes.contains(Attributes::READ_ONLY), "{page:#x}");
            }
            page += PAGE_SIZE;
        }
    }

    /// The device tree can be read and not written.
    fn the_device_tree_is_read_only() {
        let (_, leaf) = query(boot::DEVICE_TREE_WINDOW).expect("the tree is mapped");
        assert!(leaf.attributes.contains(Attributes::READ_ONLY | Attributes::NO_KERNEL_EXECUTE));
    }
}
