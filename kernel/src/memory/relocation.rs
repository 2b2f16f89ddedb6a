//! Tests of mm's page tables on this machine: what the MMU makes of tables while they are edited, before and after.
//!
//! Each test lays out a program's half with a few pages, has the TLB learn them, moves them, and reads them through the MMU at
//! the new place as the program would. On the host the same code runs against a fake; here a missing flush or barrier shows,
//! as far as the emulator or the board has a TLB that remembers.

use alloc::vec::Vec;
use mm::machine::{Asid, Block, Frame, Frames, PhysMap, Tlb};
use mm::table::{Attributes, Entry, Leaf, Level, PageTables, Rights};
use mm::{PAGE_SIZE, PageRange, PhysAddr, VirtAddr};

use super::Machine;
use crate::arch::{user, user_tables};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const WRITABLE: Attributes = Attributes::user(Rights::READ.union(Rights::WRITE));
/// An address space identifier that no process of a test run has.
const ASID: Asid = Asid(0x77);

/// How many pages a [`Program`] has at most.
const MOST: usize = 2100;

/// A program's half with pages that each hold a number of their own.
struct Program {
    tables: PageTables<Machine>,
    /// Where pages are: the address and the number in the page.
    pages: Vec<(u64, u64)>,
}

impl Program {
    fn new() -> Self {
        let tables = PageTables::new(Machine, ASID).expect("memory");
        // SAFETY: the root stays until the value is dropped, which removes it; it maps frames of the test's own, and nothing else runs with
        // this ASID.
        unsafe { user_tables::install(tables.root(), ASID) };
        Self {
            tables,
            pages: Vec::new(),
        }
    }

    /// Maps a page with a number of its own at `addr`.
    fn map(&mut self, addr: u64) {
        let frame = Machine.take_frame().expect("memory").into_raw();
        self.tables.begin_call();
        self.tables
            .map(
                VirtAddr::new(addr),
                Leaf {
                    address: frame,
                    attributes: WRITABLE,
                },
            )
            .expect("memory");
        self.number(addr, frame);
    }

    /// Maps a block at `addr`, whose first and last page have numbers.
    fn map_block(&mut self, addr: u64) {
        let block = Machine.take_block().expect("memory").into_raw();
        self.tables.begin_call();
        self.tables
            .map_block(
                Level::Pmd,
                VirtAddr::new(addr),
                Leaf {
                    address: block,
                    attributes: WRITABLE,
                },
            )
            .expect("memory");
        for offset in [0, 2 * MIB - PAGE_SIZE] {
            self.number(addr + offset, block + offset);
        }
    }

    fn number(&mut self, addr: u64, page: PhysAddr) {
        let number = addr ^ page.get() << 20;
        // SAFETY: the page is this program's own, and nothing accesses it now.
        unsafe { Machine.pointer(page).cast::<u64>().write(number) };
        self.pages.push((addr, number));
    }

    /// Moves `len` bytes from `from` to `to` and looks at every page through the MMU before and after.
    fn relocate(&mut self, from: u64, len: u64, to: u64) {
        self.check();
        let source = PageRange::from_len(VirtAddr::new(from), len).expect("whole pages");
        let target = VirtAddr::new(to);
        self.tables.begin_call();
        self.tables.reserve_relocation(source, target).expect("memory");
        self.tables.relocate(source, target);
        self.moved(source, to);
    }

    /// The same onto whatever pages are at the target.
    fn relocate_onto(&mut self, from: u64, len: u64, to: u64) {
        self.check();
        let [source, target] =
            [from, to].map(|start| PageRange::from_len(VirtAddr::new(start), len).expect("whole pages"));
        self.tables.begin_call();
        self.tables
            .reserve_relocation(source, target.start())
            .expect("memory");
        self.tables.relocate_onto(source, target, give_back);
        self.pages
            .retain(|(addr, _)| !target.contains(VirtAddr::new(*addr)));
        self.moved(source, to);
    }

    /// What was in `source` has come to `to`.
    fn moved(&mut self, source: PageRange, to: u64) {
        let from = source.start().get();
        for (addr, _) in &mut self.pages {
            if source.contains(VirtAddr::new(*addr)) {
                assert_eq!(read(*addr), None, "{addr:#x} is still there");
                *addr = addr.wrapping_sub(from).wrapping_add(to);
            }
        }
        self.check();
    }

