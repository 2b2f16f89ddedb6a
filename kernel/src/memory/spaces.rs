//! Tests of mm's address spaces on this machine: what the MMU makes of blocks, of forks, and of identifiers that are used again.

use alloc::vec::Vec;
use hardware::{Activation, Asids, Context};
use mm::machine::{Asid, PageOperand, Tlb};
use mm::{Access, AddressSpace, Backing, Footprint, HugePageMode, Layout, Limits, MapRequest, PAGE_SIZE};

use super::Machine;
use crate::arch::{tlb, user, user_tables};
use crate::process::settings;

const P: u64 = PAGE_SIZE;
const BLOCK: u64 = 512 * P;
/// Where the tests work, a multiple of a block.
const A: u64 = 0x4000_0000;
const B: u64 = 0x8000_0000;

const RW: u64 = 3;
/// `MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS`
const PRIVATE: u64 = 0x32;
/// `MREMAP_MAYMOVE | MREMAP_FIXED`
const TO: u64 = 3;
const DONTNEED: u64 = 4;
const HUGEPAGE: u64 = 14;

/// A program's memory, used through the MMU under an identifier of its own.
struct Program {
    space: AddressSpace<Machine>,
}

impl Program {
    fn new(asid: u16) -> Self {
        let mut limits = Limits::default();
        settings::current().apply(&mut limits);
        let space = AddressSpace::new(Machine, Asid(asid), limits, Layout::default());
        Self {
            space: space.expect("memory"),
        }
    }

    fn map(&mut self, addr: u64, len: u64) {
        let request = MapRequest {
            addr,
            len,
            prot: RW,
            flags: PRIVATE,
            backing: Backing::Anonymous,
        };
        assert_eq!(self.space.mmap(request).map(|at| at.get()), Ok(addr));
    }

    /// Memory that may be huge.
    fn map_huge(&mut self, addr: u64, len: u64) {
        self.map(addr, len);
        assert_eq!(self.space.madvise(addr, len, HUGEPAGE), Ok(()));
    }

    fn fork(&mut self, asid: u16) -> Self {
        Self {
            space: self.space.fork(Asid(asid)).expect("memory"),
        }
    }

    /// Has the MMU see this program's memory.
    fn activate(&self) {
        // SAFETY: the root stays until the value is dropped, which removes it; each test gives an identifier to one space at a time,
        // and leaves nothing in the TLB.
        unsafe { user_tables::install(self.space.root(), self.space.asid()) };
    }

    fn read(&mut self, addr: u64) -> u64 {
        self.activate();
        let mut bytes = [0; 8];
        if user::copy_in(&mut bytes, addr).is_err() {
            assert_eq!(self.space.fault(addr, Access::Read), Ok(()), "{addr:#x}");
            assert!(user::copy_in(&mut bytes, addr).is_ok(), "{addr:#x}");
        }
        u64::from_le_bytes(bytes)
    }

    fn write(&mut self, addr: u64, value: u64) {
        self.activate();
        if user::copy_out(addr, &value.to_le_bytes()).is_err() {
            assert_eq!(self.space.fault(addr, Access::Write), Ok(()), "{addr:#x}");
            assert!(user::copy_out(addr, &value.to_le_bytes()).is_ok(), "{addr:#x}");
        }
    }

    /// Writes a number of its own to each page.
    fn fill(&mut self, addr: u64, len: u64, first: u64) {
        (0..len / P).for_each(|page| self.write(addr + page * P, first + page));
    }

    fn check(&mut self, addr: u64, len: u64, first: u64) {
        for page in 0..len / P {
            assert_eq!(
                self.read(addr + page * P),
                first + page,
                "page {page} at {addr:#x}"
            );
        }
    }

    /// Checks how many bytes blocks map; where the command line allows none there are none.
    #[track_caller]
    fn check_huge(&self, expected: u64) {
        let expected = match settings::current().huge_pages {
            HugePageMode::Never => 0,
            _ => expected,
        };
        assert_eq!(self.huge(), expected);
    }

    /// How many bytes blocks map.
    fn huge(&self) -> u64 {
        let mut footprint = Footprint::default();
        let mut at = 0;
        while at < mm::TASK_SIZE {
            at = self.space.measure(at, mm::TASK_SIZE, &mut footprint);
        }
        footprint.anonymous_blocks
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        user_tables::remove();
        Machine.tlbi_asid(PageOperand::whole(self.space.asid()));
        Machine.dsb();
    }
}

/// Runs `test`, which must give all memory back.
fn whole(test: impl FnOnce()) {
    // What the heap takes for the tree of mappings it keeps.
    drop(Program::new(0x70));
    drop(Vec::<u8>::with_capacity(128 * 1024));
    let before = super::free_frames();
    test();
    assert!(
        super::free_frames() + 16 >= before,
        "{before} {}",
        super::free_frames()
    );
}

