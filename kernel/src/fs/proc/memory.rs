//! `/proc/inarch/memory`: who has the frames.

use mm::{Object, PAGE_SHIFT, TASK_SIZE};

use super::listing::measure;
use super::text::Text;
use crate::memory::{self, Machine};
use crate::process::Process;

/// A name and a number a line, in frames but for the bytes of the heap. What is free and what somebody has are together always the
/// same, or a frame is lost.
///
/// - `free`: nobody's;
/// - `heap`: the kernel heap's, which keeps what it once had;
/// - `kernel-tables`: tables of the kernel's half, which are kept as well;
/// - `tables`: the reader's page tables, with those that are at hand for its next call;
/// - `zeros`: what the reader's pages show that nothing was stored to;
/// - `pages`: what belongs to the reader's mappings alone;
/// - `objects`: memory objects, as far as the reader maps them or has them open;
/// - `heap-used`: bytes of the heap in use;
/// - `heap-mappings`: bytes of these that the reader's mappings take.
pub(super) fn memory(process: &Process, text: &mut Text) {
    let footprint = measure(process, 0, TASK_SIZE);
    let objects = frames_of_objects(process);
    let heap = memory::heap_usage();
    let space = process.space.lock();
    let lines = [
        ("free", memory::free_frames() as u64),
        ("heap", heap.frames),
        ("kernel-tables", memory::table_frames()),
        ("tables", space.table_pages() + space.spare_tables()),
        ("zeros", space.zero_frames()),
        ("pages", (footprint.anonymous + footprint.file) >> PAGE_SHIFT),
        ("objects", objects),
        ("heap-used", heap.used),
        ("heap-mappings", space.heap_bytes()),
    ];
    drop(space);
    for (name, number) in lines {
        text.add(format_args!("{name} {number}\n"));
    }
}

/// Frames of the memory objects that a process maps or has open, each counted once.
fn frames_of_objects(process: &Process) -> u64 {
    let space = process.space.lock();
    let mapped: u64 = space.objects().map(Object::frames).sum();
    let files = process.files.lock();
    let object = |number: usize| files.get(number as i32).ok()?.file.object().ok();
    let open = core::iter::successors(files.first_from(0), |number| files.first_from(number + 1));
    let open = open.filter_map(|number| object(number).map(|object| (number, object)));
    let others = open.filter(|(number, open)| {
        let is_it = |other: &Object<Machine>| other == open;
        !space.objects().any(is_it) && !(0..*number).filter_map(object).any(|other| is_it(&other))
    });
    mapped + others.map(|(_, object)| object.frames()).sum::<u64>()
}
