//! Maps a program's segments, its stack and the vdso, and fills the stack.

use core::fmt;

use linux_raw_sys::general::{
    MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE,
};
use mm::{AddressSpace, Backing, Errno, MapRequest, Object, PAGE_SIZE, TASK_SIZE};

use super::auxv::{Facts, Strings};
use super::image::{Image, Protection, Refusal, Segment};
use super::outline::Outline;
use super::stack::{self, Contents};
use super::vdso::{self, Vdso};
use crate::arch::{UserFrame, hwcap};
use crate::memory::Machine;
use crate::process::{random, user};
use crate::sync::Mutex;

/// Where programs that can lie anywhere are put: two thirds up, far from the stack and the mappings, as on Linux.
const ANYWHERE_BASE: u64 = (TASK_SIZE / 3 * 2) & !(PAGE_SIZE - 1);
/// How much of the stack is mapped from the start, in bytes; the rest comes by faults.
const FIRST_STACK: u64 = 132 << 10;

type Space = AddressSpace<Machine>;

/// Why a program didn't start. Displays as one line.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The file can't be run.
    Refused(Refusal),
    /// Something couldn't be mapped.
    Unmappable(&'static str, Errno),
    /// Arguments and environment don't fit.
    ArgumentsTooLarge,
    /// The memory ran out as the program was copied in.
    OutOfMemory,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Unmappable(what, errno) => write!(f, "{what} can't be mapped ({errno})"),
            Self::ArgumentsTooLarge => write!(
                f,
                "arguments and environment take more than a quarter of the stack"
            ),
            Self::OutOfMemory => write!(f, "not enough memory"),
        }
    }
}

/// What is to run, and with what.
pub(crate) struct Start<'a> {
    /// The file's bytes, which its pages will be copied from.
    pub(crate) bytes: &'static [u8],
    /// The object that is mapped for them.
    pub(crate) object: Object<Machine>,
    /// The file's absolute path.
    pub(crate) path: &'a [u8],
    /// The arguments, the program's name first.
    pub(crate) arguments: &'a [&'a [u8]],
    /// The environment.
    pub(crate) environment: &'a [&'a [u8]],
}

/// A program that has been loaded.
pub(crate) struct Loaded {
    /// The registers of its first instruction.
    pub(crate) frame: UserFrame,
    /// Where signal handlers return to.
    pub(crate) signal_return: u64,
    /// Where its parts lie.
    pub(crate) outline: Outline,
}

/// Loads a program into `space`, which is empty and active: its pages are written as the program itself would write them.
///
/// # Errors
/// See [`Failure`]; the space is then of no more use.
pub(crate) fn load(space: &Mutex<Space>, start: &Start<'_>) -> Result<Loaded, Failure> {
    let image = placed(Image::parse(start.bytes).map_err(Failure::Refused)?)?;
    let vdso = {
        let mut space = space.lock();
        map_segments(&mut space, &image, &start.object)?;
        let layout = space.layout_mut();
        layout.brk_start = image.span().end;
        layout.data_len = image.data_len();
        map_stack(&mut space, &image)?;
        vdso::map(&mut space).map_err(|errno| Failure::Unmappable("the vdso", errno))?
    };
    clear_tails(&image)?;
    let mut outline = Outline::of(&image);
    fill_stack(start, facts(&image, vdso), &mut outline)?;
    Ok(Loaded {
        frame: UserFrame::new(image.entry, outline.stack),
        signal_return: vdso.signal_return,
        outline,
    })
}

/// The image where it is to lie: where it says, or if that doesn't matter where programs are put.
fn placed(image: Image) -> Result<Image, Failure> {
    if !image.position_independent {
        return Ok(image);
    }
    let (span, start) = (image.span(), ANYWHERE_BASE & !(image.alignment - 1));
    if span.end - span.start > TASK_SIZE - start {
        return Err(Failure::Unmappable("a segment", Errno::ENOMEM));
    }
    // Addresses keep their remainder modulo the alignment.
    let distance = start.wrapping_sub(span.start & !(image.alignment - 1));
    Ok(image.moved(distance))
}

