//! What an address space tells of itself: its mappings, its size.

use super::objects::object_page;
use super::{AddressSpace, HugePages, Mapping, Usage};
use crate::machine::{BLOCK_SIZE, Machine};
use crate::vma::{Backing, Prot, Vma, VmaFlags};
use crate::{PAGE_SHIFT, PageRange, TASK_SIZE, VirtAddr};

impl<M: Machine> AddressSpace<M> {
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

    pub(super) fn list_from(&self, addr: u64) -> impl Iterator<Item = Mapping<'_>> {
        let start = VirtAddr::new(addr)
            .align_down(crate::PAGE_SIZE)
            .min(everything().end());
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
            block_eligible: self.huge_pages != HugePages::Off && is_block_eligible(vma),
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

/// Whether the kernel would bring in 2 MiB blocks: of anonymous memory that asked for them and has room for one.
fn is_block_eligible(vma: &Vma) -> bool {
    let first = vma.start().get().next_multiple_of(BLOCK_SIZE);
    vma.backing == Backing::Anonymous
        && vma.flags.contains(VmaFlags::HUGEPAGE)
        && first + BLOCK_SIZE <= vma.end().get()
}

/// The whole address space.
pub(crate) fn everything() -> PageRange {
    const ALL: PageRange = match PageRange::new(VirtAddr::new(0), VirtAddr::new(TASK_SIZE)) {
        Some(all) => all,
        None => panic!("the bounds are page-aligned"),
    };
    ALL
}
