//! `/proc/inarch/counters`: what calls on the reader's address space had to do, in the units that cost something on silicon.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::process::Process;

/// A name a line, then the count since the process began and the count of the last call on memory or page fault before this: the
/// counts of [`mm::table::Counters`], and the nodes of the tree of mappings that were gone through.
pub(super) fn counters(process: &Process) -> Vec<u8> {
    let space = process.space.lock();
    let ((since_start, last_call), nodes) = (space.counters(), space.nodes_visited());
    drop(space);
    let tables = since_start.entries().zip(last_call.entries());
    let tables = tables.map(|((name, all), (_, last))| (name, all, last));
    tables
        .chain([("nodes", nodes.0, nodes.1)])
        .map(|(name, all, last)| format!("{name} {all} {last}\n"))
        .collect::<String>()
        .into_bytes()
}
