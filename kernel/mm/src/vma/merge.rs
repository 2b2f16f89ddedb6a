//! When two mappings become one: the rules of Linux 7.3 (`mm/vma.c`), which `/proc/PID/maps` shows to programs.
//!
//! Two neighbours touch and are alike in protection, flags, object, name and userfaultfd; their offsets in the object are
//! consecutive; and their anonymous memory goes together: of one identity at consecutive homes, or one of them has none.
//! Nothing here changes anything: the tree asks, and edits.

use super::flags::VmaFlags;
use super::mapping::{Backing, Faulted, Identity, Vma};
use crate::{PageRange, VirtAddr};

/// Where a mapping that is about to be added, or changed, comes from. It decides what a fork forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Made anew (`mmap`, `brk`), changed in place (`mprotect`, `madvise`), or copied from another place (`mremap`).
    Usual,
    /// The continuation of the mapping before it, which grows in place. Linux does not ask here whether that one came by
    /// fork, so that it joins an unfaulted mapping behind it.
    Growth,
}

/// With which neighbours a mapping merges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// With the one before.
    pub prev: bool,
    /// With the one after.
    pub next: bool,
}

/// Decides with which neighbours `new` merges. `new` overlaps neither.
///
/// A neighbour that does not touch `new` is the same as none. `prev` goes first: `next` joins only if it gets on with `prev`
/// too.
pub fn sides(prev: Option<&Vma>, new: &Vma, next: Option<&Vma>, origin: Origin) -> Sides {
    if new.flags.intersects(VmaFlags::SPECIAL) {
        return Sides::default();
    }
    let prev = prev.filter(|prev| follows(prev, new) && identities_join(new, prev, origin));
    let next = next.filter(|next| follows(new, next) && identities_join(new, next, origin));
    let next = next.filter(|next| prev.is_none_or(|prev| agree(prev.identity(), next.identity())));
    Sides {
        prev: prev.is_some(),
        next: next.is_some(),
    }
}

/// Whether `left` and `right` would merge, were either of them new.
pub fn can_merge(left: &Vma, right: &Vma) -> bool {
    sides(Some(left), right, None, Origin::Usual).prev
}

/// Whether two mappings are of one kind, so that they may merge if all else goes together.
pub(crate) fn are_alike(left: &Vma, right: &Vma) -> bool {
    alike(left, right)
}

/// What `new` and the neighbours on `sides` become.
///
/// # Panics
/// If a side is asked for that has no neighbour.
pub fn merged(prev: Option<&Vma>, new: &Vma, next: Option<&Vma>, sides: Sides) -> Vma {
    let prev = prev.filter(|_| sides.prev);
    let next = next.filter(|_| sides.next);
    let first = prev.unwrap_or(new);
    let end = next.unwrap_or(new).end();
    let flags = [prev, next].into_iter().flatten().fold(new.flags, |flags, side| {
        flags | (side.flags & VmaFlags::IGNORED_BY_MERGE)
    });
    let identity = first
        .identity()
        .or(next.and_then(Vma::identity))
        .or(new.identity());
    let anon = identity.map(|identity| Faulted {
        identity,
        home: first.home(),
    });
    Vma {
        range: PageRange::between(first.start(), end),
        flags,
        anon,
        ..*first
    }
}

/// Whether `right` lies directly behind `left`, and all but their identities agrees.
fn follows(left: &Vma, right: &Vma) -> bool {
    left.end() == right.start() && alike(left, right) && offsets_follow(left, right)
}

/// Linux's `is_mergeable_vma`.
fn alike(left: &Vma, right: &Vma) -> bool {
    left.prot == right.prot
        && ((left.flags ^ right.flags) - VmaFlags::IGNORED_BY_MERGE).is_empty()
        && left.userfault == right.userfault
        && left.name == right.name
}

