//! The short way of growing at another place, compared with the planned one.

use super::model::Random;
use super::pair::{Pair, few, never_twice};
use super::*;
use crate::remap::Request;
use crate::vma::Vma;

/// A world that may go the short way, one that may not, and how many calls went it.
struct Growth {
    pair: Pair,
    short: u64,
}

impl Growth {
    fn new(limits: Limits) -> Self {
        Self {
            pair: Pair::new(limits),
            short: 0,
        }
    }

    fn mappings(&self) -> Vec<Vma> {
        let all = |world: &World| {
            world
                .space
                .tree
                .iter(crate::space::report::everything())
                .collect()
        };
        let [short, long]: [Vec<Vma>; 2] = [all(&self.pair.worlds[0]), all(&self.pair.worlds[1])];
        assert_eq!(short, long);
        short
    }

    fn grow(&mut self, old: u64, old_pages: u64, new_pages: u64) -> Result<VirtAddr, Errno> {
        let request = Request::decode(old, old_pages * P, new_pages * P, MAYMOVE, 0).expect("sound");
        let [short, long] = &mut self.pair.worlds;
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
                self.pair
                    .call(|world| world.mmap(0, len, prot, PRIVATE | ANON | more))
                    .ok();
            }
            (3, Some((at, pages))) => {
                let count = 1 + random.below(pages);
                self.pair.call(|world| world.space.munmap(at, count * P)).ok();
            }
            (4, Some((at, pages))) => {
                let (count, prot) = (1 + random.below(pages), random.one_of(&[NONE, R, RW]));
                self.pair
                    .call(|world| world.space.mprotect(at, count * P, prot))
                    .ok();
            }
            (5 | 6, Some((at, pages))) => {
                let page = at + random.below(pages) * P;
                let value = random.below(256) as u8;
                self.pair.call(|world| world.try_write(page, value)).ok();
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
        self.pair.call(|world| world.space.usage());
    }

    /// What can be read in all mappings but the stack.
    fn check_contents(&mut self) {
        for vma in self.mappings().split_last().expect("a stack").1 {
            let pages = vma.start().get()..vma.end().get();
            for page in pages.step_by(P as usize) {
                self.pair.call(|world| world.try_read(page)).ok();
            }
        }
    }
}

#[test]
fn the_short_way_leads_where_the_planned_one_does() {
    let mut short = 0;
    let limits = [Limits::default(), few(3000, 2000), never_twice(4000)];
    for (seed, limits) in limits.into_iter().enumerate() {
        let (mut growth, mut random) = (Growth::new(limits), Random::new(seed as u64 + 1));
        for step in 0..400 {
            growth.step(&mut random);
            if step % 100 == 99 {
                growth.check_contents();
            }
        }
        short += growth.short;
    }
    assert!(short > 80, "{short} of the calls went the short way");
}

#[test]
fn what_grows_in_its_place_or_joins_another_is_planned() {
    let mut growth = Growth::new(Limits::default());
    let map = |world: &mut World| world.mmap(0, 10 * P, RW, PRIVATE | ANON);
    let top = growth.pair.call(map).expect("room");
    growth
        .pair
        .call(|world| world.space.munmap(top + 2 * P, 6 * P))
        .expect("room");
    assert_eq!(growth.grow(top, 2, 3), Ok(VirtAddr::new(top)));
    assert_eq!(growth.short, 0, "in its place");
    growth.pair.call(|world| world.map(A, 2, RW));
    growth.pair.call(|world| world.map(A + 2 * P, 1, NONE));
    let grown = growth.grow(A, 2, 3);
    assert_eq!(grown, Ok(VirtAddr::new(top + 5 * P)));
    assert_eq!(growth.short, 0, "unfaulted pages join what they touch");
}
