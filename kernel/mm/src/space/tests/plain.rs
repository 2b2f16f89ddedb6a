//! The short way of the plainest `mmap`, compared with the long one.

use super::model::Random;
use super::pair::{Pair, few, never_twice};
use super::*;

/// Ignored by `mmap`, but a request with it takes the long way.
const EXECUTABLE: u64 = 0x1000;

/// A world that may go the short way, one that may not, and what is mapped in both.
struct Plain {
    pair: Pair,
    mapped: Vec<(u64, u64)>,
}

impl Plain {
    fn new(limits: Limits) -> Self {
        Self {
            pair: Pair::new(limits),
            mapped: Vec::new(),
        }
    }

    fn mmap(&mut self, len: u64, prot: u64) -> Result<u64, Errno> {
        let mut ways = [0, EXECUTABLE].into_iter();
        let mapped = self.pair.call(|world| {
            let more = ways.next().expect("two ways");
            world.mmap(0, len, prot, PRIVATE | ANON | more)
        });
        if let Ok(at) = mapped {
            self.mapped.push((at, len.div_ceil(P)));
        }
        mapped
    }

    fn step(&mut self, random: &mut Random) {
        match (random.below(8), self.mapped.last().copied()) {
            (0..5, _) | (_, None) => {
                let longest = random.one_of(&[1, 3, 20, 520, 1024]);
                let prot = random.one_of(&[NONE, R, RW, RW, R | X]);
                let _ = self.mmap(1 + random.below(longest * P), prot);
            }
            (5 | 6, Some(_)) => {
                let (at, pages) = self
                    .mapped
                    .swap_remove(random.below(self.mapped.len() as u64) as usize);
                let (skipped, count) = (random.below(pages), 1 + random.below(pages));
                self.pair
                    .call(|world| world.space.munmap(at + skipped * P, count * P))
                    .ok();
            }
            (_, Some((at, _))) => {
                self.pair.call(|world| world.try_write(at, 1)).ok();
            }
        }
        self.pair.call(|world| world.maps());
        self.pair.call(|world| world.space.usage());
    }
}

#[test]
fn the_short_way_leads_where_the_long_one_does() {
    let guess = Limits {
        memory_pages: 500,
        ..Limits::default()
    };
    let limits = [Limits::default(), few(900, 700), never_twice(2000), guess];
    for (seed, limits) in limits.into_iter().enumerate() {
        let (mut plain, mut random) = (Plain::new(limits), Random::new(seed as u64 + 1));
        (0..400).for_each(|_| plain.step(&mut random));
    }
}

#[test]
fn errors_come_from_the_long_way() {
    let mut plain = Plain::new(Limits::default());
    assert_eq!(plain.mmap(0, RW), Err(Errno::EINVAL));
    assert_eq!(plain.mmap(u64::MAX, RW), Err(Errno::ENOMEM));
    assert_eq!(plain.mmap(TASK_SIZE + P, RW), Err(Errno::ENOMEM));
    let top = plain.mmap(P, RW).expect("room");
    assert_eq!((top, plain.mmap(16 * P, RW)), (TOP - P, Ok(TOP - 17 * P)));
    assert_eq!(
        plain.pair.worlds[0].space.usage().mappings,
        2,
        "one stack, and the two have merged"
    );
}

#[test]
fn what_is_mapped_is_locked_where_all_is_to_be() {
    let mut plain = Plain::new(Limits::default());
    plain
        .pair
        .call(|world| world.space.mlockall(2))
        .expect("MCL_FUTURE");
    let at = plain.mmap(3 * P, RW).expect("room");
    assert_eq!(plain.pair.call(|world| world.resident(at, 3)), "111");
}