    /// Every page is where it should be, and can be written.
    fn check(&self) {
        for &(addr, number) in &self.pages {
            assert_eq!(read(addr), Some(number), "{addr:#x}");
            assert!(user::copy_out(addr + 8, &addr.to_le_bytes()).is_ok(), "{addr:#x}");
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let all = PageRange::new(VirtAddr::new(0), VirtAddr::new(mm::TASK_SIZE)).expect("all of it");
        self.tables.begin_call();
        self.tables.unmap(all, give_back);
        user_tables::remove();
        Machine.tlbi_asid(mm::machine::PageOperand::whole(ASID));
        Machine.dsb();
    }
}

/// Gives back memory that a [`Program`] had mapped.
fn give_back(_: VirtAddr, level: Level, leaf: Leaf) {
    // SAFETY: the test took this memory and mapped it once; that mapping is gone and flushed.
    unsafe {
        match level {
            Level::Pte => Machine.give_frame(Frame::from_raw(leaf.address)),
            _ => Machine.give_block(Block::from_raw(leaf.address)),
        }
    }
}

/// How many frames are free once the heap has what a [`Program`] needs of it.
fn free_frames() -> usize {
    drop(Vec::<(u64, u64)>::with_capacity(8 * MOST));
    super::free_frames()
}

/// The first word of the page at `addr`, read as the program would; `None` where it could not.
fn read(addr: u64) -> Option<u64> {
    let mut bytes = [0; 8];
    user::copy_in(&mut bytes, addr).ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// Moves pages that lie at `offsets` from `from`, in a range of `len` bytes, to `to` and back, and gives all memory back.
fn there_and_back(offsets: &[u64], from: u64, len: u64, to: u64) {
    let before = free_frames();
    let mut program = Program::new();
    // Neighbours of both ranges, which must stay where they are.
    for edge in [from - PAGE_SIZE, from + len, to - PAGE_SIZE, to + len] {
        program.map(edge);
    }
    for offset in offsets {
        program.map(from + offset);
    }
    program.relocate(from, len, to);
    program.relocate(to, len, from);
    drop(program);
    assert_eq!(free_frames(), before);
}

const SPARSE: [u64; 8] = [
    0,
    PAGE_SIZE,
    2 * MIB - PAGE_SIZE,
    2 * MIB,
    5 * MIB + 3 * PAGE_SIZE,
    GIB - PAGE_SIZE,
    GIB,
    GIB + 7 * MIB,
];

crate::ktest! {
    /// Source and target agree modulo 1 GiB, 2 MiB, and not at all.
    fn ranges_move_at_every_alignment() {
        for to in [64 * GIB, 64 * GIB + 2 * MIB, 64 * GIB + PAGE_SIZE, 64 * GIB + GIB - PAGE_SIZE] {
            there_and_back(&SPARSE, 8 * GIB, 2 * GIB, to);
        }
    }

    /// Whole 512 GiB move by one entry.
    fn ranges_move_by_entries_of_the_top_table() {
        there_and_back(&SPARSE, 1 << 39, 1 << 39, 3 << 39);
    }

    /// Ranges that begin and end within a table.
    fn ragged_ends_move_page_by_page() {
        let from = 8 * GIB + 5 * PAGE_SIZE;
        for to in [64 * GIB + 5 * PAGE_SIZE, 64 * GIB + 2 * MIB + 5 * PAGE_SIZE, 64 * GIB + 9 * PAGE_SIZE] {
            there_and_back(&SPARSE[..5], from, 6 * MIB + 7 * PAGE_SIZE, to);
            there_and_back(&[0], from, PAGE_SIZE, to);
        }
    }

    /// Every page of some MiB moves by a page, so that every leaf table is shifted.
    fn a_dense_range_is_shifted() {
        let dense: Vec<u64> = (0..6 * MIB / PAGE_SIZE).map(|page| page * PAGE_SIZE).collect();
        there_and_back(&dense, 8 * GIB, 6 * MIB, 64 * GIB + PAGE_SIZE);
        there_and_back(&dense, 8 * GIB + 17 * PAGE_SIZE, 6 * MIB, 64 * GIB + 511 * PAGE_SIZE);
    }

    /// A block moves as a block where it can, and as pages where it must.
    fn blocks_move_whole_or_in_pieces() {
        let before = free_frames();
        for (to, level) in [(64 * GIB, Level::Pmd), (64 * GIB + PAGE_SIZE, Level::Pte)] {
            let mut program = Program::new();
            program.map_block(8 * GIB);
            program.map_block(8 * GIB + 2 * MIB);
            program.relocate(8 * GIB, 4 * MIB, to);
            let (found, entry) = program.tables.query(VirtAddr::new(to));
            assert!(found == level && matches!(entry, Entry::Leaf(_)), "{found:?} {entry:?}");
        }
        assert_eq!(free_frames(), before);
    }

    /// What is at the target goes, and what comes is found in its place, by a TLB too that remembers both.
    fn ranges_move_onto_others() {
        let before = free_frames();
        let moves = [
            (8 * GIB, 5 * PAGE_SIZE, 64 * GIB),
            (8 * GIB, 5 * PAGE_SIZE, 8 * GIB + 9 * PAGE_SIZE),
            (8 * GIB, 4 * MIB, 64 * GIB),
            (8 * GIB, 4 * MIB, 64 * GIB + 3 * PAGE_SIZE),
            (8 * GIB + 3 * PAGE_SIZE, 3 * MIB, 8 * GIB + 3 * MIB + 3 * PAGE_SIZE),
        ];
        for ((from, len, to), neighbours) in moves.into_iter().flat_map(|step| [(step, false), (step, true)]) {
            let mut program = Program::new();
            for place in [from, to] {
                (0..len / PAGE_SIZE).for_each(|page| program.map(place + page * PAGE_SIZE));
            }
            if neighbours && to > from + len {
                [from - PAGE_SIZE, from + len, to + len].into_iter().for_each(|edge| program.map(edge));
            }
            program.relocate_onto(from, len, to);
        }
        assert_eq!(free_frames(), before);
    }

    /// Many moves in a row, at places that a small generator picks.
    fn random_moves_keep_every_page() {
        let mut state = 0x1234_5678_9abc_def1u64;
        let mut random = |below: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        };
        let mut program = Program::new();
        let mut place = 8 * GIB;
        let len = 40 * MIB;
        for _ in 0..200 {
            let offset = random(len / PAGE_SIZE) * PAGE_SIZE;
            if program.pages.iter().all(|(addr, _)| *addr != place + offset) {
                program.map(place + offset);
            }
        }
        for round in 0..60 {
            // Below and above the place in turn, at any alignment.
            let to = (if round % 2 == 0 { 40 * GIB } else { 8 * GIB }) + random(512 * 600) * PAGE_SIZE;
            program.relocate(place, len, to);
            place = to;
        }
    }
}
