//! The classes of scripts.

use super::{Maker, files, huge, limits, moves, usual};
use crate::call::{Call, Kind};
use crate::random::Random;

/// What the scripts of a class have beside the usual calls.
pub struct Class {
    /// What it is called.
    pub name: &'static str,
    /// How often it comes.
    weight: u64,
    /// How many calls fill the arena at the start.
    pub(super) filling: u64,
    /// Whether some of its scripts go on as a user without privileges.
    pub(super) users: bool,
    /// Whether Linux 6.18 answers otherwise than 7.3, or a machine with another memory or another place for the heap.
    newest: bool,
    /// What comes next.
    pub(super) opening: &'static [Maker],
    /// How many of a hundred calls are the class's own.
    pub(super) share: u64,
    /// Those.
    pub(super) own: &'static [(u64, Maker)],
    /// How many calls a script has, if not as many as usual.
    pub(super) calls: Option<u64>,
    /// Makes another of a wild call that can't be compared here.
    pub(super) tame: fn(&mut Call),
}

/// A class with nothing of its own.
const USUAL: Class = Class {
    name: "usual",
    weight: 20,
    filling: 12,
    users: true,
    newest: false,
    opening: &[],
    share: 0,
    own: &[],
    calls: None,
    tame: |_| {},
};

/// All of them.
pub(crate) const CLASSES: &[Class] = &[
    USUAL,
    Class {
        name: "moves",
        weight: 12,
        share: 60,
        own: &[
            (6, moves::several),
            (2, moves::wrong),
            (2, moves::vdso),
            (1, moves::low),
            (2, moves::duplicate),
            (2, usual::fill),
        ],
        ..USUAL
    },
    Class {
        name: "advice",
        weight: 14,
        share: 60,
        own: &[
            (12, files::any_advice),
            (3, files::guard),
            (2, files::advise_oneself),
            (3, files::special_mmap),
            (2, files::policy),
            (1, limits::lock),
            (2, moves::several),
        ],
        ..USUAL
    },
    Class {
        name: "locks",
        newest: true,
        weight: 14,
        share: 65,
        opening: &[limits::locked_limit],
        own: &[
            (10, limits::lock),
            (2, limits::lock_all),
            (4, limits::locked_limit),
            (4, files::special_mmap),
            (7, moves::grow),
            (2, moves::several),
            (2, files::any_advice),
            (1, |random| Call::new(Kind::Become, &[random.below(3)])),
        ],
        ..USUAL
    },
    Class {
        name: "seals",
        weight: 10,
        share: 50,
        own: &[
            (3, limits::seal),
            (6, moves::several),
            (3, files::any_advice),
            (2, moves::grow),
            (2, usual::munmap),
            (2, usual::mprotect),
        ],
        ..USUAL
    },
    Class {
        name: "limits",
        weight: 10,
        share: 60,
        opening: &[limits::limit],
        own: &[
            (3, limits::limit),
            (5, moves::grow),
            (3, moves::several),
            (4, usual::mmap),
            (2, usual::mprotect),
        ],
        ..USUAL
    },
    Class {
        name: "room",
        newest: true,
        weight: 8,
        share: 60,
        users: false,
        opening: &[limits::room],
        own: &[
            (3, limits::room),
            (5, moves::several),
            (3, moves::grow),
            (3, usual::mprotect),
            (3, usual::munmap),
            (2, limits::lock),
            (2, files::any_advice),
        ],
        ..USUAL
    },
    Class {
        name: "stripes",
        weight: 8,
        filling: 3,
        share: 60,
        own: &[
            (3, moves::stripes),
            (6, moves::many),
            (1, usual::mprotect),
            (1, usual::munmap),
        ],
        calls: Some(40),
        ..USUAL
    },
    Class {
        name: "stack",
        weight: 6,
        share: 60,
        own: &[
            (4, files::stack),
            (4, usual::write),
            (2, moves::several),
            (2, usual::mprotect),
            (1, limits::lock),
        ],
        ..USUAL
    },
    Class {
        name: "files",
        weight: 12,
        share: 60,
        own: &[
            (3, files::truncate),
            (2, files::sync),
            (3, files::zero),
            (4, usual::fill),
            (2, files::remap),
            (2, files::any_advice),
            (3, moves::several),
            (1, moves::duplicate),
        ],
        ..USUAL
    },
    Class {
        name: "heap",
        newest: true,
        weight: 3,
        filling: 2,
        share: 70,
        own: &[(5, limits::brk), (3, limits::in_heap)],
        calls: Some(50),
        ..USUAL
    },
    Class {
        name: "annex",
        newest: true,
        weight: 6,
        filling: 4,
        users: false,
        opening: &[|_| Call::new(Kind::Annex, &[])],
        share: 70,
        own: &[(1, limits::vast)],
        calls: Some(40),
        ..USUAL
    },
    Class {
        name: "huge",
        weight: 5,
        filling: 0,
        users: false,
        opening: &[
            |_| Call::new(Kind::Huge, &[]),
            huge::block,
            huge::advise,
            huge::begin,
        ],
        share: 100,
        own: huge::CALLS,
        calls: Some(30),
        newest: false,
        tame: huge::keep_whole,
    },
];

/// A class, each as often as it says; with `older` none in which Linux 6.18 differs from 7.3.
pub(super) fn choose(random: &mut Random, older: bool) -> &'static Class {
    let classes = || CLASSES.iter().filter(|class| !(older && class.newest));
    let mut at = random.below(classes().map(|class| class.weight).sum());
    for class in classes() {
        match at.checked_sub(class.weight) {
            None => return class,
            Some(rest) => at = rest,
        }
    }
    &CLASSES[0]
}
