//! What of the mappings is in memory, and how: the figures of `/proc/PID/smaps`, `smaps_rollup` and `status`.

use super::{AddressSpace, object_page};
use crate::machine::Machine;
use crate::table::{Attributes, Leaf, Level};
use crate::vma::{Backing, Vma, VmaFlags};
use crate::{PAGE_SHIFT, PAGE_SIZE, PageRange, VirtAddr, page};

/// How many pages are looked at under one hold of the address space's lock ...
const MOST_PAGES: u64 = 2048;
/// ... and for how many of them a mapping counts, whether it has any or not.
const PAGES_PER_MAPPING: u64 = 8;

/// What is in memory of some mappings. Everything is in bytes; see `proc_pid_smaps(5)`.
///
/// A page is *private* if one entry of all tables maps it, else *shared*, and *dirty* if it was stored to through this mapping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// `Shared_Clean`
    pub shared_clean: u64,
    /// `Shared_Dirty`
    pub shared_dirty: u64,
    /// `Private_Clean`
    pub private_clean: u64,
    /// `Private_Dirty`
    pub private_dirty: u64,
    /// `Referenced`: what has been accessed.
    pub referenced: u64,
    /// `Anonymous` (`RssAnon`): what belongs to no object.
    pub anonymous: u64,
    /// `RssFile`: what an unchanging file gave.
    pub file: u64,
    /// `RssShmem`: what shared memory gave.
    pub shared_memory: u64,
    /// `LazyFree`: anonymous pages that may go (`MADV_FREE`) and were not stored to since.
    pub lazy_free: u64,
    /// `AnonHugePages`: anonymous memory that is mapped by 2 MiB blocks.
    pub anonymous_blocks: u64,
    /// What executable, not writable mappings span, in memory or not (`VmExe` and `VmLib`).
    pub mapped_code: u64,
    /// What stacks span (`VmStk`).
    pub mapped_stack: u64,
    /// `Pss`, `Pss_Dirty` and their like: every page divided by the number of entries that map it.
    pub proportional: Proportional,
}

/// Shares of pages, in bytes times 4096 so that many small errors do not add up to a big one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proportional {
    /// `Pss`
    pub all: u64,
    /// `Pss_Dirty`
    pub dirty: u64,
    /// `Pss_Anon`
    pub anonymous: u64,
    /// `Pss_File`
    pub file: u64,
    /// `Pss_Shmem`
    pub shared_memory: u64,
    /// `Locked`: of locked mappings.
    pub locked: u64,
}

impl Proportional {
    /// What one byte counts.
    pub const UNIT: u64 = 4096;
}

impl Footprint {
    /// `Rss`
    pub const fn resident(&self) -> u64 {
        self.shared_clean + self.shared_dirty + self.private_clean + self.private_dirty
    }

    /// Counts what a part of `vma` spans.
    fn add_span(&mut self, vma: &Vma, bytes: u64) {
        if vma.is_exec() {
            self.mapped_code += bytes;
        }
        if vma.is_stack() {
            self.mapped_stack += bytes;
        }
    }

    /// Counts one page of `vma`.
    fn add(&mut self, vma: &Vma, page: &MappedPage, attributes: Attributes) {
        let share = PAGE_SIZE * Proportional::UNIT / page.mappings.max(1);
        let dirty = attributes.is_dirty();
        let by_state = match (page.mappings > 1, dirty) {
            (false, false) => &mut self.private_clean,
            (false, true) => &mut self.private_dirty,
            (true, false) => &mut self.shared_clean,
            (true, true) => &mut self.shared_dirty,
        };
        *by_state += PAGE_SIZE;
        let (by_source, share_by_source) = match page.source {
            Source::Anonymous => (&mut self.anonymous, &mut self.proportional.anonymous),
            Source::File => (&mut self.file, &mut self.proportional.file),
            Source::SharedMemory => (&mut self.shared_memory, &mut self.proportional.shared_memory),
        };
        *by_source += PAGE_SIZE;
        *share_by_source += share;
        self.proportional.all += share;
        if dirty {
            self.proportional.dirty += share;
        }
        if attributes.is_lazy() {
            self.lazy_free += PAGE_SIZE;
        }
        if attributes.contains(Attributes::ACCESSED) {
            self.referenced += PAGE_SIZE;
        }
        if vma.flags.contains(VmaFlags::LOCKED) {
            self.proportional.locked += share;
        }
    }
}

