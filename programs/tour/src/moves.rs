//! The moves, and the checks after each.

use core::fmt;

use rt::linux::general::{
    MAP_ANONYMOUS, MAP_FIXED_NOREPLACE, MAP_NORESERVE, MAP_PRIVATE, MREMAP_DONTUNMAP, MREMAP_FIXED,
    MREMAP_MAYMOVE, PROT_NONE, PROT_READ, PROT_WRITE,
};
use rt::scratch::{fill, marked, mmap, mremap, munmap, zero};
use rt::{Errno, PAGE, counter};

use crate::entries::{Entries, counted};
use crate::report::{Report, Row};
use crate::{GIB, MIB};

/// What the pages' marks are made from, so that memory of another program can't pass for ours.
const SALT: u64 = 0x696e_6172_6368;
const ANONYMOUS: u32 = MAP_PRIVATE | MAP_ANONYMOUS;
const FIXED: u32 = MREMAP_MAYMOVE | MREMAP_FIXED;

/// Why the tour could not go on.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// A system call gave an error that it doesn't give where memory is enough.
    Call(&'static str, Errno),
    /// After a move, page `page` of `pages` was not what it should be.
    Page {
        what: &'static str,
        at: usize,
        page: usize,
        pages: usize,
    },
    /// The old place of a move still holds something.
    OldPlace(usize),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stopped::Call(call, errno) => write!(f, "{call} gave {errno}"),
            Stopped::Page {
                what,
                at,
                page,
                pages,
            } => {
                write!(f, "page {page} of {pages} at {at:#x} does not hold {what}")
            }
            Stopped::OldPlace(at) => write!(f, "the old place at {at:#x} is still mapped"),
        }
    }
}

/// What one call cost.
struct Cost {
    ticks: u64,
    /// As the kernel counted, if it does.
    counted: Option<Entries>,
}

/// Makes all moves of `size` bytes and adds a row for each.
pub(crate) fn all(size: usize, report: &mut Report) -> Result<(), Stopped> {
    let home = find_room(size)?;
    let pages = size / PAGE;
    report.progress("filling every page");
    map(home, size)?;
    fill(home, pages, SALT);
    for (name, distance) in DISTANCES {
        report.progress(name);
        there_and_back(name, home, away(home, size) + distance, pages, report)?;
    }
    two_pages(away(home, size), report)?;
    keep_source(home, away(home, size), quarter(pages), report)?;
    grow(report)?;
    expect("its marks at the end", home, pages, marked(home, pages, SALT))?;
    report.finish(pages);
    munmap(home, size).map_err(|errno| Stopped::Call("munmap", errno))
}

/// How far source and target differ, beyond a multiple of 1 GiB.
const DISTANCES: [(&str, usize); 4] = [
    ("places differ by 4 KiB", PAGE),
    ("places differ by 64 KiB", 64 << 10),
    ("places differ by 2 MiB", 2 * MIB),
    ("places differ by 1 GiB", GIB),
];

/// A quarter of the pages, in whole 2 MiB blocks.
fn quarter(pages: usize) -> usize {
    const BLOCK: usize = 2 * MIB / PAGE;
    (pages / 4).next_multiple_of(BLOCK).max(BLOCK)
}

/// The place to move to: a multiple of 1 GiB away from home, and clear of it.
fn away(home: usize, size: usize) -> usize {
    home + size.next_multiple_of(GIB) + GIB
}

/// Finds free address space for both places and some room, at a multiple of 1 GiB.
fn find_room(size: usize) -> Result<usize, Stopped> {
    let room = 2 * size.next_multiple_of(GIB) + 4 * GIB;
    let found = mmap(0, room, PROT_NONE, ANONYMOUS | MAP_NORESERVE, None);
    let found = found.map_err(|errno| Stopped::Call("mmap", errno))?;
    munmap(found, room).map_err(|errno| Stopped::Call("munmap", errno))?;
    Ok(found.next_multiple_of(GIB))
}

fn map(at: usize, length: usize) -> Result<usize, Stopped> {
    let flags = ANONYMOUS | if at == 0 { 0 } else { MAP_FIXED_NOREPLACE };
    mmap(at, length, PROT_READ | PROT_WRITE, flags, None).map_err(|errno| Stopped::Call("mmap", errno))
}

