//! What is told of a file, in the structures of `stat(2)` and `statx(2)`.

use linux_raw_sys::general::{STATX_BASIC_STATS, stat, statx, statx_timestamp};

use crate::process::user::Plain;

/// The unit of `st_blocks`, in bytes.
const BLOCK: u64 = 512;

/// What is told of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Status {
    /// The device that holds it, major and minor number.
    pub(crate) device: (u32, u32),
    /// The inode number.
    pub(crate) inode: u64,
    /// Type and permissions.
    pub(crate) mode: u32,
    /// The user that it belongs to.
    pub(crate) owner: u32,
    /// The group that it belongs to.
    pub(crate) group: u32,
    /// The number of names.
    pub(crate) links: u32,
    /// The device that it is, where it is one.
    pub(crate) special: (u32, u32),
    /// Its length in bytes.
    pub(crate) size: u64,
    /// Seconds since 1970 of the last change.
    pub(crate) modified: u64,
}

impl Status {
    /// As `stat(2)` tells it.
    pub(crate) fn to_stat(self) -> stat {
        stat {
            st_dev: device_number(self.device),
            st_ino: self.inode,
            st_mode: self.mode,
            st_nlink: self.links,
            st_uid: self.owner,
            st_gid: self.group,
            st_rdev: device_number(self.special),
            __pad1: 0,
            st_size: self.size as i64,
            st_blksize: mm::PAGE_SIZE as i32,
            __pad2: 0,
            st_blocks: self.size.div_ceil(BLOCK) as i64,
            st_atime: self.modified as i64,
            st_atime_nsec: 0,
            st_mtime: self.modified as i64,
            st_mtime_nsec: 0,
            st_ctime: self.modified as i64,
            st_ctime_nsec: 0,
            __unused4: 0,
            __unused5: 0,
        }
    }

    /// As `statx(2)` tells it: the basic fields, whatever was asked for.
    pub(crate) fn to_statx(self) -> statx {
        let time = statx_timestamp {
            tv_sec: self.modified as i64,
            tv_nsec: 0,
            __reserved: 0,
        };
        statx {
            stx_mask: STATX_BASIC_STATS,
            stx_blksize: mm::PAGE_SIZE as u32,
            stx_nlink: self.links,
            stx_uid: self.owner,
            stx_gid: self.group,
            stx_mode: self.mode as u16,
            stx_ino: self.inode,
            stx_size: self.size,
            stx_blocks: self.size.div_ceil(BLOCK),
            stx_atime: time,
            stx_ctime: time,
            stx_mtime: time,
            stx_rdev_major: self.special.0,
            stx_rdev_minor: self.special.1,
            stx_dev_major: self.device.0,
            stx_dev_minor: self.device.1,
            ..Plain::zeroed()
        }
    }
}

/// `makedev(3)`, as the kernel encodes a device number for programs.
fn device_number((major, minor): (u32, u32)) -> u64 {
    u64::from(minor & 0xff | major << 8 | (minor & !0xff) << 12)
}
