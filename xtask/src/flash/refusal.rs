//! Which disks are refused: one line each, which says what to do.

use std::path::Path;

use anyhow::{Result, bail, ensure};

use super::disk::{Disk, System, text};
use super::size;

/// The largest disk that passes for a card, in bytes. What is larger is more likely somebody's backup.
const LARGEST: u64 = 128 << 30;

/// Refuses a disk that is no card, or that anything uses. `large` lets one above 128 GiB pass.
pub(crate) fn refuse(system: &System, disk: &Disk, large: bool) -> Result<()> {
    let name = &disk.name;
    ensure!(
        disk.removable,
        "{name} is built in, not removable; give the card's disk (`lsblk -o NAME,SIZE,RM,TRAN,MODEL` shows them)"
    );
    ensure!(
        matches!(disk.kind.as_deref(), Some("0" | "SD")),
        "{name} is neither a card nor a USB disk; give the card's disk (`lsblk` shows them)"
    );
    ensure!(disk.size > 0, "{name} has no card in it; put one in");
    ensure!(
        !disk.read_only,
        "{name} can't be written to; slide the lock at the card's side, or take another card"
    );
    ensure!(
        large || disk.size <= LARGEST,
        "{name} has {}, more than a card usually has; if it is the right one, add --large",
        size(disk.size)
    );
    in_use(system, disk)
}

fn in_use(system: &System, disk: &Disk) -> Result<()> {
    for part in &disk.parts {
        let name = &part.name;
        if let Some(place) = mounted(&system.mounts, &part.number, name) {
            bail!("{name} is mounted at {place}; unmount it first: umount /dev/{name}");
        }
        if swapped(&system.swaps, name) {
            bail!("{name} is in use as swap; end that first: swapoff /dev/{name}");
        }
        if let Some(holder) = part.holders.first() {
            let (what, remedy) = holder_is(&system.sys, holder);
            bail!("{name} is part of {what} ({holder}); end that first: {remedy}");
        }
        if let Some(holder) = looped(&system.sys, name)? {
            bail!("{name} is behind /dev/{holder}; end that first: losetup --detach /dev/{holder}");
        }
    }
    Ok(())
}

/// Where a device is mounted. By its number, or, as btrfs has numbers of its own, by the name (proc_pid_mountinfo(5)).
fn mounted<'a>(mounts: &'a str, number: &str, name: &str) -> Option<&'a str> {
    mounts.lines().find_map(|line| {
        let (fields, source) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(2);
        let (device, place) = (fields.next()?, fields.nth(1)?);
        let source = source.split(' ').nth(1)?;
        (device == number || source.strip_prefix("/dev/") == Some(name)).then_some(place)
    })
}

fn swapped(swaps: &str, name: &str) -> bool {
    let mut paths = swaps.lines().filter_map(|line| line.split_whitespace().next());
    paths.any(|path| path.strip_prefix("/dev/") == Some(name))
}

/// What a device is that is made of others, and the command that ends it. The identity's prefix names who made it.
fn holder_is(sys: &Path, holder: &str) -> (&'static str, String) {
    let folder = sys.join("block").join(holder);
    let identity = text(&folder, "dm/uuid").unwrap_or_default();
    let mapped = text(&folder, "dm/name").unwrap_or_else(|| holder.to_owned());
    if identity.starts_with("LVM-") {
        ("an LVM volume", "vgchange --activate n".to_owned())
    } else if identity.starts_with("CRYPT-") {
        ("an encrypted volume", format!("cryptsetup close {mapped}"))
    } else if holder.starts_with("md") {
        ("a RAID", format!("mdadm --stop /dev/{holder}"))
    } else {
        ("another device", format!("dmsetup remove {mapped}"))
    }
}

/// The loop device that a disk is behind; it is no holder in sysfs.
fn looped(sys: &Path, name: &str) -> Result<Option<String>> {
    for entry in std::fs::read_dir(sys.join("block"))? {
        let entry = entry?;
        let backing = text(&entry.path(), "loop/backing_file");
        if backing.as_deref().and_then(|file| file.strip_prefix("/dev/")) == Some(name) {
            return Ok(Some(entry.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}
