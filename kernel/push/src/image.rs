//! The kernel's flat image, as far as it must be known to be put somewhere (Linux, Documentation/arch/arm64/booting.rst).

const SIZE: usize = 16;
const FLAGS: usize = 24;
const MAGIC: usize = 56;

/// Flags: big-endian; and anywhere in memory.
const BIG_ENDIAN: u64 = 1 << 0;
const ANYWHERE: u64 = 1 << 3;

/// How many bytes of memory the kernel takes that begins with `image`: the file, and what it needs behind that. `None` where it has
/// no header of a kernel that runs wherever it is put.
pub(crate) fn memory_of(image: &[u8]) -> Option<usize> {
    let field = |at: usize| Some(u64::from_le_bytes(image.get(at..at + 8)?.try_into().ok()?));
    if image.get(MAGIC..MAGIC + 4)? != b"ARM\x64" || field(FLAGS)? & (BIG_ENDIAN | ANYWHERE) != ANYWHERE {
        return None;
    }
    let memory = usize::try_from(field(SIZE)?).ok()?;
    (memory >= image.len()).then_some(memory)
}
