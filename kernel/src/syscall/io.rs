//! Reading, writing and seeking.

use alloc::sync::Arc;
use alloc::vec::Vec;

use linux_raw_sys::general::{SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET};
use mm::Errno;

use super::{Answer, Call};
use crate::fs::OpenFile;
use crate::process::user::{self, UserPtr};

/// The most that one call transfers: Linux's `MAX_RW_COUNT`.
const MOST_BYTES: u64 = 0x7fff_f000;
/// The most pieces that `readv` and `writev` take (`UIO_MAXIOV`).
const MOST_PIECES: i32 = 1024;
/// How many bytes of a folder's records are made for one `getdents64`, but for the last: who wants more asks again.
const MOST_RECORDS: usize = 32 << 10;
/// What is copied at a time, by way of a buffer on the stack: a small one for the many small transfers.
const SMALL: usize = 256;
const LARGE: usize = 4096;

/// A stretch of a program's memory, in bytes.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) address: u64,
    pub(super) len: u64,
}

/// Where a transfer takes place in its file.
#[derive(Clone, Copy)]
enum Place {
    /// At the open file's position, which moves on.
    Position,
    /// Here, and the position stays.
    Offset(u64),
}

impl Place {
    /// The offset of the first byte, for an open file at `position`.
    fn start(self, position: u64) -> u64 {
        match self {
            Self::Position => position,
            Self::Offset(offset) => offset,
        }
    }
}

pub(super) fn read(call: &mut Call<'_>) -> Answer {
    let open = readable(call)?;
    read_pieces(&open, &[piece(call)?], Place::Position)
}

pub(super) fn write(call: &mut Call<'_>) -> Answer {
    let open = writable(call)?;
    write_pieces(&open, &[piece(call)?], Place::Position)
}

pub(super) fn readv(call: &mut Call<'_>) -> Answer {
    let open = readable(call)?;
    read_pieces(&open, &pieces(call)?, Place::Position)
}

pub(super) fn writev(call: &mut Call<'_>) -> Answer {
    let open = writable(call)?;
    write_pieces(&open, &pieces(call)?, Place::Position)
}

pub(super) fn pread64(call: &mut Call<'_>) -> Answer {
    let offset = positive(call.arg(3))?;
    let open = readable(call)?;
    if !open.file.is_seekable() {
        return Err(Errno::ESPIPE);
    }
    read_pieces(&open, &[piece(call)?], Place::Offset(offset))
}

pub(super) fn pwrite64(call: &mut Call<'_>) -> Answer {
    let offset = positive(call.arg(3))?;
    let open = writable(call)?;
    if !open.file.is_seekable() {
        return Err(Errno::ESPIPE);
    }
    write_pieces(&open, &[piece(call)?], Place::Offset(offset))
}

pub(super) fn lseek(call: &mut Call<'_>) -> Answer {
    let open = call.process().files.lock().get(call.int(0))?.clone();
    if !open.file.is_seekable() {
        return Err(Errno::ESPIPE);
    }
    if !open.file.has_positions() && call.uint(2) <= SEEK_HOLE {
        return Ok(0);
    }
    let offset = call.arg(1) as i64;
    let base = match call.uint(2) {
        SEEK_SET => 0,
        SEEK_CUR => open.position(),
        SEEK_END => open.file.end()?,
        // No file here tells of holes: it is data to its end.
        whence @ (SEEK_DATA | SEEK_HOLE) => match open.file.end()?.checked_sub(offset as u64) {
            Some(1..) if whence == SEEK_DATA => 0,
            Some(left @ 1..) => left,
            _ => return Err(Errno::ENXIO),
        },
        _ => return Err(Errno::EINVAL),
    };
    let position = base
        .checked_add_signed(offset)
        .filter(|&position| i64::try_from(position).is_ok());
    let position = position.ok_or(Errno::EINVAL)?;
    open.set_position(position);
    Ok(position)
}

pub(super) fn getdents64(call: &mut Call<'_>) -> Answer {
    call.may_keep()?;
    let open = call.process().files.lock().get(call.int(0))?.clone();
    let room = call.uint(2) as usize;
    let mut records: Vec<u8> = Vec::new();
    let mut position = open.position();
    while let Some(entry) = open.file.entry(position)? {
        // struct linux_dirent64: inode, next position, length, type, name and NUL; a multiple of 8 bytes.
        let len = (19 + entry.name.len() + 1).next_multiple_of(8);
        if records.len() + len > room || records.len() >= MOST_RECORDS {
            break;
        }
        position = entry.next;
        let end = records.len() + len;
        records.extend(entry.inode.to_le_bytes());
        records.extend(position.to_le_bytes());
        records.extend((len as u16).to_le_bytes());
        records.push((entry.mode >> 12) as u8);
        records.extend(&entry.name);
        records.resize(end, 0);
    }
    if records.is_empty() && open.file.entry(position)?.is_some() {
        return Err(Errno::EINVAL);
    }
    user::copy_out(call.arg(1), &records)?;
    open.set_position(position);
    Ok(records.len() as u64)
}

