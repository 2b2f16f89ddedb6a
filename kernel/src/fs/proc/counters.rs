//! `/proc/inarch/counters`: what calls on the reader's address space had to do, in the units that cost something on silicon.

use super::text::Text;
use crate::process::Process;

/// A name a line, then the count since the process began and the count of the last call on memory or page fault before this: the
/// counts of [`mm::table::Counters`], and the nodes of the tree of mappings that were gone through.
pub(super) fn counters(process: &Process, text: &mut Text) {
    let space = process.space.lock();
    let ((since_start, last_call), nodes) = (space.counters(), space.nodes_visited());
    drop(space);
    let tables = since_start.entries().zip(last_call.entries());
    let tables = tables.map(|((name, all), (_, last))| (name, all, last));
    for (name, all, last) in tables.chain([("nodes", nodes.0, nodes.1)]) {
        text.add(format_args!("{name} {all} {last}\n"));
    }
}