fn map_segments(space: &mut Space, image: &Image, object: &Object<Machine>) -> Result<(), Failure> {
    let mut mapped_to = 0;
    for segment in &image.segments {
        // Two segments may share a page; the later one has it, as on Linux.
        let shares_page = segment.start & !(PAGE_SIZE - 1) < mapped_to;
        let fixed = if shares_page {
            MAP_FIXED
        } else {
            MAP_FIXED_NOREPLACE
        };
        mapped_to = map_segment(space, segment, fixed, object)
            .map_err(|errno| Failure::Unmappable("a segment", errno))?;
    }
    Ok(())
}

/// Maps one segment: pages of the file, then pages of zeros. Returns its end.
fn map_segment(
    space: &mut Space,
    segment: &Segment,
    fixed: u32,
    object: &Object<Machine>,
) -> Result<u64, Errno> {
    let prot = prot_bits(segment.protection);
    let start = segment.start & !(PAGE_SIZE - 1);
    let file_end = segment.file_end().next_multiple_of(PAGE_SIZE);
    let end = segment.end().next_multiple_of(PAGE_SIZE);
    let has_file = segment.file.start < segment.file.end;
    let zeros_from = if has_file { file_end } else { start };
    let mut map = |addr, end: u64, flags: u32, backing| {
        let flags = u64::from(fixed | MAP_PRIVATE | flags);
        space
            .mmap(MapRequest {
                addr,
                len: end - addr,
                prot,
                flags,
                backing,
            })
            .map(|_| ())
    };
    if has_file {
        let offset = segment.file.start & !(PAGE_SIZE - 1);
        map(
            start,
            file_end,
            0,
            Backing::Object {
                object: object.clone(),
                offset,
                writable: false,
            },
        )?;
    }
    if zeros_from < end {
        map(zeros_from, end, MAP_ANONYMOUS, Backing::Anonymous)?;
    }
    Ok(end)
}

fn prot_bits(protection: Protection) -> u64 {
    let bit = |set: bool, bit: u32| if set { u64::from(bit) } else { 0 };
    bit(protection.read, PROT_READ) | bit(protection.write, PROT_WRITE) | bit(protection.execute, PROT_EXEC)
}

/// Zeros the rest of each page on which the file's part of a segment ends and its zeros begin.
fn clear_tails(image: &Image) -> Result<(), Failure> {
    for segment in image.segments.iter().filter(|segment| segment.protection.write) {
        let tail = segment.file_end();
        let len = (tail.next_multiple_of(PAGE_SIZE) - tail).min(segment.end() - tail);
        let has_file = segment.file.start < segment.file.end;
        if has_file && len > 0 {
            user::clear(tail, len as usize).map_err(|_| Failure::OutOfMemory)?;
        }
    }
    Ok(())
}

fn map_stack(space: &mut Space, image: &Image) -> Result<(), Failure> {
    let unmappable = |errno| Failure::Unmappable("the stack", errno);
    space.map_stack(TASK_SIZE, FIRST_STACK).map_err(unmappable)?;
    space.layout_mut().stack = TASK_SIZE - PAGE_SIZE;
    if image.executable_stack {
        let prot = PROT_READ | PROT_WRITE | PROT_EXEC;
        space
            .mprotect(TASK_SIZE - FIRST_STACK, FIRST_STACK, prot.into())
            .map_err(unmappable)?;
    }
    Ok(())
}

fn facts(image: &Image, vdso: Vdso) -> Facts {
    Facts {
        headers: image.headers.unwrap_or(0),
        header_count: image.header_count,
        entry: image.entry,
        vdso: vdso.base,
        hwcap: hwcap::first(),
        hwcap2: hwcap::second(),
        strings: Strings::default(),
    }
}

/// Copies the first words and strings to the top of the stack, and notes where they lie.
fn fill_stack(start: &Start<'_>, mut facts: Facts, outline: &mut Outline) -> Result<(), Failure> {
    let mut seed = [0; 16];
    random::fill(&mut seed);
    let contents = Contents {
        arguments: start.arguments,
        environment: start.environment,
        path: start.path,
        random: seed,
    };
    let stack = stack::build(TASK_SIZE, &contents, &mut facts).map_err(|_| Failure::ArgumentsTooLarge)?;
    user::copy_out(stack.bottom, &stack.bytes).map_err(|_| Failure::OutOfMemory)?;
    outline.stack = stack.bottom;
    outline.auxiliary = stack
        .auxiliary
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    (outline.arguments, outline.environment) = (stack.arguments, stack.environment);
    let strings = start.environment.iter();
    outline.environment_bytes = strings.flat_map(|string| [*string, &[0]].concat()).collect();
    Ok(())
}