fn readable(call: &Call<'_>) -> Result<Arc<OpenFile>, Errno> {
    let open = call.process().files.lock().get(call.int(0))?.clone();
    if open.is_readable() {
        Ok(open)
    } else {
        Err(Errno::EBADF)
    }
}

fn writable(call: &Call<'_>) -> Result<Arc<OpenFile>, Errno> {
    let open = call.process().files.lock().get(call.int(0))?.clone();
    if open.is_writable() {
        Ok(open)
    } else {
        Err(Errno::EBADF)
    }
}

/// A position as `off_t`, which must not be negative.
fn positive(offset: u64) -> Result<u64, Errno> {
    i64::try_from(offset).map(|_| offset).map_err(|_| Errno::EINVAL)
}

/// The buffer that arguments 1 and 2 name.
fn piece(call: &Call<'_>) -> Result<Piece, Errno> {
    let piece = Piece {
        address: call.arg(1),
        len: call.arg(2),
    };
    // Linux refuses a count that is negative as `ssize_t` before it looks where the buffer lies.
    positive(piece.len)?;
    user::check_range(piece.address, piece.len)?;
    Ok(Piece {
        len: piece.len.min(MOST_BYTES),
        ..piece
    })
}

/// The buffers that arguments 1 and 2 list.
///
/// # Errors
/// `EINVAL` for too many, or a length that is negative; `EFAULT`, `ENOMEM`.
pub(super) fn pieces(call: &Call<'_>) -> Result<Vec<Piece>, Errno> {
    let count = call.int(2);
    if !(0..=MOST_PIECES).contains(&count) {
        return Err(Errno::EINVAL);
    }
    let list: UserPtr<[u64; 2]> = call.pointer(1);
    let mut pieces = Vec::new();
    pieces
        .try_reserve_exact(count as usize)
        .map_err(|_| Errno::ENOMEM)?;
    let mut room = MOST_BYTES;
    for index in 0..count as u64 {
        let [address, len] = list.element(index).read()?;
        positive(len)?;
        // Of a single piece Linux looks at no more than will be transferred (`import_ubuf`), of several at all.
        let looked_at = if count == 1 { len.min(room) } else { len };
        user::check_range(address, looked_at)?;
        let len = len.min(room);
        room -= len;
        pieces.push(Piece { address, len });
    }
    Ok(pieces)
}

fn read_pieces(open: &OpenFile, pieces: &[Piece], place: Place) -> Answer {
    let mut offset = place.start(open.position());
    for piece in pieces {
        open.file.check_read(offset, piece.len)?;
        offset = offset.saturating_add(piece.len);
    }
    transfer(open, pieces, place, open.position(), |offset, address, buffer| {
        let count = open.file.read(offset, buffer)?;
        user::copy_out(address, &buffer[..count])?;
        Ok(count)
    })
}

fn write_pieces(open: &OpenFile, pieces: &[Piece], place: Place) -> Answer {
    transfer(
        open,
        pieces,
        place,
        open.write_position(),
        |offset, address, buffer| {
            user::copy_in(buffer, address)?;
            open.file.write(offset, buffer)
        },
    )
}

/// Transfers the pieces one after the other, a buffer at a time, until one comes short or fails. A failure after the first bytes is
/// not told: the call answers how far it came.
fn transfer(
    open: &OpenFile,
    pieces: &[Piece],
    place: Place,
    position: u64,
    step: impl Fn(u64, u64, &mut [u8]) -> Result<usize, Errno>,
) -> Answer {
    let start = place.start(position);
    let largest = pieces.iter().map(|piece| piece.len).max().unwrap_or(0);
    // As on Linux: a file takes what it can get, a terminal takes a buffer.
    let by_pages = open.file.is_seekable();
    let mut done = 0;
    let outcome = if largest <= SMALL as u64 {
        transfer_by(&mut [0; SMALL], pieces, by_pages, start, &mut done, step)
    } else {
        transfer_by(&mut [0; LARGE], pieces, by_pages, start, &mut done, step)
    };
    if let Place::Position = place
        && open.file.is_seekable()
    {
        open.set_position(start + done);
    }
    match outcome {
        Err(errno) if done == 0 => Err(errno),
        _ => Ok(done),
    }
}

/// The transfer by way of `buffer`. With `by_pages` no copy crosses the end of a page of the program's, so that all that can be copied is;
/// without, a buffer goes whole or not at all.
fn transfer_by(
    buffer: &mut [u8],
    pieces: &[Piece],
    by_pages: bool,
    start: u64,
    done: &mut u64,
    step: impl Fn(u64, u64, &mut [u8]) -> Result<usize, Errno>,
) -> Result<(), Errno> {
    for piece in pieces {
        let mut within = 0;
        while within < piece.len {
            let at = piece.address + within;
            let room = if by_pages { user::to_page_end(at) } else { u64::MAX };
            let wanted = (piece.len - within).min(room).min(buffer.len() as u64) as usize;
            let count = step(start + *done, at, &mut buffer[..wanted])?;
            within += count as u64;
            *done += count as u64;
            // The end, or what a terminal has so far: it doesn't wait for more.
            if count < wanted {
                return Ok(());
            }
        }
    }
    Ok(())
}
