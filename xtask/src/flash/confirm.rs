//! What would be written where, and whether a person means it.

use super::{Disk, size};

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The disk was named: it is meant.
    Meant,
    /// Something else was typed.
    Wrong,
}

/// The lines that tell what would be written where, and what is lost.
pub(crate) fn plan(disk: &Disk, image: usize) -> String {
    let unknown = || "unknown".to_owned();
    let mut lines = vec![
        format!("disk     /dev/{}", disk.name),
        format!("model    {}", disk.model.clone().unwrap_or_else(unknown)),
        format!("size     {}", size(disk.size)),
        format!("serial   {}", disk.serial.clone().unwrap_or_else(unknown)),
        format!("written  {} from its beginning", size(image as u64)),
    ];
    let (_, partitions) = disk.parts.split_at(1);
    for partition in partitions {
        lines.push(format!("lost     {}, {}", partition.name, size(partition.size)));
    }
    if partitions.is_empty() {
        lines.push("lost     whatever is on it; it has no partitions".to_owned());
    }
    lines.join("\n")
}

/// Whether `typed` is the disk's size, as [`plan`] shows it, or its serial number. A mere yes is none.
pub(crate) fn answer(disk: &Disk, typed: &str) -> Answer {
    let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
    let typed = plain(typed.trim());
    let names = [Some(size(disk.size)), disk.serial.clone()];
    let meant = names.iter().flatten().any(|name| plain(name) == typed);
    if meant { Answer::Meant } else { Answer::Wrong }
}
