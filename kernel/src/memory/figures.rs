//! What edits of page tables cost on this machine, in ticks of the counter: under QEMU's `-icount shift=0` with `-cpu max` one
//! tick is one instruction. The counts of [`mm::table::Counters`] stand beside, which hold for any machine.

use super::machine::Machine;
use crate::arch::timer;
use crate::board::console;
use alloc::format;
use linux_raw_sys::general::{MADV_HUGEPAGE, MADV_NOHUGEPAGE};
use mm::machine::{Asid, Block, Frame, Frames, Pages};
use mm::table::{Attributes, Leaf, Level, PageTables, Rights};
use mm::{
    Access, AddressSpace, Backing, Layout, Limits, MapRequest, PAGE_SIZE, PageRange, PhysAddr, VirtAddr,
};

/// An ASID that no process has while tests run.
const ASID: Asid = Asid(0xfe);
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const RW: Attributes = Attributes::user(Rights::READ.union(Rights::WRITE));

/// Tables whose every page is the same frame: what a move costs does not depend on what is mapped.
struct Bench {
    tables: PageTables<Machine>,
    page: PhysAddr,
}

impl Bench {
    fn new() -> Self {
        let mut frame = Machine.take_frame().expect("memory");
        Machine.clear(&mut frame);
        let tables = PageTables::new(Machine, ASID).expect("memory");
        Self {
            tables,
            page: frame.into_raw(),
        }
    }

    fn fill(&mut self, start: u64, len: u64) {
        for page in (start..start + len).step_by(PAGE_SIZE as usize) {
            let leaf = Leaf {
                address: self.page,
                attributes: RW,
            };
            self.tables.map(VirtAddr::new(page), leaf).expect("memory");
        }
    }

    /// Moves and says what it cost.
    fn relocate(&mut self, what: &str, from: u64, to: u64, len: u64) {
        let range = PageRange::from_len(VirtAddr::new(from), len).expect("a range");
        self.tables.begin_call();
        let start = timer::now();
        self.tables
            .reserve_relocation(range, VirtAddr::new(to))
            .expect("memory");
        let reserved = timer::now();
        self.tables.relocate(range, VirtAddr::new(to));
        let end = timer::now();
        self.report(
            what,
            &format!("reserve {} relocate {}", reserved - start, end - reserved),
        );
    }

    fn report(&self, what: &str, cost: &str) {
        console::print(format_args!("bench: {what}: {cost}\n"));
        for (name, value) in self.tables.last_call().entries().filter(|entry| entry.1 > 0) {
            console::print(format_args!("  {name} {value}"));
        }
        console::print(format_args!("\n"));
    }

    fn finish(mut self) {
        let all = PageRange::new(VirtAddr::new(0), VirtAddr::new(mm::TASK_SIZE)).expect("a range");
        self.tables.unmap(all, |_, _, _| {});
        drop(self.tables);
        // SAFETY: taken in `new`, and no table maps it any more.
        Machine.give_frame(unsafe { Frame::from_raw(self.page) });
    }
}

