//! The four users, or groups, that a process is at once, and how the calls change them (`setresuid(2)` and its kin).

use mm::Errno;

/// The number that stands for "leave it as it is", and that no user has.
const UNCHANGED: u32 = u32::MAX;

/// Real, effective and saved user, and the one that files are opened as; or groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    /// Who started the process.
    pub(crate) real: u32,
    /// Whose rights it has.
    pub(crate) effective: u32,
    /// Whom it can become again.
    pub(crate) saved: u32,
    /// As whom it opens files: follows `effective` but for `setfsuid`.
    pub(crate) filesystem: u32,
}

impl Ids {
    /// `setuid(2)` and `setgid(2)`.
    ///
    /// # Errors
    /// `EINVAL` for -1, `EPERM`.
    pub(crate) fn set(&mut self, id: u32, privileged: bool) -> Result<(), Errno> {
        if id == UNCHANGED {
            return Err(Errno::EINVAL);
        }
        if privileged {
            (self.real, self.saved) = (id, id);
        } else if id != self.real && id != self.saved {
            return Err(Errno::EPERM);
        }
        (self.effective, self.filesystem) = (id, id);
        Ok(())
    }

    /// `setreuid(2)` and `setregid(2)`.
    ///
    /// # Errors
    /// `EPERM`.
    pub(crate) fn set_two(&mut self, real: u32, effective: u32, privileged: bool) -> Result<(), Errno> {
        let old = *self;
        let may_be_real = [old.real, old.effective].contains(&real);
        let may_be_effective = [old.real, old.effective, old.saved].contains(&effective);
        let refused = (real != UNCHANGED && !may_be_real) || (effective != UNCHANGED && !may_be_effective);
        if refused && !privileged {
            return Err(Errno::EPERM);
        }
        replace(&mut self.real, real);
        replace(&mut self.effective, effective);
        if real != UNCHANGED || (effective != UNCHANGED && effective != old.real) {
            self.saved = self.effective;
        }
        self.filesystem = self.effective;
        Ok(())
    }

    /// `setresuid(2)` and `setresgid(2)`.
    ///
    /// # Errors
    /// `EPERM`.
    pub(crate) fn set_three(&mut self, ids: [u32; 3], privileged: bool) -> Result<(), Errno> {
        let old = *self;
        let known = [UNCHANGED, old.real, old.effective, old.saved];
        if !privileged && ids.iter().any(|id| !known.contains(id)) {
            return Err(Errno::EPERM);
        }
        let [real, effective, saved] = ids;
        let is_same = |id: u32, old: u32| id == UNCHANGED || id == old;
        // Linux changes nothing then, the files' user neither.
        let unchanged = is_same(real, old.real)
            && (effective == UNCHANGED || (effective == old.effective && effective == old.filesystem))
            && is_same(saved, old.saved);
        if !unchanged {
            replace(&mut self.real, real);
            replace(&mut self.effective, effective);
            replace(&mut self.saved, saved);
            self.filesystem = self.effective;
        }
        Ok(())
    }

    /// `setfsuid(2)` and `setfsgid(2)`, which say nothing of an error.
    pub(crate) fn set_filesystem(&mut self, id: u32, privileged: bool) {
        let known = [self.real, self.effective, self.saved, self.filesystem];
        if id != UNCHANGED && (privileged || known.contains(&id)) {
            self.filesystem = id;
        }
    }
}

fn replace(id: &mut u32, new: u32) {
    if new != UNCHANGED {
        *id = new;
    }
}

crate::ktest! {
    /// Who is not privileged changes only among whom it is; the saved one follows by the rules.
    fn users_change_by_the_rules() {
        let mut ids = Ids { real: 1, effective: 2, saved: 3, filesystem: 2 };
        assert_eq!(ids.set(4, false), Err(Errno::EPERM));
        assert_eq!(ids.set(UNCHANGED, true), Err(Errno::EINVAL));
        assert_eq!(ids.set_two(3, UNCHANGED, false), Err(Errno::EPERM));
        assert_eq!(ids.set_three([3, 1, 2], false), Ok(()));
        assert_eq!(ids, Ids { real: 3, effective: 1, saved: 2, filesystem: 1 });
        ids.set_filesystem(9, false);
        assert_eq!(ids.filesystem, 1);
        ids.set_filesystem(2, false);
        assert_eq!(ids.set_three([UNCHANGED, UNCHANGED, 2], false), Ok(()));
        assert_eq!(ids.filesystem, 2);
        assert_eq!(ids.set_two(UNCHANGED, 3, false), Ok(()));
        assert_eq!(ids, Ids { real: 3, effective: 3, saved: 2, filesystem: 3 });
        assert_eq!(ids.set_two(7, UNCHANGED, true), Ok(()));
        assert_eq!(ids, Ids { real: 7, effective: 3, saved: 3, filesystem: 3 });
    }
}
