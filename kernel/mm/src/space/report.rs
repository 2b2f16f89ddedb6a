//! What an address space tells of itself, for `/proc`: its mappings, its size, what of it is in memory.

use super::objects::object_page;
use super::{AddressSpace, Footprint};
use crate::machine::{BLOCK_SIZE, Machine};
use crate::object::Object;
use crate::vma::{Backing, Prot, Vma, VmaFlags};
use crate::{PAGE_SHIFT, PAGE_SIZE, PageRange, TASK_SIZE, VirtAddr};

/// One mapping, as a line of `/proc/PID/maps` shows it.
#[derive(Clone, Copy, Debug)]
pub struct Mapping<'a> {
    /// The pages.
    pub range: PageRange,
    /// `r`
    pub read: bool,
    /// `w`
    pub write: bool,
    /// `x`
    pub execute: bool,
    /// `s` instead of `p`.
    pub shared: bool,
    /// Where in the file the mapping begins, in bytes; zero for anonymous memory.
    pub offset: u64,
    /// The file's device, major and minor number; zero for anonymous memory.
    pub device: (u32, u32),
    /// The file's inode number; zero for anonymous memory.
    pub inode: u64,
    /// The file's path, `[heap]`, `[stack]`, `[vdso]`, or empty.
    pub name: &'a str,
    /// Whether it is of a file, or of shared memory, which Linux keeps in a file.
    pub has_file: bool,
    /// What else is known of it (`VmFlags` of `/proc/PID/smaps`).
    pub flags: VmaFlags,
    /// Whether the kernel would bring in 2 MiB blocks (`THPeligible`).
    pub block_eligible: bool,
}

/// How much of everything an address space holds; all in pages, but for the number of mappings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Mappings.
    pub mappings: u64,
    /// Pages of all mappings (`VmSize`).
    pub total: u64,
    /// Pages of private writable mappings (`VmData`).
    pub data: u64,
    /// Pages of locked mappings (`VmLck`).
    pub locked: u64,
    /// Pages that count towards the commit limit.
    pub accounted: u64,
}

impl<M: Machine> AddressSpace<M> {
    /// Adds to `footprint` what is in memory of the mappings from `from` to `end`, and answers how far that came: some thousand
    /// pages at most are looked at in one call, and at `end` all have been. Both are rounded down to pages.
    pub fn measure(&self, from: u64, end: u64, footprint: &mut Footprint) -> u64 {
        let bound = |addr: u64| VirtAddr::new(addr.min(TASK_SIZE)).align_down(PAGE_SIZE);
        let range = PageRange::new(bound(from), bound(end));
        let reached = range.map_or(bound(end), |range| self.add_footprint(range, footprint));
        if reached < bound(end) { reached.get() } else { end }
    }

    /// Writes the words of `/proc/PID/pagemap` for the pages from the one at `addr` on, see [`PageState`](super::PageState); answers how many there are
    /// before the end of the address space. An address tag is ignored. The caller asks for no more than it wants to hold the lock for.
    pub fn pagemap(&self, addr: u64, words: &mut [u64]) -> usize {
        self.page_words(addr, words)
    }

    /// Where the last mapping ends; zero where there is none.
    pub fn end_of_mappings(&self) -> u64 {
        let (last, _) = self.tree.around(everything().end());
        last.map_or(0, |last| last.end().get())
    }

    /// How many page tables there are, in pages (`VmPTE`).
    pub fn table_pages(&self) -> u64 {
        let counters = self.tables.counters();
        // The top one is taken with the address space, before anything is counted.
        1 + counters.tables_taken.saturating_sub(counters.tables_given)
    }

    /// How many empty tables are at hand for calls to come, which no entry points to.
    pub fn spare_tables(&self) -> u64 {
        self.tables.spare_tables() as u64
    }

    /// How many frames hold the zeros that are mapped where nothing was stored yet: a page, and a block once one was read.
    pub fn zero_frames(&self) -> u64 {
        1 + self.zero_block.map_or(0, |_| BLOCK_SIZE >> PAGE_SHIFT)
    }

    /// Bytes of the kernel's heap that the mappings take: nodes of their tree, in use or not, as many as its largest size took; the
    /// objects that are mapped and the list of them.
    pub fn heap_bytes(&self) -> u64 {
        self.tree.node_bytes() + self.objects.heap_bytes()
    }

    /// What is mapped of objects, each once.
    pub fn objects(&self) -> impl Iterator<Item = &Object<M>> {
        self.objects.iter()
    }

    /// The mappings, lowest first.
    pub fn mappings(&self) -> impl Iterator<Item = Mapping<'_>> {
        self.mappings_from(0)
    }

    pub(super) fn count_usage(&self) -> Usage {
        let totals = self.tree.totals();
        Usage {
            mappings: totals.mappings,
            total: totals.bytes >> PAGE_SHIFT,
            data: totals.data >> PAGE_SHIFT,
            locked: totals.locked >> PAGE_SHIFT,
            accounted: self.objects.charged() + (totals.accounted >> PAGE_SHIFT),
        }
    }

    /// The mappings that end after `addr`, lowest first, so that a long list can be read piece by piece.
    pub fn mappings_from(&self, addr: u64) -> impl Iterator<Item = Mapping<'_>> {
        let start = VirtAddr::new(addr).align_down(PAGE_SIZE).min(everything().end());
        let range = PageRange::new(start, everything().end()).unwrap_or(everything());
        self.tree.iter(range).map(|vma| self.describe(&vma))
    }

    fn describe(&self, vma: &Vma) -> Mapping<'_> {
        let object = vma.backing.object().and_then(|id| self.objects.get(id));
        let special = matches!(vma.backing, Backing::Special { .. });
        let file = object.filter(|_| !special);
        Mapping {
            range: vma.range,
            read: vma.prot.contains(Prot::READ),
            write: vma.prot.contains(Prot::WRITE),
            execute: vma.prot.contains(Prot::EXEC),
            shared: vma.flags.contains(VmaFlags::MAYSHARE),
            offset: file.map_or(0, |_| object_page(vma, vma.start()) << PAGE_SHIFT),
            // All files are in memory, on Linux's first unnamed device.
            device: file.map_or((0, 0), |_| (0, 1)),
            inode: file.map_or(0, |file| file.inode()),
            name: object.map_or_else(|| self.name_of(vma), |object| object.name()),
            has_file: file.is_some(),
            flags: vma.flags,
            block_eligible: self.block_policy().allows(vma) && has_room_for_block(vma),
        }
    }

    fn name_of(&self, vma: &Vma) -> &'static str {
        let (start, end) = (vma.start().get(), vma.end().get());
        if start < self.heap_end() && end > self.layout.brk_start {
            "[heap]"
        } else if self.layout.stack != 0 && start <= self.layout.stack && end >= self.layout.stack {
            "[stack]"
        } else {
            ""
        }
    }
}

/// Whether a whole aligned block lies in the mapping.
fn has_room_for_block(vma: &Vma) -> bool {
    let first = vma.start().get().next_multiple_of(BLOCK_SIZE);
    first + BLOCK_SIZE <= vma.end().get()
}

/// The whole address space.
pub(crate) fn everything() -> PageRange {
    const ALL: PageRange = match PageRange::new(VirtAddr::new(0), VirtAddr::new(TASK_SIZE)) {
        Some(all) => all,
        None => panic!("the bounds are page-aligned"),
    };
    ALL
}