crate::ktest! {
    /// What relocations of a full gibibyte and of two pages cost.
    fn figures() {
        let mut bench = Bench::new();
        let home = 16 * GIB;
        bench.fill(home, GIB);
        bench.relocate("1 GiB, equal mod 1 GiB", home, 32 * GIB, GIB);
        bench.relocate("1 GiB, back", 32 * GIB, home, GIB);
        bench.relocate("1 GiB, equal mod 2 MiB", home, 32 * GIB + 2 * MIB, GIB);
        bench.relocate("1 GiB, equal mod 2 MiB, back", 32 * GIB + 2 * MIB, home, GIB);
        bench.relocate("1 GiB, differs by 4 KiB", home, 32 * GIB + PAGE_SIZE, GIB);
        bench.relocate("1 GiB, differs by 4 KiB, back", 32 * GIB + PAGE_SIZE, home, GIB);
        bench.relocate("1 GiB, differs by 1 MiB", home, 32 * GIB + MIB, GIB);
        bench.relocate("1 GiB, differs by 1 MiB, back", 32 * GIB + MIB, home, GIB);
        bench.relocate("256 MiB, equal mod 2 MiB, with neighbours", home + 2 * MIB, 32 * GIB, 256 * MIB);
        bench.relocate("256 MiB, back", 32 * GIB, home + 2 * MIB, 256 * MIB);
        bench.relocate("2 pages with neighbours, to a new table", home + MIB, 32 * GIB, 2 * PAGE_SIZE);
        bench.relocate("2 pages from a table of their own, back", 32 * GIB, home + MIB, 2 * PAGE_SIZE);
        bench.relocate("2 pages with neighbours", home + MIB, 32 * GIB, 2 * PAGE_SIZE);
        bench.relocate("2 pages with neighbours, beside others", home + 2 * MIB, 32 * GIB + 4 * PAGE_SIZE, 2 * PAGE_SIZE);
        bench.relocate("2 pages with neighbours, back", 32 * GIB + 4 * PAGE_SIZE, home + 2 * MIB, 2 * PAGE_SIZE);
        bench.relocate("2 pages of their own table to another", 32 * GIB, 33 * GIB, 2 * PAGE_SIZE);
        bench.relocate("the same, differing", 33 * GIB, 32 * GIB + PAGE_SIZE, 2 * PAGE_SIZE);
        bench.relocate("nothing", 40 * GIB, 50 * GIB, 2 * PAGE_SIZE);
        bench.tables.begin_call();
        let start = timer::now();
        bench.tables.map(VirtAddr::new(home - PAGE_SIZE), Leaf { address: bench.page, attributes: RW }).expect("memory");
        let cost = timer::now() - start;
        bench.report("map a page, new table", &format!("{cost}"));
        let start = timer::now();
        bench.tables.map(VirtAddr::new(home - 2 * PAGE_SIZE), Leaf { address: bench.page, attributes: RW }).expect("memory");
        let cost = timer::now() - start;
        bench.report("map a page", &format!("{cost}"));
        let start = timer::now();
        let slot = bench.tables.slot(VirtAddr::new(home - PAGE_SIZE));
        slot.set_attributes(|attributes| attributes.clean());
        let cost = timer::now() - start;
        bench.report("clean a page", &format!("{cost}"));
        for len in [2, 16, 512] {
            let range = PageRange::from_len(VirtAddr::new(home + 64 * MIB), len * PAGE_SIZE).expect("a range");
            bench.tables.begin_call();
            let start = timer::now();
            bench.tables.protect(range, |attributes| attributes.with_rights(Rights::READ));
            let middle = timer::now();
            bench.tables.unmap(range, |_, _, _| {});
            let end = timer::now();
            bench.report("pages", &format!("{len}: protect {} unmap {}", middle - start, end - middle));
            bench.fill(home + 64 * MIB, len * PAGE_SIZE);
        }
        bench.finish();
    }

    /// What a relocation of a gibibyte of blocks costs that cannot be blocks at the target.
    fn blocks() {
        let block = Machine.take_block().expect("memory").into_raw();
        let mut bench = Bench::new();
        for at in (GIB..2 * GIB).step_by(2 * MIB as usize) {
            let leaf = Leaf { address: block, attributes: RW };
            bench.tables.map_block(Level::Pmd, VirtAddr::new(at), leaf).expect("memory");
        }
        bench.relocate("1 GiB of blocks, equal mod 2 MiB", GIB, 4 * GIB + 2 * MIB, GIB);
        bench.relocate("1 GiB of blocks, differs by 4 KiB", 4 * GIB + 2 * MIB, 8 * GIB + PAGE_SIZE, GIB);
        bench.finish();
        // SAFETY: taken above, and no table maps it any more.
        Machine.give_block(unsafe { Block::from_raw(block) });
    }

    /// What the fork of an address space with 512 MiB in memory costs, and a fault that brings in a block.
    fn forks() {
        let len = 512 * MIB;
        let mut space = AddressSpace::new(Machine, ASID, Limits::default(), Layout::default()).expect("memory");
        let mut map = |addr, len| {
            // MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
            let request = MapRequest { addr, len, prot: 3, flags: 0x32, backing: Backing::Anonymous };
            assert!(space.mmap(request).is_ok());
            space.madvise(addr, len, (if len == 2 * MIB { MADV_HUGEPAGE } else { MADV_NOHUGEPAGE }).into()).expect("anonymous");
        };
        map(GIB, len);
        map(4 * GIB, 2 * MIB);
        for page in (GIB..GIB + len).step_by(PAGE_SIZE as usize) {
            space.fault(page, Access::Write).expect("memory");
        }
        let begun = timer::now();
        let child = space.fork(Asid(ASID.0 - 1)).expect("memory");
        let cost = timer::now() - begun;
        console::print(format_args!("bench: fork with 512 MiB in memory: {cost}, {} a page\n", cost / (len / PAGE_SIZE)));
        drop(child);
        let begun = timer::now();
        space.fault(4 * GIB + PAGE_SIZE, Access::Write).expect("memory");
        console::print(format_args!("bench: a fault that brings in a block: {}\n", timer::now() - begun));
        let begun = timer::now();
        space.munmap(4 * GIB, 2 * MIB).expect("a block");
        console::print(format_args!("bench: munmap of a block: {}\n", timer::now() - begun));
    }
}