/// Whether both show the same thing, and `right` from where `left` ends.
///
/// Private mappings of an object may hold pages of their own, which need consecutive homes as well.
fn offsets_follow(left: &Vma, right: &Vma) -> bool {
    let own_pages = matches!(right.backing, Backing::Anonymous) || right.is_cow();
    objects_follow(left, right) && (!own_pages || left.home() + left.range.len() == right.home())
}

/// Whether both show the same object, and `right` from where `left` ends; true of two anonymous mappings.
fn objects_follow(left: &Vma, right: &Vma) -> bool {
    match (left.backing, right.backing) {
        (Backing::Anonymous, Backing::Anonymous) => true,
        (
            Backing::Shared {
                object: a,
                offset: at,
            },
            Backing::Shared { object: b, offset },
        )
        | (
            Backing::Private {
                object: a,
                offset: at,
            },
            Backing::Private { object: b, offset },
        ) => a == b && at + left.range.pages() == offset,
        _ => false,
    }
}

/// Linux's `is_mergeable_anon_vma`: one of `new` and `neighbour` has no identity and the other's did not come by fork, or
/// both have the same.
fn identities_join(new: &Vma, neighbour: &Vma, origin: Origin) -> bool {
    match (new.identity(), neighbour.identity()) {
        (Some(new), None) => origin == Origin::Growth || !new.is_by_fork(),
        (None, Some(neighbour)) => !neighbour.is_by_fork(),
        (new, neighbour) => new == neighbour,
    }
}

/// Whether two neighbours of one new mapping can both take it.
fn agree(prev: Option<Identity>, next: Option<Identity>) -> bool {
    prev.is_none() || next.is_none() || prev == next
}

/// The identity that `vma` takes at its first own page: that of the mapping after it, else of the one before, where the two
/// touch, differ at most in protection, lie at consecutive offsets and homes, and the neighbour did not come by fork (Linux's
/// `find_mergeable_anon_vma`). `None` means that it needs a new one.
pub fn adopted_identity(prev: Option<&Vma>, vma: &Vma, next: Option<&Vma>) -> Option<Identity> {
    let from_next = next.filter(|next| share_batch(vma, next)).and_then(Vma::identity);
    let from_prev = || prev.filter(|prev| share_batch(prev, vma)).and_then(Vma::identity);
    from_next
        .filter(|identity| !identity.is_by_fork())
        .or_else(|| from_prev().filter(|identity| !identity.is_by_fork()))
}

/// Linux's `anon_vma_compatible`.
fn share_batch(left: &Vma, right: &Vma) -> bool {
    left.end() == right.start()
        && left.backing.object() == right.backing.object()
        && ((left.flags ^ right.flags) - VmaFlags::IGNORED_BY_MERGE).is_empty()
        && left.page_offset() + left.range.pages() == right.page_offset()
        && left.home() + left.range.len() == right.home()
}

/// What a mapping is to the one before it while both move together, wherever they are moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They never join.
    Apart,
    /// They join in any move: each could have been merged with the other long since, but no call has tried.
    Joins,
    /// One of them is faulted and the other is not, and they join where the faulted one comes home: where the latter of the two
    /// starts at this address.
    JoinsAtHome(VirtAddr),
}

/// What `right` is to `left`, which it touches.
///
/// A move takes an unfaulted mapping's home along and leaves a faulted one's where it is; nothing else of it changes.
pub fn relation(left: &Vma, right: &Vma) -> Relation {
    if !alike(left, right) || right.flags.intersects(VmaFlags::SPECIAL) {
        return Relation::Apart;
    }
    match (left.anon, right.anon) {
        (Some(one), None) if !one.identity.is_by_fork() && objects_follow(left, right) => {
            Relation::JoinsAtHome(one.home + left.range.len())
        }
        (None, Some(one)) if !one.identity.is_by_fork() && objects_follow(left, right) => {
            Relation::JoinsAtHome(one.home)
        }
        (one, other) if one.map(|one| one.identity) == other.map(|other| other.identity) => {
            if offsets_follow(left, right) {
                Relation::Joins
            } else {
                Relation::Apart
            }
        }
        _ => Relation::Apart,
    }
}
