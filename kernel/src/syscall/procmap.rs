//! `PROCMAP_QUERY`: one mapping, asked for by address on an open `/proc/PID/maps` (Linux 7.3, `fs/proc/task_mmu.c`).

use alloc::vec::Vec;
use core::mem::{offset_of, size_of};

use linux_raw_sys::general::procmap_query_flags as flag;
use linux_raw_sys::general::{PATH_MAX, procmap_query};
use mm::{Errno, Mapping, PAGE_SIZE};

use super::{Answer, Call};
use crate::process::Process;
use crate::process::user::{self, Plain};

/// The command: `_IOWR('f', 17, struct procmap_query)`.
pub(super) const QUERY: u32 = 3 << 30 | (size_of::<procmap_query>() as u32) << 16 | (b'f' as u32) << 8 | 17;

const READABLE: u64 = flag::PROCMAP_QUERY_VMA_READABLE as u64;
const WRITABLE: u64 = flag::PROCMAP_QUERY_VMA_WRITABLE as u64;
const EXECUTABLE: u64 = flag::PROCMAP_QUERY_VMA_EXECUTABLE as u64;
const SHARED: u64 = flag::PROCMAP_QUERY_VMA_SHARED as u64;
const OR_NEXT: u64 = flag::PROCMAP_QUERY_COVERING_OR_NEXT_VMA as u64;
const WITH_FILE: u64 = flag::PROCMAP_QUERY_FILE_BACKED_VMA as u64;
/// What a mapping can be asked to allow.
const RIGHTS: u64 = READABLE | WRITABLE | EXECUTABLE | SHARED;

/// The least that a program's structure has: up to the address that it asks for.
const LEAST: usize = offset_of!(procmap_query, query_addr) + size_of::<u64>();
/// How many mappings are looked at under one hold of the address space's lock.
const BATCH: usize = 1024;

pub(super) fn query(call: &Call<'_>, process: &Process) -> Answer {
    let (mut query, size) = read_query(call)?;
    check(&query)?;
    if process.exit_status().is_some() {
        return Err(Errno::ESRCH);
    }
    call.may_keep()?;
    let name = find(process, &mut query)?;
    // No build identifier is looked for: zero says that there is none.
    query.build_id_size = 0;
    if !name.is_empty() {
        user::copy_out(query.vma_name_addr, &name)?;
    }
    user::copy_out(call.arg(2), &query.as_bytes()[..size])?;
    Ok(0)
}

/// The program's structure, and how much of it the program knows.
///
/// # Errors
/// `E2BIG` for one that is longer than a page or has something in what this kernel does not know, `EINVAL` for one that is too short,
/// `EFAULT`.
fn read_query(call: &Call<'_>) -> Result<(procmap_query, usize), Errno> {
    const SIZE: usize = size_of::<procmap_query>();
    let size: u64 = call.pointer(2).read()?;
    if size > PAGE_SIZE {
        return Err(Errno::E2BIG);
    }
    let size = size as usize;
    if size < LEAST {
        return Err(Errno::EINVAL);
    }
    let mut rest = [0; 64];
    let mut at = SIZE;
    while at < size {
        let rest = &mut rest[..(size - at).min(64)];
        user::copy_in(rest, call.arg(2).wrapping_add(at as u64))?;
        if rest.iter().any(|byte| *byte != 0) {
            return Err(Errno::E2BIG);
        }
        at += rest.len();
    }
    let mut query = procmap_query::zeroed();
    let known = size.min(SIZE);
    user::copy_in(&mut query.as_bytes_mut()[..known], call.arg(2))?;
    Ok((query, known))
}

/// # Errors
/// `EINVAL` for an unknown flag, and for a buffer without a size or the other way round.
fn check(query: &procmap_query) -> Result<(), Errno> {
    let unknown = query.query_flags & !(RIGHTS | OR_NEXT | WITH_FILE) != 0;
    let half = |size: u32, address: u64| (size != 0) != (address != 0);
    if unknown
        || half(query.vma_name_size, query.vma_name_addr)
        || half(query.build_id_size, query.build_id_addr)
    {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// Fills in what is known of the mapping that is asked for, and answers its name with a NUL; nothing where no name is wanted or there is
/// none.
///
/// # Errors
/// `ENOENT` where there is no such mapping, `ENAMETOOLONG` where its name has no room.
fn find(process: &Process, query: &mut procmap_query) -> Result<Vec<u8>, Errno> {
    let mut address = query.query_addr;
    loop {
        let space = process.space.lock();
        let mut looked_at = 0;
        for mapping in space.mappings_from(address).take(BATCH) {
            looked_at += 1;
            address = mapping.range.end().get();
            let covers = mapping.range.start().get() <= query.query_addr;
            if suits(&mapping, query.query_flags) && (covers || query.query_flags & OR_NEXT != 0) {
                fill_in(query, &mapping);
                return name_of(query, &mapping);
            }
            if query.query_flags & OR_NEXT == 0 {
                return Err(Errno::ENOENT);
            }
        }
        if looked_at < BATCH {
            return Err(Errno::ENOENT);
        }
    }
}

fn suits(mapping: &Mapping<'_>, flags: u64) -> bool {
    let wanted = flags & RIGHTS;
    (flags & WITH_FILE == 0 || mapping.has_file) && rights(mapping) & wanted == wanted
}

fn rights(mapping: &Mapping<'_>) -> u64 {
    let bit = |set, bit| if set { bit } else { 0 };
    bit(mapping.read, READABLE)
        | bit(mapping.write, WRITABLE)
        | bit(mapping.execute, EXECUTABLE)
        | bit(mapping.shared, SHARED)
}

fn fill_in(query: &mut procmap_query, mapping: &Mapping<'_>) {
    query.vma_start = mapping.range.start().get();
    query.vma_end = mapping.range.end().get();
    query.vma_flags = rights(mapping);
    query.vma_page_size = PAGE_SIZE;
    query.vma_offset = mapping.offset;
    query.inode = mapping.inode;
    (query.dev_major, query.dev_minor) = mapping.device;
}

fn name_of(query: &mut procmap_query, mapping: &Mapping<'_>) -> Result<Vec<u8>, Errno> {
    let room = query.vma_name_size.min(PATH_MAX) as usize;
    query.vma_name_size = 0;
    if room == 0 || mapping.name.is_empty() {
        return Ok(Vec::new());
    }
    let name = [mapping.name.as_bytes(), b"\0"].concat();
    if name.len() > room {
        return Err(Errno::ENAMETOOLONG);
    }
    query.vma_name_size = name.len() as u32;
    Ok(name)
}
