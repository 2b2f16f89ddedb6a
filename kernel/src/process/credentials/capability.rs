//! Capabilities: the sets, and what changes them (`capabilities(7)`).

use linux_raw_sys::general::{
    CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_LAST_CAP,
    CAP_LINUX_IMMUTABLE, CAP_MAC_OVERRIDE, CAP_MKNOD, CAP_SETPCAP,
};
use mm::Errno;

use super::{Ids, ROOT};

/// All capabilities there are.
pub(crate) const ALL: u64 = (1 << (CAP_LAST_CAP + 1)) - 1;

/// What comes and goes with the user that files are opened as.
const OF_FILES: u64 = flag(CAP_CHOWN)
    | flag(CAP_MKNOD)
    | flag(CAP_DAC_OVERRIDE)
    | flag(CAP_DAC_READ_SEARCH)
    | flag(CAP_FOWNER)
    | flag(CAP_FSETID)
    | flag(CAP_LINUX_IMMUTABLE)
    | flag(CAP_MAC_OVERRIDE);

/// The securebits that can be set; the lock of each is the bit above.
mod secure {
    pub(super) const NO_SETUID_FIXUP: u32 = 1 << 2;
    pub(super) const KEEP_CAPS: u32 = 1 << 4;
    pub(super) const NO_AMBIENT_RAISE: u32 = 1 << 6;
    /// Those that a program sets for itself to look at, without privilege.
    pub(super) const UNPRIVILEGED: u32 = 1 << 8 | 1 << 10;
    pub(super) const BITS: u32 = 1 | NO_SETUID_FIXUP | KEEP_CAPS | NO_AMBIENT_RAISE | UNPRIVILEGED;
    pub(super) const LOCKS: u32 = BITS << 1;
}

/// The bit of `capability` in a set.
pub(crate) const fn flag(capability: u32) -> u64 {
    1 << capability
}

/// A capability's number as a program gives it.
///
/// # Errors
/// `EINVAL` for one that there isn't.
pub(crate) fn checked(number: u64) -> Result<u32, Errno> {
    u32::try_from(number)
        .ok()
        .filter(|number| *number <= CAP_LAST_CAP)
        .ok_or(Errno::EINVAL)
}

/// A process's capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sets {
    /// What it may do now.
    pub(crate) effective: u64,
    /// What it can take into the effective set.
    pub(crate) permitted: u64,
    /// What a program may get that it executes.
    pub(crate) inheritable: u64,
    /// What it can ever get.
    pub(crate) bounding: u64,
    /// What a program without privileges gets that it executes.
    pub(crate) ambient: u64,
    /// `PR_SET_SECUREBITS`
    pub(crate) secure_bits: u32,
}

impl Default for Sets {
    /// What root has.
    fn default() -> Self {
        Self {
            effective: ALL,
            permitted: ALL,
            inheritable: 0,
            bounding: ALL,
            ambient: 0,
            secure_bits: 0,
        }
    }
}

/// What `PR_CAP_AMBIENT` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AmbientChange {
    /// `PR_CAP_AMBIENT_RAISE`
    Raise,
    /// `PR_CAP_AMBIENT_LOWER`
    Lower,
}

impl Sets {
    fn has(&self, capability: u32) -> bool {
        self.effective & flag(capability) != 0
    }

    /// `capset(2)`.
    ///
    /// # Errors
    /// `EPERM` where something would be gained that may not be.
    pub(crate) fn set(&mut self, effective: u64, permitted: u64, inheritable: u64) -> Result<(), Errno> {
        let [effective, permitted, inheritable] = [effective, permitted, inheritable].map(|set| set & ALL);
        let capped = !self.has(CAP_SETPCAP);
        let inherits_more = (capped && inheritable & !(self.inheritable | self.permitted) != 0)
            || inheritable & !(self.inheritable | self.bounding) != 0;
        if inherits_more || permitted & !self.permitted != 0 || effective & !permitted != 0 {
            return Err(Errno::EPERM);
        }
        (self.effective, self.permitted, self.inheritable) = (effective, permitted, inheritable);
        self.ambient &= permitted & inheritable;
        Ok(())
    }

