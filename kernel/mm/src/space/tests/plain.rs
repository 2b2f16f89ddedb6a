//! The short way of the plainest `mmap`, compared with the long one.

use super::model::Random;
use super::*;

/// Ignored by `mmap`, but a request with it takes the long way.
const EXECUTABLE: u64 = 0x1000;

/// Two worlds in which the same happens, one of them the long way.
struct Both {
    worlds: [World; 2],
    mapped: Vec<(u64, u64)>,
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
            mapped: Vec::new(),
        }
    }

    /// The same call in both, with other flags in the second; they answer alike.
    fn call<T: PartialEq + core::fmt::Debug>(&mut self, what: impl Fn(&mut World, u64) -> T) -> T {
        let [short, long] = &mut self.worlds;
        let answer = what(short, 0);
        assert_eq!(answer, what(long, EXECUTABLE));
        answer
    }

    fn mmap(&mut self, len: u64, prot: u64) -> Result<u64, Errno> {
        let mapped = self.call(|world, more| world.mmap(0, len, prot, PRIVATE | ANON | more));
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
                self.call(|world, _| world.space.munmap(at + skipped * P, count * P))
                    .ok();
            }
            (_, Some((at, _))) => {
                self.call(|world, _| world.try_write(at, 1)).ok();
            }
        }
        self.call(|world, _| world.maps());
        self.call(|world, _| world.space.usage());
    }
}

#[test]
fn the_short_way_leads_where_the_long_one_does() {
    let few = Limits {
        max_map_count: 40,
        address_space: 900 * P,
        data: 700 * P,
        ..Limits::default()
    };
    let never = Limits {
        overcommit: Overcommit {
            policy: OvercommitPolicy::Never,
            ..Overcommit::of_memory(2000)
        },
        memory_pages: 2000,
        ..Limits::default()
    };
    let guess = Limits {
        memory_pages: 500,
        ..Limits::default()
    };
    for (seed, limits) in [Limits::default(), few, never, guess].into_iter().enumerate() {
        let (mut both, mut random) = (Both::new(limits), Random::new(seed as u64 + 1));
        (0..400).for_each(|_| both.step(&mut random));
    }
}

#[test]
fn errors_come_from_the_long_way() {
    let mut both = Both::new(Limits::default());
    assert_eq!(both.mmap(0, RW), Err(Errno::EINVAL));
    assert_eq!(both.mmap(u64::MAX, RW), Err(Errno::ENOMEM));
    assert_eq!(both.mmap(TASK_SIZE + P, RW), Err(Errno::ENOMEM));
    let top = both.mmap(P, RW).expect("room");
    assert_eq!((top, both.mmap(16 * P, RW)), (TOP - P, Ok(TOP - 17 * P)));
    assert_eq!(
        both.worlds[0].space.usage().mappings,
        2,
        "one stack, and the two have merged"
    );
}

#[test]
fn what_is_mapped_is_locked_where_all_is_to_be() {
    let mut both = Both::new(Limits::default());
    both.call(|world, _| world.space.mlockall(2)).expect("MCL_FUTURE");
    let at = both.mmap(3 * P, RW).expect("room");
    assert_eq!(both.call(|world, _| world.resident(at, 3)), "111");
}
