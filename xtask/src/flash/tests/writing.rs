//! Writing to media that keep what they get, to some that don't, and to a loop device.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::Command;

use super::super::write::Medium;
use super::super::{System, open, refuse, write};

/// A medium in memory.
struct Memory {
    bytes: Cursor<Vec<u8>>,
    /// A byte that forgets a bit.
    bad: Option<usize>,
    /// Where it ends, in bytes.
    end: usize,
    /// Whether the page cache was emptied since the last write.
    fresh: bool,
}

impl Memory {
    fn new(bad: Option<usize>) -> Self {
        Memory {
            bytes: Cursor::new(vec![0xff; 12 << 20]),
            bad,
            end: 12 << 20,
            fresh: false,
        }
    }
}

impl Read for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(self.fresh, "read from the page cache");
        self.bytes.read(buffer)
    }
}

impl Write for Memory {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.fresh = false;
        let room = self.end.saturating_sub(self.bytes.position() as usize);
        self.bytes.write(&buffer[..room.min(buffer.len())])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Memory {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl Medium for Memory {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn forget(&mut self) -> io::Result<()> {
        self.fresh = true;
        if let Some(bad) = self.bad {
            self.bytes.get_mut()[bad] &= !1;
        }
        Ok(())
    }
}

/// An image that isn't a whole number of blocks, no two of its pages alike.
fn image() -> Vec<u8> {
    (0..(9 << 20) / 4_u32)
        .flat_map(|n| (n | 1).to_be_bytes())
        .collect()
}

#[test]
fn what_is_written_is_there_and_nothing_else() {
    let (image, mut medium) = (image(), Memory::new(None));
    write(&mut medium, &image).unwrap();
    let (written, rest) = medium.bytes.get_ref().split_at(image.len());
    assert!(written == image && rest.iter().all(|&byte| byte == 0xff));
}

#[test]
fn the_digest_is_sha_256() {
    let digest = write(&mut Memory::new(None), b"abc").unwrap();
    // FIPS 180-4's example.
    assert_eq!(
        digest,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn a_card_that_forgets_a_bit_is_found() {
    // In the first block, and in the last.
    for bad in [3, (9 << 20) - 1] {
        let error = write(&mut Memory::new(Some(bad)), &image()).unwrap_err();
        assert!(error.to_string().contains(&format!("byte {bad} ")), "{error}");
    }
}

#[test]
fn a_card_that_ends_early_is_found() {
    let mut medium = Memory::new(None);
    medium.end = 5 << 20;
    let error = write(&mut medium, &image()).unwrap_err().to_string();
    assert!(error.contains("does not take"), "{error}");
}

#[test]
fn a_file_is_no_disk() {
    let path = std::env::temp_dir().join(format!("inarch-flash-file-{}", std::process::id()));
    fs::write(&path, "").unwrap();
    let error = System::here().unwrap().disk_at(&path).unwrap_err().to_string();
    fs::remove_file(&path).unwrap();
    assert!(error.contains("is no disk"), "{error}");
}

/// A loop device over a file, both gone in the end.
struct Loop {
    file: PathBuf,
    device: PathBuf,
}

impl Loop {
    /// The device, or why there is none here.
    fn new(size: u64) -> Result<Self, String> {
        let file = std::env::temp_dir().join(format!("inarch-flash-loop-{}", std::process::id()));
        let made = File::create(&file).and_then(|made| made.set_len(size));
        made.map_err(|error| error.to_string())?;
        let output = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(&file)
            .output();
        match output {
            Ok(output) if output.status.success() => Ok(Loop {
                file,
                device: String::from_utf8_lossy(&output.stdout).trim().into(),
            }),
            other => {
                fs::remove_file(&file).map_err(|error| error.to_string())?;
                Err(format!("losetup: {other:?}"))
            }
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // The test's verdict is told already.
        let _ = Command::new("losetup").arg("--detach").arg(&self.device).status();
        let _ = fs::remove_file(&self.file);
    }
}

#[test]
fn a_real_block_device_is_written_and_read_back() {
    let size = 16 << 20;
    let device = match Loop::new(size) {
        Ok(device) => device,
        Err(why) => return eprintln!("skipped, no loop device can be had: {why}"),
    };
    let system = System::here().unwrap();
    let disk = system.disk_at(&device.device).unwrap();
    assert_eq!(disk.size, size);
    // A loop device is no card: the command itself refuses it.
    let error = refuse(&system, &disk, false).unwrap_err().to_string();
    assert!(error.contains("built in"), "{error}");

    let mut file = open(&device.device, &disk).unwrap();
    let error = open(&device.device, &disk).unwrap_err().to_string();
    assert!(error.contains("is in use"), "{error}");
    let image = image();
    write(&mut file, &image).unwrap();
    drop(file);
    let behind = fs::read(&device.file).unwrap();
    assert!(behind[..image.len()] == image && behind[image.len()..].iter().all(|&byte| byte == 0));

    // A disk that isn't the one that was looked at is not opened.
    let mut other = disk;
    other.size += 512;
    let error = open(&device.device, &other).unwrap_err().to_string();
    assert!(error.contains("another disk"), "{error}");
}
