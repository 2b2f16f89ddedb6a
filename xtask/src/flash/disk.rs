//! Disks as Linux describes them (Documentation/ABI: `sysfs-block`, `sysfs-bus-usb`; proc(5) for the rest).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};

/// The unit of `size` in sysfs, whatever the disk's own sectors are.
const SECTOR: u64 = 512;

/// Where disks are described. In tests, a temporary folder.
pub(crate) struct System {
    /// `/sys`
    pub(super) sys: PathBuf,
    /// `/proc/self/mountinfo`
    pub(super) mounts: String,
    /// `/proc/swaps`
    pub(super) swaps: String,
}

/// A whole disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disk {
    /// The kernel's name: `sdb`.
    pub(crate) name: String,
    /// In bytes.
    pub(crate) size: u64,
    /// What the maker calls it.
    pub(crate) model: Option<String>,
    /// Tells it from others; a card in a USB reader bears the reader's.
    pub(crate) serial: Option<String>,
    /// `device/type`: `0` is a SCSI disk (USB's, too), `SD` a card; 5 would be an optical drive, `MMC` soldered memory.
    pub(super) kind: Option<String>,
    /// Whether it or its medium can be taken out: it says so, or hangs on USB or a card slot.
    pub(super) removable: bool,
    /// Whether it can't be written, as with a card's lock.
    pub(super) read_only: bool,
    /// The disk itself and its partitions, the disk first.
    pub(super) parts: Vec<Part>,
}

/// A disk or one of its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The kernel's name: `sdb1`.
    pub(super) name: String,
    /// As in mountinfo: `8:17`.
    pub(super) number: String,
    /// In bytes.
    pub(super) size: u64,
    /// Devices that are made of it: `dm-0`, `md127`.
    pub(super) holders: Vec<String>,
}

impl System {
    /// This computer's.
    pub(crate) fn here() -> Result<Self> {
        let read = |path| fs::read_to_string(path).with_context(|| format!("could not read {path}"));
        Ok(System {
            sys: "/sys".into(),
            mounts: read("/proc/self/mountinfo")?,
            // A kernel without swap has no such file.
            swaps: fs::read_to_string("/proc/swaps").unwrap_or_default(),
        })
    }

    /// The disk behind a device's file.
    pub(crate) fn disk_at(&self, device: &Path) -> Result<Disk> {
        let shown = device.display();
        let metadata = fs::metadata(device)
            .map_err(|error| anyhow!("{shown}: {error}; `lsblk` shows which disks there are"))?;
        ensure!(
            metadata.file_type().is_block_device(),
            "{shown} is no disk; to make a file, use `cargo xtask image`"
        );
        self.disk(&number(metadata.rdev()))
    }

    /// The disk of a device's number, `8:16`.
    pub(super) fn disk(&self, number: &str) -> Result<Disk> {
        let folder = fs::canonicalize(self.sys.join("dev/block").join(number))
            .with_context(|| format!("the kernel describes no disk {number}"))?;
        if folder.join("partition").exists() {
            let whole = folder.parent().map(name).unwrap_or_default();
            bail!(
                "{} is a partition; give the whole disk, /dev/{whole}",
                name(&folder)
            );
        }
        let mut parts = vec![part(&folder)?];
        for entry in fs::read_dir(&folder)? {
            let below = entry?.path();
            if below.join("partition").exists() {
                parts.push(part(&below)?);
            }
        }
        parts[1..].sort_by(|a, b| a.name.len().cmp(&b.name.len()).then(a.name.cmp(&b.name)));
        let model = [text(&folder, "device/vendor"), text(&folder, "device/model")];
        let model: Vec<String> = model.into_iter().flatten().collect();
        Ok(Disk {
            name: parts[0].name.clone(),
            size: parts[0].size,
            model: match model.is_empty() {
                true => text(&folder, "device/name"),
                false => Some(model.join(" ")),
            },
            serial: serial(&folder),
            kind: text(&folder, "device/type"),
            removable: text(&folder, "removable").as_deref() == Some("1") || is_pluggable(&folder),
            read_only: text(&folder, "ro").as_deref() != Some("0"),
            parts,
        })
    }
}

/// A device's number as `/sys` and mountinfo have it.
pub(super) fn number(device: u64) -> String {
    format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device))
}

fn part(folder: &Path) -> Result<Part> {
    let needed = |file| text(folder, file).with_context(|| format!("{} has no {file}", folder.display()));
    let holders = match fs::read_dir(folder.join("holders")) {
        Ok(holders) => holders
            .map(|holder| Ok(holder?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        // Unknown is not the same as none.
        Err(error) => return Err(error.into()),
    };
    let sectors: u64 = needed("size")?.parse()?;
    Ok(Part {
        name: name(folder),
        number: needed("dev")?,
        size: sectors * SECTOR,
        holders,
    })
}

/// The card's own number, or that of the USB device that it is in. Above that are hubs, whose numbers tell nothing.
fn serial(folder: &Path) -> Option<String> {
    let own = text(folder, "device/serial");
    own.or_else(|| {
        let usb = folder.ancestors().find(|above| above.join("idVendor").exists())?;
        text(usb, "serial")
    })
}

/// Whether it hangs on USB or in a card slot.
fn is_pluggable(folder: &Path) -> bool {
    folder.ancestors().any(|above| {
        let bus = fs::read_link(above.join("subsystem")).unwrap_or_default();
        bus.file_name() == Some(OsStr::new("usb")) || bus.file_name() == Some(OsStr::new("mmc"))
    })
}

/// What a file of sysfs says, if anything.
pub(super) fn text(folder: &Path, file: &str) -> Option<String> {
    let text = fs::read_to_string(folder.join(file)).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A disk's name in `/dev`. Sysfs has `!` where `/dev` has a folder.
pub(super) fn name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.replace('!', "/")
}
