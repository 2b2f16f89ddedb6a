//! The short way of growing at another place, compared with the planned one.

use super::model::Random;
use super::*;
use crate::remap::Request;
use crate::vma::Vma;

/// Two worlds in which the same happens, one of them without the short way.
struct Both {
    worlds: [World; 2],
    /// How many calls went the short way.
    short: u64,
}

impl Both {
    fn new(limits: Limits) -> Self {
        let world = || {
            let mut world = World::with_limits(limits);
            world.space.map_stack(TASK_SIZE - P, 32 * P).expect("room");
            world
        };
        Self {
            worlds: [world(), world()],
            short: 0,
        }
    }

    /// The same call in both, which answer alike.
    fn call<T: PartialEq + core::fmt::Debug>(&mut self, mut what: impl FnMut(&mut World) -> T) -> T {
        let [short, long] = &mut self.worlds;
        let answer = what(short);
        assert_eq!(answer, what(long));
        answer
    }

    fn mappings(&self) -> Vec<Vma> {
        let all = |world: &World| {
            world
                .space
                .tree
                .iter(crate::space::report::everything())
                .collect()
        };
        let [short, long]: [Vec<Vma>; 2] = [all(&self.worlds[0]), all(&self.worlds[1])];
        assert_eq!(short, long);
        short
    }

    fn grow(&mut self, old: u64, old_pages: u64, new_pages: u64) -> Result<VirtAddr, Errno> {
        let request = Request::decode(old, old_pages * P, new_pages * P, MAYMOVE, 0).expect("sound");
        let [short, long] = &mut self.worlds;
        // What is found before either way is taken.
        if short.space.tree.len() + 4 > short.space.limits().max_map_count {
            return Err(Errno::ENOMEM);
        }
        let planned = long.space.remap_one(request);
        let answer = match short.space.remap_to_grow(request) {
            Some(answer) => {
                self.short += 1;
                answer
            }
            None => short.space.remap_one(request),
        };
        assert_eq!(answer, planned, "{old:#x}: {old_pages} to {new_pages}");
        answer
    }

    /// Some page of some mapping but the stack, and how many there are from there on.
    fn somewhere(&mut self, random: &mut Random) -> Option<(u64, u64)> {
        let mut mappings = self.mappings();
        mappings.pop();
        let count = mappings.len() as u64;
        let vma = (count > 0).then(|| mappings[random.below(count) as usize])?;
        let skipped = if random.below(3) == 0 {
            random.below(vma.range.pages())
        } else {
            0
        };
        Some((vma.start().get() + skipped * P, vma.range.pages() - skipped))
    }

    fn step(&mut self, random: &mut Random) {
        let at = self.somewhere(random);
        match (random.below(12), at) {
            (0..3, _) | (_, None) => {
                let (prot, more) = (
                    random.one_of(&[NONE, R, RW, RW]),
                    random.one_of(&[0, NORESERVE, 0, STACK, NORESERVE, LOCKED]),
                );
                let len = random.one_of(&[P, 3 * P, 20 * P, 520 * P]);
                self.call(|world| world.mmap(0, len, prot, PRIVATE | ANON | more))
                    .ok();
            }
            (3, Some((at, pages))) => {
                let count = 1 + random.below(pages);
                self.call(|world| world.space.munmap(at, count * P)).ok();
            }
            (4, Some((at, pages))) => {
                let (count, prot) = (1 + random.below(pages), random.one_of(&[NONE, R, RW]));
                self.call(|world| world.space.mprotect(at, count * P, prot)).ok();
            }
            (5 | 6, Some((at, pages))) => {
                let page = at + random.below(pages) * P;
                let value = random.below(256) as u8;
                self.call(|world| world.try_write(page, value)).ok();
            }
            (_, Some((at, pages))) => {
                let old = if random.below(2) == 0 {
                    pages
                } else {
                    1 + random.below(pages)
                };
                self.grow(at, old, old + random.one_of(&[1, 3, 17, 50])).ok();
            }
        }
        self.mappings();
        self.call(|world| world.space.usage());
    }

    /// What can be read in all mappings but the stack.
    fn check_contents(&mut self) {
        for vma in self.mappings().split_last().expect("a stack").1 {
            let pages = vma.start().get()..vma.end().get();
            for page in pages.step_by(P as usize) {
                self.call(|world| world.try_read(page)).ok();
            }
        }
    }
}

#[test]
fn the_short_way_leads_where_the_planned_one_does() {
    let few = Limits {
        max_map_count: 40,
        address_space: 3000 * P,
        data: 2000 * P,
        ..Limits::default()
    };
    let never = Limits {
        overcommit: Overcommit {
            policy: OvercommitPolicy::Never,
            ..Overcommit::of_memory(4000)
        },
        memory_pages: 4000,
        ..Limits::default()
    };
    let mut short = 0;
    for (seed, limits) in [Limits::default(), few, never].into_iter().enumerate() {
        let (mut both, mut random) = (Both::new(limits), Random::new(seed as u64 + 1));
        for step in 0..400 {
            both.step(&mut random);
            if step % 100 == 99 {
                both.check_contents();
            }
        }
        short += both.short;
    }
    assert!(short > 80, "{short} of the calls went the short way");
}

#[test]
fn what_grows_in_its_place_or_joins_another_is_planned() {
    let mut both = Both::new(Limits::default());
    let map = |world: &mut World| world.mmap(0, 10 * P, RW, PRIVATE | ANON);
    let top = both.call(map).expect("room");
    both.call(|world| world.space.munmap(top + 2 * P, 6 * P))
        .expect("room");
    assert_eq!(both.grow(top, 2, 3), Ok(VirtAddr::new(top)));
    assert_eq!(both.short, 0, "in its place");
    both.call(|world| world.map(A, 2, RW));
    both.call(|world| world.map(A + 2 * P, 1, NONE));
    let grown = both.grow(A, 2, 3);
    assert_eq!(grown, Ok(VirtAddr::new(top + 5 * P)));
    assert_eq!(both.short, 0, "unfaulted pages join what they touch");
}