/// Moves all pages to another place and back; checks them, and that the place they left is free, both times.
fn there_and_back(
    name: &'static str,
    home: usize,
    away: usize,
    pages: usize,
    report: &mut Report,
) -> Result<(), Stopped> {
    let size = pages * PAGE;
    let (there, _) = measured(home, size, size, FIXED, away)?;
    expect("its marks", away, pages, marked(away, pages, SALT))?;
    expect_free(home, size)?;
    let (back, _) = measured(away, size, size, FIXED, home)?;
    expect("its marks", home, pages, marked(home, pages, SALT))?;
    expect_free(away, size)?;
    report.row(Row {
        name,
        pages,
        entries: there.counted.unwrap_or(Entries::computed(home, away, size)),
        counted: there.counted.is_some(),
        there: there.ticks,
        back: Some(back.ticks),
        verified: 2 * pages,
    });
    Ok(())
}

/// The smallest call there is anything to say about.
fn two_pages(away: usize, report: &mut Report) -> Result<(), Stopped> {
    let home = map(0, 2 * PAGE)?;
    fill(home, 2, SALT);
    there_and_back("two pages", home, away + PAGE, 2, report)?;
    munmap(home, 2 * PAGE).map_err(|errno| Stopped::Call("munmap", errno))
}

/// Moves pages and keeps their old place mapped, where they must read zero, as a garbage collector does; then moves
/// them back onto those zero pages.
fn keep_source(home: usize, away: usize, pages: usize, report: &mut Report) -> Result<(), Stopped> {
    let (size, away) = (pages * PAGE, away + 2 * MIB);
    report.progress("source kept");
    let (there, _) = measured(home, size, size, FIXED | MREMAP_DONTUNMAP, away)?;
    expect("its marks", away, pages, marked(away, pages, SALT))?;
    expect("zero", home, pages, zero(home, pages))?;
    let (back, _) = measured(away, size, size, FIXED, home)?;
    expect("its marks", home, pages, marked(home, pages, SALT))?;
    expect_free(away, size)?;
    report.row(Row {
        name: "source kept (DONTUNMAP)",
        pages,
        entries: there.counted.unwrap_or(Entries::computed(home, away, size)),
        counted: there.counted.is_some(),
        there: there.ticks,
        back: Some(back.ticks),
        verified: 3 * pages,
    });
    Ok(())
}

/// Grows a mapping that has a neighbour behind it, so that it must move.
fn grow(report: &mut Report) -> Result<(), Stopped> {
    let (pages, more) = (16, 32);
    let home = map(0, (pages + 1) * PAGE)?;
    fill(home, pages + 1, SALT);
    let (there, to) = measured(home, pages * PAGE, more * PAGE, MREMAP_MAYMOVE, 0)?;
    expect("its marks", to, pages, marked(to, pages, SALT))?;
    expect(
        "zero",
        to + pages * PAGE,
        more - pages,
        zero(to + pages * PAGE, more - pages),
    )?;
    expect_free(home, pages * PAGE)?;
    report.row(Row {
        name: "grown by moving",
        pages,
        entries: there.counted.unwrap_or(Entries::computed(home, to, pages * PAGE)),
        counted: there.counted.is_some(),
        there: there.ticks,
        back: None,
        verified: more,
    });
    munmap(home, (pages + 1) * PAGE)
        .and(munmap(to, more * PAGE))
        .map_err(|errno| Stopped::Call("munmap", errno))
}

/// Makes one call between two readings of the counter; gives what it cost and the new place.
fn measured(
    old: usize,
    old_length: usize,
    length: usize,
    flags: u32,
    new: usize,
) -> Result<(Cost, usize), Stopped> {
    let before = counted();
    let start = counter();
    let answer = mremap(old, old_length, length, flags, new);
    let ticks = counter() - start;
    let after = counted();
    let counted = before.zip(after).map(|(before, after)| after - before);
    let place = answer.map_err(|errno| Stopped::Call("mremap", errno))?;
    Ok((Cost { ticks, counted }, place))
}

fn expect(what: &'static str, at: usize, pages: usize, good: usize) -> Result<(), Stopped> {
    if good == pages {
        Ok(())
    } else {
        Err(Stopped::Page {
            what,
            at,
            page: good,
            pages,
        })
    }
}

/// Checks that nothing is mapped in the range: a mapping that may replace nothing fits in.
fn expect_free(at: usize, length: usize) -> Result<(), Stopped> {
    match mmap(
        at,
        length,
        PROT_NONE,
        ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
        None,
    ) {
        Ok(place) if place == at => munmap(at, length).map_err(|errno| Stopped::Call("munmap", errno)),
        Ok(_) | Err(Errno::EEXIST) => Err(Stopped::OldPlace(at)),
        Err(errno) => Err(Stopped::Call("mmap", errno)),
    }
}