/// Where a page in the tables came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It is the mapping's own: zeros, or a copy that was stored to.
    Anonymous,
    /// A file that never changes, or a copy of its page that was not stored to.
    File,
    /// The page of a shared memory object.
    SharedMemory,
}

/// What is known of a page that the tables map.
pub(super) struct MappedPage {
    pub(super) source: Source,
    /// How many entries map it, of whatever address space.
    pub(super) mappings: u64,
}

impl<M: Machine> AddressSpace<M> {
    pub(super) fn add_footprint(&self, range: PageRange, footprint: &mut Footprint) -> VirtAddr {
        let mut left = MOST_PAGES;
        for vma in self.tree.iter(range) {
            let Some(part) = vma.range.intersection(range) else {
                continue;
            };
            if left == 0 {
                return part.start();
            }
            for (start, level, leaf) in self.tables.leaves(part) {
                // A block that begins before the part is counted from where the part begins.
                let at = start.max(part.start());
                if left == 0 {
                    footprint.add_span(&vma, at - part.start());
                    return at;
                }
                let pages = ((start + level.size()).min(part.end()) - at) >> PAGE_SHIFT;
                self.add_leaf(&vma, at, pages, (start, level, leaf), footprint);
                left = left.saturating_sub(pages);
            }
            footprint.add_span(&vma, part.len());
            left = left.saturating_sub(PAGES_PER_MAPPING);
        }
        range.end()
    }

    /// Counts `pages` pages from `at` on, of an entry that maps them and may map more.
    fn add_leaf(
        &self,
        vma: &Vma,
        at: VirtAddr,
        pages: u64,
        (start, level, leaf): (VirtAddr, Level, Leaf),
        footprint: &mut Footprint,
    ) {
        for index in 0..pages {
            let addr = at + index * PAGE_SIZE;
            let page = Leaf {
                address: leaf.address + (addr - start),
                ..leaf
            };
            if let Some(mapped) = self.mapped_page(vma, addr, page) {
                footprint.add(vma, &mapped, leaf.attributes);
                if level != Level::Pte && mapped.source == Source::Anonymous {
                    footprint.anonymous_blocks += PAGE_SIZE;
                }
            }
        }
    }

    /// What is known of the page that `leaf` maps at `addr`, in `vma`; `None` of the zero page, which counts as nothing.
    pub(super) fn mapped_page(&self, vma: &Vma, addr: VirtAddr, leaf: Leaf) -> Option<MappedPage> {
        if leaf.attributes.contains(Attributes::ZERO_PAGE) {
            return None;
        }
        let references = page::references(&self.machine, leaf.address);
        let object = vma.backing.object().and_then(|id| self.objects.get(id));
        let Some(object) = object else {
            return Some(MappedPage {
                source: Source::Anonymous,
                mappings: references,
            });
        };
        // The object's own page has the object's reference besides.
        if object.resident_page(object_page(vma, addr)) == Some(leaf.address) {
            return Some(MappedPage {
                source: Source::SharedMemory,
                mappings: references.saturating_sub(1),
            });
        }
        // A file's page is a copy from the start, which becomes the mapping's own when it is stored to.
        let changed = leaf.attributes.is_dirty() || !leaf.attributes.contains(Attributes::COPY_ON_WRITE);
        let own = matches!(vma.backing, Backing::Private { .. }) && changed;
        Some(MappedPage {
            source: if own { Source::Anonymous } else { Source::File },
            mappings: references,
        })
    }
}
