//! Which mappings take which advice.

use super::Advice;
use crate::Errno;
use crate::vma::{Prot, Vma, VmaFlags};

impl Advice {
    /// Whether a mapping can take the advice.
    ///
    /// # Errors
    /// `EPERM` where pages of a sealed mapping would be lost that the program could not clear itself, `EACCES` for the removal of
    /// pages of an object that the mapping may not write to, else `EINVAL`.
    pub(super) fn check(self, vma: &Vma) -> Result<(), Errno> {
        if self.loses_pages()
            && vma.flags.contains(VmaFlags::SEALED)
            && vma.is_anonymous()
            && !vma.prot.contains(Prot::WRITE)
        {
            return Err(Errno::EPERM);
        }
        if self.is_refused_by(vma) {
            return Err(Errno::EINVAL);
        }
        let writes_object = vma.flags.contains(VmaFlags::SHARED | VmaFlags::MAYWRITE);
        if self == Self::Remove && !writes_object {
            return Err(Errno::EACCES);
        }
        Ok(())
    }

    fn is_refused_by(self, vma: &Vma) -> bool {
        use VmaFlags as F;
        let refusing = match self {
            Self::Drop { also_locked: true } => F::PFNMAP,
            Self::Drop { also_locked: false } | Self::Free | Self::Cold | Self::PageOut => {
                F::PFNMAP | F::LOCKED
            }
            Self::Remove => F::LOCKED,
            Self::Guard => F::SPECIAL | F::LOCKED,
            Self::Unguard => F::SPECIAL,
            Self::Flags {
                set: F::WIPEONFORK, ..
            } => F::SHARED,
            Self::Flags {
                clear: F::WIPEONFORK, ..
            } => F::DROPPABLE,
            Self::Flags {
                clear: F::DONTFORK, ..
            } => F::SPECIAL,
            Self::Flags {
                clear: F::DONTDUMP, ..
            } => F::SPECIAL | F::DROPPABLE,
            Self::Flags { .. } | Self::Nothing | Self::Populate(_) | Self::Collapse | Self::Poison => {
                F::empty()
            }
        };
        let wrong_kind = match self {
            Self::Free => !vma.is_anonymous(),
            Self::Remove => !vma.has_file(),
            Self::Flags {
                set: F::WIPEONFORK, ..
            } => vma.has_file(),
            _ => false,
        };
        vma.flags.intersects(refusing) || wrong_kind
    }

    /// Linux's `is_discard`.
    fn loses_pages(self) -> bool {
        match self {
            Self::Drop { .. } | Self::Free | Self::Remove | Self::Guard => true,
            Self::Flags { set, .. } => set.intersects(VmaFlags::DONTFORK | VmaFlags::WIPEONFORK),
            Self::Unguard
            | Self::Collapse
            | Self::Nothing
            | Self::Cold
            | Self::PageOut
            | Self::Populate(_)
            | Self::Poison => false,
        }
    }
}