crate::ktest! {
    /// Memory that may be huge is, and what cuts a block leaves the rest of it.
    fn blocks_come_at_a_fault_and_are_cut() {
        whole(|| {
            let mut program = Program::new(0x71);
            program.map_huge(A, 3 * BLOCK);
            program.fill(A, 3 * BLOCK, 1);
            program.check_huge(3 * BLOCK);
            assert_eq!(program.space.mprotect(A + 5 * P, P, 1), Ok(()));
            assert!(user::copy_out(A + 5 * P, &[1]).is_err() && user::copy_out(A + 6 * P + 8, &[1]).is_ok());
            assert_eq!(program.space.munmap(A + BLOCK + P, P), Ok(()));
            program.check_huge(BLOCK);
            program.check(A, BLOCK + P, 1);
            program.check(A + BLOCK + 2 * P, 2 * BLOCK - 2 * P, 515);
            assert_eq!(program.space.madvise(A + 2 * BLOCK, BLOCK, DONTNEED), Ok(()));
            assert_eq!(program.read(A + 2 * BLOCK + 7 * P), 0);
            program.write(A + 2 * BLOCK + 7 * P, 9);
            program.check_huge(BLOCK);
            assert_eq!(program.read(A + 2 * BLOCK), 0);
        });
    }

    /// Blocks move as blocks, and as pages where the target does not agree.
    fn blocks_of_a_mapping_move() {
        whole(|| {
            let mut program = Program::new(0x71);
            program.map_huge(A, 2 * BLOCK);
            program.fill(A, 2 * BLOCK, 1);
            for to in [B, A, B + P, A + P] {
                let from = if to >= B { A } else { B } + if to == A + P { P } else { 0 };
                assert_eq!(program.space.mremap(from, 2 * BLOCK, 2 * BLOCK, TO, to).map(|at| at.get()), Ok(to));
                program.check(to, 2 * BLOCK, 1);
                program.check_huge(if to % BLOCK == 0 { 2 * BLOCK } else { 0 });
                assert!(user::copy_in(&mut [0; 8], from + P).is_err());
            }
        });
    }

    /// After a fork each side sees its own stores and none of the other's; the TLB has forgotten the right to store.
    fn a_fork_is_written_on_both_sides() {
        whole(|| {
            let mut parent = Program::new(0x71);
            parent.map(A, 600 * P);
            parent.map_huge(B, 2 * BLOCK);
            parent.fill(A, 600 * P, 1);
            parent.fill(B, BLOCK, 1000);
            assert_eq!(parent.read(B + BLOCK), 0);
            let mut child = parent.fork(0x72);
            parent.fill(A, 300 * P, 5000);
            child.fill(A + 300 * P, 300 * P, 9000);
            child.write(B + 3 * P, 7);
            child.write(B + BLOCK, 8);
            parent.check(A, 300 * P, 5000);
            parent.check(A + 300 * P, 300 * P, 301);
            child.check(A, 300 * P, 1);
            child.check(A + 300 * P, 300 * P, 9000);
            parent.check(B, BLOCK, 1000);
            assert_eq!((child.read(B + 3 * P), child.read(B + 4 * P), child.read(B + BLOCK)), (7, 1004, 8));
            assert_eq!(parent.read(B + BLOCK), 0);
            drop(child);
            parent.fill(A, 600 * P, 20_000);
            parent.check(A, 600 * P, 20_000);
            parent.check_huge(BLOCK);
        });
    }

    /// More programs than identifiers, at the same addresses: each sees its own memory, whoever ran before under its number.
    fn identifiers_are_used_again_after_a_flush() {
        whole(|| {
            let mut asids = Asids::<1>::new();
            asids.set_bits(3);
            let mut programs: Vec<(Program, Context)> = (0..12).map(|_| (Program::new(0), Context::NONE)).collect();
            let mut state = 0x1234_5678_9abc_def1u64;
            let mut flushes = 0;
            for round in 0..400u64 {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                let number = (state % 12) as usize;
                let (program, context) = &mut programs[number];
                let activation: Activation = asids.activate(0, *context);
                if activation.flush {
                    tlb::flush_all();
                    flushes += 1;
                }
                *context = activation.context;
                program.space.set_asid(Asid(context.asid()));
                if round < 60 || program.space.usage().mappings == 0 {
                    program.map(A, 4 * P);
                    program.fill(A, 4 * P, number as u64 * 100);
                }
                program.check(A, 4 * P, number as u64 * 100);
                if round % 5 == 0 {
                    assert_eq!(program.space.munmap(A, 4 * P), Ok(()));
                    assert!(user::copy_in(&mut [0; 8], A).is_err());
                }
            }
            assert!(flushes > 20, "{flushes}");
            tlb::flush_all();
        });
    }
}
