//! Who a process is and what it may do: users, groups and capabilities (`credentials(7)`, `capabilities(7)`).
//!
//! Linux keeps them for each thread, and C libraries see to it that all threads of a process have the same; here the process has them.
//! There are no user databases and no namespaces: a number is all there is to a user.

mod capability;
mod ids;

pub(crate) use capability::{AmbientChange, Sets, checked, flag};
pub(crate) use ids::Ids;

use alloc::sync::Arc;
use alloc::vec::Vec;

use linux_raw_sys::general::{
    CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_SETGID, CAP_SETUID, S_IFDIR, S_IFMT,
};
use mm::Errno;

use crate::fs::status::Status;

/// The most supplementary groups that a process can have (`NGROUPS_MAX`).
pub(crate) const MOST_GROUPS: u32 = 65_536;

/// Root's number.
const ROOT: u32 = 0;
/// Each bit of a file's permissions for one class of users.
const READ: u32 = 4;
const WRITE: u32 = 2;
const EXECUTE: u32 = 1;

/// A process's credentials. Starts as Linux's first process: root, without further groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credentials {
    /// Users.
    pub(crate) users: Ids,
    /// Groups.
    pub(crate) groups: Ids,
    /// Supplementary groups, ascending. Whoever asks for the credentials gets a handle to the same list.
    pub(crate) supplementary: Arc<[u32]>,
    /// What it may do.
    pub(crate) sets: Sets,
    /// `PR_SET_NO_NEW_PRIVS`
    pub(crate) no_new_privileges: bool,
    /// `PR_GET_DUMPABLE` answers 0: the process has changed who it is, or said so, and its files in `/proc` are root's.
    pub(crate) undumpable: bool,
}

/// What is to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access(u32);

impl Access {
    /// Reading.
    pub(crate) const READ: Self = Self(READ);
    /// Writing.
    pub(crate) const WRITE: Self = Self(WRITE);
    /// Executing, or going through a folder.
    pub(crate) const EXECUTE: Self = Self(EXECUTE);

    /// This and `other`, if `wanted`.
    pub(crate) const fn and(self, other: Self, wanted: bool) -> Self {
        if wanted { Self(self.0 | other.0) } else { self }
    }

    /// Nothing.
    pub(crate) const fn nothing() -> Self {
        Self(0)
    }

    /// Whether writing is part of it.
    pub(crate) const fn writes(self) -> bool {
        self.0 & WRITE != 0
    }
}

impl Credentials {
    /// Whether the effective set has `capability` (`CAP_*`).
    pub(crate) fn has(&self, capability: u32) -> bool {
        self.sets.effective & flag(capability) != 0
    }

    /// Whether the process may do `access` to a file, by its owner, its group and its permissions (`path_resolution(7)`).
    pub(crate) fn may(&self, access: Access, status: &Status) -> bool {
        let class = if self.users.filesystem == status.owner {
            6
        } else if self.is_in_group(status.group) {
            3
        } else {
            0
        };
        if status.mode >> class & access.0 == access.0 {
            return true;
        }
        let folder = status.mode & S_IFMT == S_IFDIR;
        let reads = access.0 & WRITE == 0 && (folder || access.0 & EXECUTE == 0);
        let runs = access.0 & EXECUTE == 0 || folder || status.mode & 0o111 != 0;
        (self.has(CAP_DAC_OVERRIDE) && runs) || (self.has(CAP_DAC_READ_SEARCH) && reads)
    }

    /// The permissions of a file of `/proc/sys` are looked at by effective user and group, and no capability helps.
    pub(crate) fn may_setting(&self, access: Access, permissions: u32) -> bool {
        let class = if self.users.effective == ROOT {
            6
        } else if self.groups.effective == ROOT || self.supplementary.contains(&ROOT) {
            3
        } else {
            0
        };
        permissions >> class & access.0 == access.0
    }

    fn is_in_group(&self, group: u32) -> bool {
        self.groups.filesystem == group || self.supplementary.binary_search(&group).is_ok()
    }

    /// Whom the files in `/proc/PID` belong to: user and group.
    pub(crate) fn owner(&self) -> (u32, u32) {
        if self.undumpable {
            (ROOT, ROOT)
        } else {
            (self.users.effective, self.groups.effective)
        }
    }

    /// Changes the users by `change`, which is told whether the process may become whom it likes. What follows for the capabilities is
    /// done too.
    ///
    /// # Errors
    /// Those of `change`; nothing is changed then.
    pub(crate) fn change_users(
        &mut self,
        change: impl FnOnce(&mut Ids, bool) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let (old, privileged) = (self.users, self.has(CAP_SETUID));
        let mut new = old;
        change(&mut new, privileged)?;
        self.sets.after_change_of_users(&old, &new);
        self.users = new;
        self.note_change(&old, &new);
        Ok(())
    }

    /// `setfsuid(2)`, which says nothing of an error.
    pub(crate) fn set_filesystem_user(&mut self, id: u32) {
        let old = self.users;
        self.users.set_filesystem(id, self.has(CAP_SETUID));
        let new = self.users;
        self.sets
            .after_change_of_filesystem_user(old.filesystem, new.filesystem);
        self.note_change(&old, &new);
    }

    /// Changes the groups, as [`Self::change_users`]; no capability depends on them.
    ///
    /// # Errors
    /// Those of `change`.
    pub(crate) fn change_groups(
        &mut self,
        change: impl FnOnce(&mut Ids, bool) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let (old, privileged) = (self.groups, self.has(CAP_SETGID));
        let mut new = old;
        change(&mut new, privileged)?;
        self.groups = new;
        self.note_change(&old, &new);
        Ok(())
    }

    /// `setgroups(2)`.
    ///
    /// # Errors
    /// `EPERM`.
    pub(crate) fn set_supplementary(&mut self, mut groups: Vec<u32>) -> Result<(), Errno> {
        if !self.has(CAP_SETGID) {
            return Err(Errno::EPERM);
        }
        groups.sort_unstable();
        self.supplementary = groups.into();
        Ok(())
    }

    /// Takes on the real user and group for files, as `access(2)` asks.
    pub(crate) fn become_real(&mut self) {
        self.users.filesystem = self.users.real;
        self.groups.filesystem = self.groups.real;
        self.sets.become_real(self.users.real);
    }

    fn note_change(&mut self, old: &Ids, new: &Ids) {
        self.undumpable |= old.effective != new.effective || old.filesystem != new.filesystem;
    }
}
