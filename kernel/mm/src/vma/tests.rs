//! What merges, drawn.
//!
//! Every character is a page. A letter begins a mapping, dashes go on with it, dots are free. The letters are the [`KINDS`].

use super::merge::{self, Origin};
use super::{Backing, Faulted, Identity, NameId, ObjectId, Prot, UserfaultId, Vma, VmaFlags, VmaTree};
use crate::{PAGE_SIZE, PageRange, VirtAddr};
use core::num::NonZeroU32;
use std::string::String;
use std::vec::Vec;

/// All kinds: unfaulted; of identity A and B, at home; of identity A, away; by fork; read-only; locked; not accounted; guarded in
/// places; named; watched; special; shared; private.
const KINDS: &str = "uABaFrlngNwxsp";

/// Which of [`KINDS`] merge with which, where they touch.
const MERGES: [&str; 14] = [
    /* u */ "uAB     g     ",
    /* A */ "uA      g     ",
    /* B */ "u B     g     ",
    /* a */ "   a          ",
    /* F */ "    F         ",
    /* r */ "     r        ",
    /* l */ "      l       ",
    /* n */ "       n      ",
    /* g */ "uAB     g     ",
    /* N */ "         N    ",
    /* w */ "          w   ",
    /* x */ "              ",
    /* s */ "            s ",
    /* p */ "             p",
];

/// Where the first page of a picture lies.
const FIRST: u64 = 16;

fn range(start: usize, end: usize) -> PageRange {
    let page = |at: usize| VirtAddr::new((FIRST + at as u64) * PAGE_SIZE);
    PageRange::between(page(start), page(end))
}

/// A mapping of the kind that the letter says.
fn kind(letter: char, range: PageRange) -> Vma {
    let flags = VmaFlags::MAYREAD | VmaFlags::MAYWRITE | VmaFlags::MAYEXEC | VmaFlags::ACCOUNT;
    let mut vma = Vma::new(range, Prot::READ | Prot::WRITE, flags, Backing::Anonymous);
    let faulted = |number, home| {
        Some(Faulted {
            identity: Identity::new(number),
            home,
        })
    };
    let offset = range.start().get() / PAGE_SIZE;
    let object = ObjectId::new(NonZeroU32::MIN);
    match letter {
        'u' => {}
        'A' => vma.anon = faulted(1, range.start()),
        'B' => vma.anon = faulted(2, range.start()),
        'a' => vma.anon = faulted(1, range.start() + 100 * PAGE_SIZE),
        'F' => {
            vma.anon = Some(Faulted {
                identity: Identity::by_fork(3),
                home: range.start(),
            })
        }
        'r' => vma.prot = Prot::READ,
        'l' => vma.flags |= VmaFlags::LOCKED,
        'n' => vma.flags ^= VmaFlags::ACCOUNT | VmaFlags::NORESERVE,
        'g' => vma.flags |= VmaFlags::MAYBE_GUARD,
        'N' => vma.name = Some(NameId::new(NonZeroU32::MIN)),
        'w' => vma.userfault = Some(UserfaultId::new(NonZeroU32::MIN)),
        'x' => vma.flags |= VmaFlags::DONTEXPAND,
        's' => {
            vma.flags |= VmaFlags::SHARED | VmaFlags::MAYSHARE;
            vma.backing = Backing::Shared { object, offset };
        }
        'p' => vma.backing = Backing::Private { object, offset },
        _ => panic!("no kind is called {letter}"),
    }
    vma
}

/// The mappings of a picture.
fn mappings(picture: &str) -> Vec<Vma> {
    let chars: Vec<char> = picture.chars().collect();
    let starts = (0..chars.len()).filter(|&at| chars[at].is_alphabetic());
    let end = |start: usize| start + 1 + chars[start + 1..].iter().take_while(|&&c| c == '-').count();
    starts
        .map(|start| kind(chars[start], range(start, end(start))))
        .collect()
}

fn tree(picture: &str) -> VmaTree {
    let mut tree = VmaTree::new();
    for vma in mappings(picture) {
        tree.reserve(1).unwrap();
        tree.insert(vma);
    }
    tree.reserve(4).unwrap();
    tree
}

/// The picture of a tree, as wide as `like`.
fn draw(tree: &VmaTree, like: &str) -> String {
    let mut picture = std::vec!['.'; like.chars().count()];
    for vma in tree.iter(range(0, picture.len())) {
        let at = |addr: VirtAddr| (addr.get() / PAGE_SIZE - FIRST) as usize;
        let found = KINDS.chars().find(|&letter| kind(letter, vma.range) == vma);
        picture[at(vma.start())..at(vma.end())].fill('-');
        picture[at(vma.start())] = found.unwrap_or('?');
    }
    picture.into_iter().collect()
}

