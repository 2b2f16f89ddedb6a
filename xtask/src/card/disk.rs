//! The card's layout: a table with one partition, which is a FAT32 with files in its root folder. The same files give the same bytes.

use std::io::{Cursor, Read, Write};
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use fatfs::{Date, DateTime, FatType, FileSystem, FormatVolumeOptions, FsOptions, Time, TimeProvider};
use mbrman::{BOOT_ACTIVE, CHS, MBR, MBRPartitionEntry};

use super::File;

/// The sectors of a card, in bytes.
const SECTOR: usize = 512;
/// Where the partition begins, in bytes: at a multiple of what cards erase at once.
pub(crate) const START: usize = 4 << 20;
/// The smallest card. A FAT32 has at least 65,525 clusters, which take 33 MiB.
const SMALLEST: usize = 64 << 20;
/// FAT32, addressed by blocks (the value in a partition's entry).
const FAT32: u8 = 0x0c;
/// Numbers that tell a disk and a volume from others: fixed, so that two builds are equal.
const DISK_ID: [u8; 4] = *b"inar";
const VOLUME_ID: u32 = 0x6172_6368;
/// The volume's name, eleven characters.
const LABEL: [u8; 11] = *b"INARCH     ";

/// The time that all files bear: the first that a FAT can tell. The time of the build would make each card another.
#[derive(Debug)]
struct FirstDay;

static FIRST_DAY: FirstDay = FirstDay;

impl TimeProvider for FirstDay {
    fn get_current_date(&self) -> Date {
        Date {
            year: 1980,
            month: 1,
            day: 1,
        }
    }

    fn get_current_date_time(&self) -> DateTime {
        DateTime {
            date: self.get_current_date(),
            time: Time {
                hour: 0,
                min: 0,
                sec: 0,
                millis: 0,
            },
        }
    }
}

/// A whole card that holds the files, as large as the next power of two: QEMU takes no other.
pub(crate) fn image(files: &[File]) -> Result<Vec<u8>> {
    // A cluster may be lost to each file, the tables take a hundredth, and a little air does no harm.
    let bytes: usize = files.iter().map(|file| file.contents.len() + SECTOR).sum();
    let size = (START + bytes + bytes / 16).next_power_of_two().max(SMALLEST);
    let mut card = table(size)?;
    card.resize(size, 0);
    let volume = volume(size - START, files).context("could not write the card's file system")?;
    card[START..].copy_from_slice(&volume);
    Ok(card)
}

/// The card up to the partition's beginning.
fn table(size: usize) -> Result<Vec<u8>> {
    let mut disk = Cursor::new(vec![0; size]);
    let mut table = MBR::new_from(&mut disk, SECTOR as u32, DISK_ID)?;
    table[1] = MBRPartitionEntry {
        boot: BOOT_ACTIVE,
        first_chs: CHS::empty(),
        sys: FAT32,
        last_chs: CHS::empty(),
        starting_lba: (START / SECTOR) as u32,
        sectors: u32::try_from((size - START) / SECTOR)?,
    };
    table.write_into(&mut disk)?;
    let mut bytes = disk.into_inner();
    bytes.truncate(START);
    Ok(bytes)
}

/// The partition's bytes.
fn volume(size: usize, files: &[File]) -> Result<Vec<u8>> {
    let mut disk = Cursor::new(vec![0; size]);
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .bytes_per_cluster(SECTOR as u32)
        .volume_id(VOLUME_ID)
        .volume_label(LABEL);
    fatfs::format_volume(&mut disk, options)?;
    {
        let options = FsOptions::new().time_provider(&FIRST_DAY);
        let volume = FileSystem::new(&mut disk, options)?;
        for file in files {
            let mut entry = volume.root_dir().create_file(&file.name)?;
            entry.write_all(&file.contents)?;
            entry.flush()?;
        }
        // Counts what is free, so that it gets written down.
        volume.stats()?;
        volume.unmount()?;
    }
    Ok(disk.into_inner())
}

/// Reads a card back: the files of its partition, and nothing else may be on it.
pub(crate) fn read(card: &[u8]) -> Result<Vec<File>> {
    let partition = partition(card)?;
    let mut disk = Cursor::new(card[partition].to_vec());
    let volume = FileSystem::new(&mut disk, FsOptions::new()).context("the partition holds no FAT")?;
    ensure!(
        volume.fat_type() == FatType::Fat32,
        "the partition's file system is no FAT32"
    );
    let mut files = Vec::new();
    for entry in volume.root_dir().iter() {
        let entry = entry?;
        ensure!(entry.is_file(), "{} is a folder", entry.file_name());
        let mut contents = Vec::new();
        entry.to_file().read_to_end(&mut contents)?;
        ensure!(
            contents.len() as u64 == entry.len(),
            "{} ends early",
            entry.file_name()
        );
        files.push(File::new(entry.file_name(), contents));
    }
    Ok(files)
}

/// The bytes of the card's only partition.
fn partition(card: &[u8]) -> Result<Range<usize>> {
    let table =
        MBR::read_from(&mut Cursor::new(card), SECTOR as u32).context("the card has no partition table")?;
    let used: Vec<_> = table.iter().filter(|(_, entry)| entry.is_used()).collect();
    let [(_, entry)] = used[..] else {
        anyhow::bail!("the card has {} partitions instead of one", used.len())
    };
    ensure!(entry.sys == FAT32, "the partition is of type {:#04x}", entry.sys);
    ensure!(entry.is_active(), "the partition is not active");
    let start = entry.starting_lba as usize * SECTOR;
    let end = start + entry.sectors as usize * SECTOR;
    ensure!(end <= card.len(), "the partition ends behind the card");
    Ok(start..end)
}
