//! `/dev/null` and `/dev/zero`.

use linux_raw_sys::general::S_IFCHR;
use mm::{Errno, Object};

use super::file::File;
use super::status::Status;
use crate::memory::Machine;

/// The device that Linux's devtmpfs has.
const DEVICE: (u32, u32) = (0, 5);

/// What everything can be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// Reads as an empty file.
    Null,
    /// Reads as zeros without end.
    Zero,
}

/// An open device.
pub(crate) struct DeviceFile {
    device: Device,
    /// What a mapping of `/dev/zero` shows: two opens are two objects, whose mappings don't merge.
    object: Option<Object<Machine>>,
}

impl Device {
    /// The device at a canonical path.
    pub(crate) fn at(path: &[u8]) -> Option<Self> {
        match path {
            b"dev/null" => Some(Self::Null),
            b"dev/zero" => Some(Self::Zero),
            _ => None,
        }
    }

    /// What `stat` tells, with Linux's device numbers.
    pub(crate) fn status(self) -> Status {
        let (inode, minor) = match self {
            Self::Null => (2, 3),
            Self::Zero => (3, 5),
        };
        Status {
            device: DEVICE,
            inode,
            mode: S_IFCHR | 0o666,
            links: 1,
            special: (1, minor),
            ..Status::default()
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Null => "/dev/null",
            Self::Zero => "/dev/zero",
        }
    }
}

impl DeviceFile {
    /// Opens the device.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(crate) fn new(device: Device) -> Result<Self, Errno> {
        let object = match device {
            Device::Null => None,
            Device::Zero => Some(Object::zeros(Machine, device.path())?),
        };
        Ok(Self { device, object })
    }
}

impl File for DeviceFile {
    fn status(&self) -> Status {
        self.device.status()
    }

    fn read(&self, _offset: u64, buffer: &mut [u8]) -> Result<usize, Errno> {
        match self.device {
            Device::Null => Ok(0),
            Device::Zero => {
                buffer.fill(0);
                Ok(buffer.len())
            }
        }
    }

    fn write(&self, _offset: u64, bytes: &[u8]) -> Result<usize, Errno> {
        Ok(bytes.len())
    }

    fn has_positions(&self) -> bool {
        false
    }

    fn object(&self) -> Result<Object<Machine>, Errno> {
        self.object.clone().ok_or(Errno::ENODEV)
    }

    fn path(&self) -> &[u8] {
        self.device.path().as_bytes()
    }
}