/// Maps what `new` draws into what `before` draws.
fn maps(before: &str, new: &str, after: &str) {
    let mut tree = tree(before);
    for vma in mappings(new) {
        tree.map(vma, Origin::Usual);
    }
    tree.check();
    assert_eq!(draw(&tree, before), after, "{new} into {before}");
}

/// Changes what `part` draws of `before` to the kind of its letter.
fn changes(before: &str, part: &str, after: &str) {
    let mut tree = tree(before);
    for part in mappings(part) {
        let Vma {
            prot,
            flags,
            name,
            userfault,
            ..
        } = part;
        tree.modify(part.range, |vma| {
            *vma = Vma {
                prot,
                flags,
                name,
                userfault,
                ..*vma
            };
        });
    }
    tree.check();
    assert_eq!(draw(&tree, before), after, "{part} of {before}");
}

#[test]
fn a_new_mapping_joins_its_neighbours() {
    maps("............", "....u---....", "....u---....");
    maps("u---........", "....u---....", "u-------....");
    maps("........u---", "....u---....", "....u-------");
    maps("u---....u---", "....u---....", "u-----------");
    maps("u---........", ".....u--....", "u---.u--....");
    maps(".........u--", "....u---....", "....u---.u--");
    maps("r---....r---", "....u---....", "r---u---r---");
    maps("r---....u---", "....u---....", "r---u-------");
}

#[test]
fn a_new_mapping_takes_the_identity_of_what_it_joins() {
    maps("A---....u---", "....u---....", "A-----------");
    maps("u---....A---", "....u---....", "A-----------");
    maps("A---....A---", "....u---....", "A-----------");
    // It gets on with either, but they do not with each other: the one before goes first.
    maps("A---....B---", "....u---....", "A-------B---");
    maps("u---....B---", "....A---....", "A-------B---");
    // Memory that came by fork takes nobody in, and memory that is away from home only what is as far away.
    maps("F---....F---", "....u---....", "F---u---F---");
    maps("u---....u---", "....F---....", "u---F---u---");
    maps("F---....F---", "....F---....", "F-----------");
    maps("a---....u---", "....u---....", "a---u-------");
    maps("u---....u---", "....a---....", "u---a---u---");
    maps("a---....a---", "....a---....", "a-----------");
    maps("A---....A---", "....a---....", "A---a---A---");
}

#[test]
fn a_guarded_mapping_makes_all_that_it_joins_guarded() {
    maps("u---....u---", "....g---....", "g-----------");
    maps("g---....u---", "....u---....", "g-----------");
    maps("u---....g---", "....u---....", "g-----------");
}

#[test]
fn a_special_mapping_joins_nobody() {
    maps("x---....x---", "....x---....", "x---x---x---");
}

#[test]
fn a_changed_part_is_cut_off() {
    changes("u-----------", "....r---....", "u---r---u---");
    changes("u-----------", "r---........", "r---u-------");
    changes("u-----------", "........r---", "u-------r---");
    changes("A-----------", "....u---....", "A---A---A---");
}

#[test]
fn a_changed_part_joins_the_neighbour_that_it_now_is_like() {
    changes("r---u-------", "....r---....", "r-------u---");
    changes("u-------r---", "....r---....", "u---r-------");
    changes("r---u---r---", "....r---....", "r-----------");
    changes("r---u---u---", "....r---....", "r-------u---");
    changes("u---r---r---", "....u---....", "u-------r---");
    changes("u---r---u---", "....u---....", "u-----------");
    changes("..u---r---..", "......u---..", "..u-------..");
    changes("r---u---x---", "....r---....", "r-------x---");
}

#[test]
fn every_kind_between_every_two_others() {
    let merges = |a: char, b: char| MERGES[KINDS.find(a).unwrap()].contains(b);
    for (prev, new, next) in KINDS.chars().flat_map(|a| {
        KINDS
            .chars()
            .flat_map(move |b| KINDS.chars().map(move |c| (a, b, c)))
    }) {
        let before: String = [prev, '-', '.', '.', next, '-'].iter().collect();
        let mut tree = tree(&before);
        tree.map(kind(new, range(2, 4)), Origin::Usual);
        tree.check();
        let left = merges(new, prev);
        let strangers = matches!((prev, next), ('A', 'B') | ('B', 'A'));
        let right = merges(new, next) && !(left && strangers);
        let drawn: String = draw(&tree, &before)
            .chars()
            .map(|c| if c == '-' || c == '.' { c } else { '|' })
            .collect();
        let expected: String = [
            "|-",
            if left { "--" } else { "|-" },
            if right { "--" } else { "|-" },
        ]
        .concat();
        assert_eq!(drawn, expected, "{new} between {prev} and {next}");
    }
}

