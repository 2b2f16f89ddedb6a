//! The pages of a shared memory object, by page number: a radix tree of frames, so that a hole costs nothing, and that
//! to run out of memory is an answer and no end.

use crate::machine::{Frame, Machine};
use crate::page;
use crate::{PAGE_SIZE, PhysAddr};
use alloc::vec::Vec;
use core::ops::Range;

/// log2 of the children of a node: a frame of 64-bit words.
const FAN_OUT_BITS: u32 = 9;
const FAN_OUT: usize = 1 << FAN_OUT_BITS;

/// A sparse array of pages. Holds a reference to each of them.
///
/// Nodes are frames of words: zero, or the address of a child, which is a node or, at the lowest level, a page.
/// Whoever drops it must have called [`PageMap::remove`] for all of it.
pub(super) struct PageMap {
    root: Option<PhysAddr>,
    /// Levels of nodes; the root covers `FAN_OUT` to this power pages.
    height: u32,
}

/// There is no frame left for a page, or for a node on the way to it.
#[derive(Debug)]
pub(super) struct NoFrame;

impl PageMap {
    pub(super) const fn new() -> Self {
        Self {
            root: None,
            height: 0,
        }
    }

    /// The page at `index`, if there is one.
    pub(super) fn get(&self, machine: &impl Machine, index: u64) -> Option<PhysAddr> {
        if !self.reaches(index) {
            return None;
        }
        let mut node = self.root?;
        for level in (0..self.height).rev() {
            node = child(machine, node, slot(index, level))?;
        }
        Some(node)
    }

    /// The page at `index`; where there is none, a new one full of zeros.
    pub(super) fn get_or_add(&mut self, machine: &impl Machine, index: u64) -> Result<PhysAddr, NoFrame> {
        self.grow_to(machine, index)?;
        let mut node = self.root.ok_or(NoFrame)?;
        for level in (0..self.height).rev() {
            let slot = slot(index, level);
            node = match child(machine, node, slot) {
                Some(child) => child,
                None => {
                    let new = zeroed(machine)?;
                    let new = if level == 0 {
                        page::adopt(machine, new)
                    } else {
                        new.into_raw()
                    };
                    set_child(machine, node, slot, Some(new));
                    new
                }
            };
        }
        Ok(node)
    }

    /// Adds those of `pages` that are not there; all of them or none.
    pub(super) fn fill(&mut self, machine: &impl Machine, pages: Range<u64>) -> Result<(), NoFrame> {
        let mut added = Vec::new();
        let mut pages = pages;
        let filled = pages.try_for_each(|index| self.fill_one(machine, index, &mut added));
        if filled.is_err() {
            for run in added {
                self.remove(machine, run);
            }
        }
        filled
    }

    /// Adds the page at `index` if it is not there, and to the last of the runs `added`.
    fn fill_one(
        &mut self,
        machine: &impl Machine,
        index: u64,
        added: &mut Vec<Range<u64>>,
    ) -> Result<(), NoFrame> {
        if self.get(machine, index).is_some() {
            return Ok(());
        }
        match added.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => {
                added.try_reserve(1).map_err(|_| NoFrame)?;
                added.push(index..index + 1);
            }
        }
        self.get_or_add(machine, index).map(drop)
    }

    /// How many frames there are: pages and nodes.
    pub(super) fn frames(&self, machine: &impl Machine) -> u64 {
        self.root
            .map_or(0, |root| frames_below(machine, root, self.height))
    }

    /// Gives up the `pages`, and the nodes that held nothing else.
    pub(super) fn remove(&mut self, machine: &impl Machine, pages: Range<u64>) {
        let Some(root) = self.root else { return };
        let last = pages.end.saturating_sub(1).min(self.last_index());
        if pages.start > last {
            return;
        }
        if cut(machine, root, self.height - 1, pages.start, last) {
            self.root = None;
            self.height = 0;
        }
    }

    /// The highest index that the root reaches.
    fn last_index(&self) -> u64 {
        let indices = 1u64.checked_shl(self.height * FAN_OUT_BITS).unwrap_or(0);
        indices.wrapping_sub(1)
    }

    fn reaches(&self, index: u64) -> bool {
        index.checked_shr(self.height * FAN_OUT_BITS).unwrap_or(0) == 0
    }

    /// Puts nodes on top until the root reaches `index`.
    fn grow_to(&mut self, machine: &impl Machine, index: u64) -> Result<(), NoFrame> {
        while self.root.is_none() || !self.reaches(index) {
            let top = zeroed(machine)?.into_raw();
            match self.root {
                Some(old) => {
                    set_child(machine, top, 0, Some(old));
                    self.height += 1;
                }
                // An empty map starts out as high as it has to be.
                None => {
                    self.height = 1;
                    while !self.reaches(index) {
                        self.height += 1;
                    }
                }
            }
            self.root = Some(top);
        }
        Ok(())
    }
}

/// A node of this height, or with 0 a page, and all frames below it.
fn frames_below(machine: &impl Machine, frame: PhysAddr, height: u32) -> u64 {
    let slots = if height == 0 { 0 } else { FAN_OUT };
    let children = (0..slots).filter_map(|slot| child(machine, frame, slot));
    1 + children
        .map(|child| frames_below(machine, child, height - 1))
        .sum::<u64>()
}

/// Gives up the pages from `first` to `last`, counted from the node's own first page; answers whether the node was given back
/// because nothing is left in it.
fn cut(machine: &impl Machine, node: PhysAddr, level: u32, first: u64, last: u64) -> bool {
    let (first_slot, last_slot) = (slot(first, level), slot(last, level));
    let whole = (1 << (level * FAN_OUT_BITS)) - 1;
    for index in first_slot..=last_slot {
        let Some(child) = child(machine, node, index) else {
            continue;
        };
        let first = if index == first_slot { first & whole } else { 0 };
        let last = if index == last_slot { last & whole } else { whole };
        let gone = if level == 0 {
            page::release(machine, child);
            true
        } else {
            cut(machine, child, level - 1, first, last)
        };
        if gone {
            set_child(machine, node, index, None);
        }
    }
    let empty = (0..FAN_OUT).all(|index| child(machine, node, index).is_none());
    if empty {
        // SAFETY: the node came from `Frame::into_raw`, and its only mention, the root or its parent's slot, is cleared by
        // the caller.
        machine.give_frame(unsafe { Frame::from_raw(node) });
    }
    empty
}

fn slot(index: u64, level: u32) -> usize {
    (index >> (level * FAN_OUT_BITS)) as usize & (FAN_OUT - 1)
}

fn zeroed(machine: &impl Machine) -> Result<Frame, NoFrame> {
    let mut frame = machine.take_frame().ok_or(NoFrame)?;
    machine.clear(&mut frame);
    Ok(frame)
}

fn child(machine: &impl Machine, node: PhysAddr, slot: usize) -> Option<PhysAddr> {
    // SAFETY: `node` is a frame that this map took and still owns, `slot` is below FAN_OUT, so the word lies within it; nobody
    // else knows the frame, and the object's lock is held.
    let word = unsafe { machine.pointer(node).cast::<u64>().add(slot).read() };
    (word != 0).then(|| PhysAddr::new(word & !(PAGE_SIZE - 1)))
}

fn set_child(machine: &impl Machine, node: PhysAddr, slot: usize, child: Option<PhysAddr>) {
    // The lowest bit tells a child at physical address zero from none.
    let word = child.map_or(0, |child| child.get() | 1);
    // SAFETY: as in `child`.
    unsafe { machine.pointer(node).cast::<u64>().add(slot).write(word) };
}
