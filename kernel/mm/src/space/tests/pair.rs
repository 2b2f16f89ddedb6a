//! Two worlds in which the same happens: what a short way does, beside what the long one does.

use super::*;

/// The two; the first is that of the short way.
pub(super) struct Pair {
    pub(super) worlds: [World; 2],
}

impl Pair {
    /// With nothing but a stack.
    pub(super) fn new(limits: Limits) -> Self {
        let world = || {
            let mut world = World::with_limits(limits);
            world.space.map_stack(TASK_SIZE - P, 32 * P).expect("room");
            world
        };
        Self {
            worlds: [world(), world()],
        }
    }

    /// The same call in both, which answer alike.
    pub(super) fn call<T: PartialEq + core::fmt::Debug>(
        &mut self,
        mut what: impl FnMut(&mut World) -> T,
    ) -> T {
        let [short, long] = &mut self.worlds;
        let answer = what(short);
        assert_eq!(answer, what(long));
        answer
    }
}

/// Limits under which there is room for few mappings, of so many pages.
pub(super) fn few(address_space: u64, data: u64) -> Limits {
    Limits {
        max_map_count: 40,
        address_space: address_space * P,
        data: data * P,
        ..Limits::default()
    }
}

/// Limits of a machine with so many pages, of which none is promised twice.
pub(super) fn never_twice(pages: u64) -> Limits {
    Limits {
        overcommit: Overcommit {
            policy: OvercommitPolicy::Never,
            ..Overcommit::of_memory(pages)
        },
        memory_pages: pages,
        ..Limits::default()
    }
}