#[test]
fn growth_in_place_ignores_a_fork() {
    for (origin, after) in [(Origin::Usual, "F-------u---"), (Origin::Growth, "F-----------")] {
        let mut tree = tree("F---....u---");
        tree.map(kind('F', range(4, 8)), origin);
        assert_eq!(draw(&tree, "............"), after);
    }
}

#[test]
fn offsets_must_follow() {
    for letter in ['s', 'p'] {
        let (left, mut right) = (kind(letter, range(0, 4)), kind(letter, range(4, 8)));
        assert!(merge::can_merge(&left, &right));
        right.backing = right.backing.shifted(PAGE_SIZE as i64);
        assert!(!merge::can_merge(&left, &right));
        right.backing = right.backing.shifted(-(PAGE_SIZE as i64));
        assert!(merge::can_merge(&left, &right));
        let other = ObjectId::new(NonZeroU32::MAX);
        right.backing = match right.backing {
            Backing::Shared { offset, .. } => Backing::Shared {
                object: other,
                offset,
            },
            _ => Backing::Private {
                object: other,
                offset: right.page_offset(),
            },
        };
        assert!(!merge::can_merge(&left, &right));
    }
}

#[test]
fn private_pages_of_an_object_need_consecutive_homes_too() {
    let (mut left, mut right) = (kind('p', range(0, 4)), kind('p', range(4, 8)));
    left.anon = Some(Faulted {
        identity: Identity::new(1),
        home: left.start(),
    });
    right.anon = Some(Faulted {
        identity: Identity::new(1),
        home: right.start(),
    });
    assert!(merge::can_merge(&left, &right));
    right.anon = Some(Faulted {
        identity: Identity::new(1),
        home: right.start() + PAGE_SIZE,
    });
    assert!(!merge::can_merge(&left, &right));
    right.anon = None;
    assert!(merge::can_merge(&left, &right));
    left.anon = Some(Faulted {
        identity: Identity::new(1),
        home: left.start() + PAGE_SIZE,
    });
    assert!(!merge::can_merge(&left, &right));
}

#[test]
fn a_first_page_adopts_the_identity_of_the_next_then_of_the_previous() {
    let vma = kind('u', range(4, 8));
    let (prev, next) = (kind('A', range(0, 4)), kind('B', range(8, 12)));
    let number = |identity: Option<Identity>| identity.map(Identity::number);
    assert_eq!(
        number(merge::adopted_identity(Some(&prev), &vma, Some(&next))),
        Some(2)
    );
    assert_eq!(number(merge::adopted_identity(Some(&prev), &vma, None)), Some(1));
    assert_eq!(number(merge::adopted_identity(None, &vma, None)), None);
    // Protection may differ; flags, a fork, or a home elsewhere may not.
    let other = Vma {
        prot: Prot::READ,
        ..next
    };
    assert_eq!(number(merge::adopted_identity(None, &vma, Some(&other))), Some(2));
    let other = Vma {
        flags: next.flags | VmaFlags::LOCKED,
        ..next
    };
    assert_eq!(merge::adopted_identity(None, &vma, Some(&other)), None);
    assert_eq!(
        merge::adopted_identity(Some(&kind('F', range(0, 4))), &vma, None),
        None
    );
    assert_eq!(
        merge::adopted_identity(Some(&kind('a', range(0, 4))), &vma, None),
        None
    );
    assert_eq!(
        merge::adopted_identity(Some(&kind('A', range(0, 3))), &vma, None),
        None
    );
}

#[test]
fn a_cut_keeps_every_page_what_it_was() {
    for letter in ['A', 'a', 's', 'p'] {
        let vma = kind(letter, range(0, 8));
        let mut tree = VmaTree::new();
        tree.reserve(2).unwrap();
        tree.insert(vma);
        assert!(tree.split(range(3, 8).start()));
        let (head, tail) = (
            tree.find(vma.start()).unwrap(),
            tree.find(range(3, 8).start()).unwrap(),
        );
        assert_eq!(
            (head, tail),
            (vma.with_range(range(0, 3)), vma.with_range(range(3, 8)))
        );
        assert_eq!(tail.page_offset(), vma.page_offset() + 3);
        assert_eq!(tail.home(), vma.home() + 3 * PAGE_SIZE);
        assert!(merge::can_merge(&head, &tail));
    }
}