    /// `PR_CAPBSET_DROP`.
    ///
    /// # Errors
    /// `EPERM`, `EINVAL`.
    pub(crate) fn drop_bounding(&mut self, number: u64) -> Result<(), Errno> {
        if !self.has(CAP_SETPCAP) {
            return Err(Errno::EPERM);
        }
        self.bounding &= !flag(checked(number)?);
        Ok(())
    }

    /// `PR_CAP_AMBIENT_RAISE` and `PR_CAP_AMBIENT_LOWER`.
    ///
    /// # Errors
    /// `EPERM`.
    pub(crate) fn change_ambient(&mut self, change: AmbientChange, capability: u32) -> Result<(), Errno> {
        let flag = flag(capability);
        match change {
            AmbientChange::Lower => self.ambient &= !flag,
            AmbientChange::Raise => {
                let allowed = self.permitted & self.inheritable & flag != 0;
                if !allowed || self.secure_bits & secure::NO_AMBIENT_RAISE != 0 {
                    return Err(Errno::EPERM);
                }
                self.ambient |= flag;
            }
        }
        Ok(())
    }

    /// `PR_SET_SECUREBITS`.
    ///
    /// # Errors
    /// `EPERM` for bits that are locked, that there aren't, and that need a privilege.
    pub(crate) fn set_secure_bits(&mut self, bits: u64) -> Result<(), Errno> {
        let new = u32::try_from(bits).map_err(|_| Errno::EPERM)?;
        let (changed, locks) = (self.secure_bits ^ new, self.secure_bits & secure::LOCKS);
        if locks >> 1 & changed != 0 || locks & !new != 0 || new & !(secure::BITS | secure::LOCKS) != 0 {
            return Err(Errno::EPERM);
        }
        let open = secure::UNPRIVILEGED | secure::UNPRIVILEGED << 1;
        if !self.has(CAP_SETPCAP) && (changed == 0 || changed & !open != 0) {
            return Err(Errno::EPERM);
        }
        self.secure_bits = new;
        Ok(())
    }

    /// Whether permitted capabilities stay when the last of the users is root no more (`PR_GET_KEEPCAPS`).
    pub(crate) fn keeps(&self) -> bool {
        self.secure_bits & secure::KEEP_CAPS != 0
    }

    /// `PR_SET_KEEPCAPS`.
    ///
    /// # Errors
    /// `EINVAL` for anything but 0 and 1, `EPERM` where that is locked.
    pub(crate) fn set_keeps(&mut self, keep: u64) -> Result<(), Errno> {
        match keep {
            2.. => Err(Errno::EINVAL),
            _ if self.secure_bits & secure::KEEP_CAPS << 1 != 0 => Err(Errno::EPERM),
            0 => {
                self.secure_bits &= !secure::KEEP_CAPS;
                Ok(())
            }
            1 => {
                self.secure_bits |= secure::KEEP_CAPS;
                Ok(())
            }
        }
    }

    /// Drops and takes what follows from other users.
    pub(super) fn after_change_of_users(&mut self, old: &Ids, new: &Ids) {
        if self.secure_bits & secure::NO_SETUID_FIXUP != 0 {
            return;
        }
        let has_root = |ids: &Ids| [ids.real, ids.effective, ids.saved].contains(&ROOT);
        if has_root(old) && !has_root(new) {
            if !self.keeps() {
                (self.permitted, self.effective) = (0, 0);
            }
            self.ambient = 0;
        }
        match (old.effective == ROOT, new.effective == ROOT) {
            (true, false) => self.effective = 0,
            (false, true) => self.effective = self.permitted,
            _ => {}
        }
    }

    /// What the real user `real` could do.
    pub(super) fn become_real(&mut self, real: u32) {
        if self.secure_bits & secure::NO_SETUID_FIXUP == 0 {
            self.effective = if real == ROOT { self.permitted } else { 0 };
        }
    }

    /// Drops or takes the capabilities of files with the user that files are opened as.
    pub(super) fn after_change_of_filesystem_user(&mut self, old: u32, new: u32) {
        if self.secure_bits & secure::NO_SETUID_FIXUP != 0 {
            return;
        }
        match (old == ROOT, new == ROOT) {
            (true, false) => self.effective &= !OF_FILES,
            (false, true) => self.effective |= OF_FILES & self.permitted,
            _ => {}
        }
    }
}
