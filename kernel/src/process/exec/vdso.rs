//! The vdso, and the page of data below it.

use mm::{AddressSpace, Errno, Object, PAGE_SIZE};

use crate::memory::Machine;
use crate::process::clock::clock;
use crate::sync::Once;

core::arch::global_asm!(include_str!("vdso/vdso.s"));

unsafe extern "C" {
    static vdso_start: u8;
    static vdso_sigreturn: u8;
    static vdso_end: u8;
}

const READ: u64 = linux_raw_sys::general::PROT_READ as u64;
const EXECUTE: u64 = linux_raw_sys::general::PROT_EXEC as u64;

/// Where a program finds the vdso.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vdso {
    /// Address of its ELF header.
    pub(super) base: u64,
    /// Address of the code that a signal handler returns to.
    pub(super) signal_return: u64,
}

/// The two things that are mapped: the data page and the library.
struct Objects {
    data: Object<Machine>,
    code: Object<Machine>,
}

/// Maps the vdso into `space`, with its data page right below.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn map(space: &mut AddressSpace<Machine>) -> Result<Vdso, Errno> {
    let objects = objects()?;
    // The library first, then its data below: the search goes from the top down, but only the second place is certain.
    let library = space.map_special(0, objects.code.clone(), READ | EXECUTE)?.get();
    let data = space
        .map_special(library - PAGE_SIZE, objects.data.clone(), READ)?
        .get();
    if data != library - PAGE_SIZE {
        return Err(Errno::ENOMEM);
    }
    let offset = (&raw const vdso_sigreturn).addr() - (&raw const vdso_start).addr();
    Ok(Vdso {
        base: library,
        signal_return: library + offset as u64,
    })
}

/// The objects, made once and shared by all programs.
fn objects() -> Result<&'static Objects, Errno> {
    static OBJECTS: Once<Objects> = Once::new();
    static DATA: Once<[u8; PAGE_SIZE as usize]> = Once::new();
    OBJECTS.try_call_once(|| {
        let data = DATA.call_once(data_page);
        Ok(Objects {
            data: Object::image(Machine, data, "[vvar]")?,
            code: Object::image(Machine, library(), "[vdso]")?,
        })
    })
}

/// The library's bytes.
pub(super) fn library() -> &'static [u8] {
    let start = &raw const vdso_start;
    let len = (&raw const vdso_end).addr() - start.addr();
    // SAFETY: the assembly above puts `len` constant bytes between the two symbols.
    unsafe { core::slice::from_raw_parts(start, len) }
}

/// The words that the library's code reads, in a page.
fn data_page() -> [u8; PAGE_SIZE as usize] {
    let mut page = [0; PAGE_SIZE as usize];
    for (place, word) in page.chunks_mut(8).zip(clock().words()) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    page
}
