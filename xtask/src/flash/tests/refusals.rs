//! Each refusal, on a computer where one thing is different; and what is shown and asked.

use super::super::{Answer, answer, plan, refuse, size};
use super::{Computer, READER, SLOT};

/// Makes sure that the disk passes before `change`, and that after it, it is refused with `words`.
fn refused(test: &str, (number, _): (&str, &str), change: impl FnOnce(&mut Computer), words: &[&str]) {
    let mut computer = Computer::new(test);
    refuse(&computer.system, &computer.disk(number), false).unwrap();
    change(&mut computer);
    let disk = computer.system.disk(number);
    let error = disk.and_then(|disk| refuse(&computer.system, &disk, false));
    let error = error.expect_err(test).to_string();
    assert!(words.iter().all(|word| error.contains(word)), "{test}: {error}");
    assert!(!error.contains('\n'), "{test}: {error}");
}

/// The same, where one file of the disk's folder is different.
fn refused_by_file(disk: (&str, &str), file: &str, text: &str, words: &[&str]) {
    let path = format!("{}/{file}", disk.1);
    let test = format!("file-{}", path.replace('/', "-"));
    refused(&test, disk, |computer| computer.file(&path, text), words);
}

#[test]
fn a_card_in_a_reader_or_a_slot_passes() {
    let computer = Computer::new("passes");
    let reader = computer.disk(READER.0);
    assert_eq!(reader.model.as_deref(), Some("Generic SD/MMC"));
    assert_eq!(reader.serial.as_deref(), Some("20120501030900000"));
    assert_eq!(reader.size, 31_116_288 * 512);
    let slot = computer.disk(SLOT.0);
    assert_eq!(
        (slot.model.as_deref(), slot.serial.as_deref()),
        (Some("SC32G"), Some("0x1234abcd"))
    );
    for disk in [reader, slot] {
        refuse(&computer.system, &disk, false).unwrap();
    }
}

#[test]
fn a_reader_without_number_does_not_get_its_hubs() {
    let computer = Computer::new("hub");
    std::fs::remove_file(computer.path("devices/usb1/1-2/serial")).unwrap();
    assert_eq!(computer.disk(READER.0).serial, None);
}

#[test]
fn a_partition_is_refused() {
    let computer = Computer::new("partition");
    let error = computer.system.disk("8:18").unwrap_err().to_string();
    assert!(
        error.contains("sdb2 is a partition") && error.contains("/dev/sdb"),
        "{error}"
    );
}

#[test]
fn a_disk_that_is_built_in_is_refused() {
    refused(
        "built-in",
        READER,
        |computer| std::fs::remove_file(computer.path("devices/usb1/1-2/subsystem")).unwrap(),
        &["sdb is built in"],
    );
    // Removable by its own word, wherever it hangs.
    let computer = Computer::new("own-word");
    std::fs::remove_file(computer.path("devices/usb1/1-2/subsystem")).unwrap();
    computer.file(&format!("{}/removable", READER.1), "1");
    refuse(&computer.system, &computer.disk(READER.0), false).unwrap();
}

#[test]
fn what_is_no_disk_is_refused() {
    // An optical drive, which is removable, and soldered memory, which hangs on a card slot's bus.
    refused_by_file(READER, "device/type", "5", &["neither a card nor a USB disk"]);
    refused_by_file(SLOT, "device/type", "MMC", &["neither a card nor a USB disk"]);
}

#[test]
fn an_empty_locked_or_very_large_one_is_refused() {
    refused_by_file(READER, "size", "0", &["no card in it"]);
    refused_by_file(SLOT, "ro", "1", &["lock"]);
    refused_by_file(READER, "size", "7814037168", &["4000.8 GB", "--large"]);
    let computer = Computer::new("large");
    computer.file(&format!("{}/size", READER.1), "7814037168");
    refuse(&computer.system, &computer.disk(READER.0), true).unwrap();
}

#[test]
fn a_mounted_one_is_refused() {
    for (test, number, name) in [
        ("partition-mounted", "8:18", "sdb2"),
        ("disk-mounted", "8:16", "sdb"),
    ] {
        let line = format!("40 22 {number} / /media/me/card rw - vfat /dev/{name} rw\n");
        let remedy = format!("umount /dev/{name}");
        let mount = |computer: &mut Computer| computer.system.mounts += &line;
        refused(test, READER, mount, &["/media/me/card", &remedy]);
    }
    // A btrfs has a number of its own; optional fields come in any number.
    let line = "41 22 0:51 /home /home rw shared:9 master:2 - btrfs /dev/sdb1 rw\n";
    refused(
        "btrfs",
        READER,
        |computer| computer.system.mounts += line,
        &["sdb1 is mounted at /home;"],
    );
}

#[test]
fn one_with_swap_is_refused() {
    let line = "/dev/sdb2 partition 1048572 0 -2\n";
    refused(
        "swap",
        READER,
        |computer| computer.system.swaps += line,
        &["swapoff /dev/sdb2"],
    );
}

#[test]
fn one_that_is_held_is_refused() {
    let holders = [
        ("dm-0", "LVM-abc", &["LVM", "vgchange"]),
        (
            "dm-1",
            "CRYPT-LUKS2-abc",
            &["encrypted", "cryptsetup close mapped"],
        ),
        ("dm-2", "mpath-abc", &["another device", "dmsetup remove mapped"]),
        ("md127", "", &["RAID", "mdadm --stop /dev/md127"]),
    ];
    for (holder, identity, words) in holders {
        for part in ["", "/sdb1"] {
            let hold = |computer: &mut Computer| {
                computer.file(&format!("{}{part}/holders/{holder}", READER.1), "");
                computer.file(&format!("block/{holder}/dm/uuid"), identity);
                computer.file(&format!("block/{holder}/dm/name"), "mapped");
            };
            let test = format!("{holder}{}", part.len());
            refused(&test, READER, hold, words);
        }
    }
    let behind = |computer: &mut Computer| computer.file("block/loop0/loop/backing_file", "/dev/sdb1");
    refused("loop", READER, behind, &["losetup --detach /dev/loop0"]);
}

#[test]
fn what_is_lost_is_shown() {
    let computer = Computer::new("plan");
    let text = plan(&computer.disk(READER.0), 64 << 20);
    for line in [
        "disk     /dev/sdb",
        "model    Generic SD/MMC",
        "size     15.9 GB",
        "serial   20120501030900000",
        "written  67.1 MB from its beginning",
        "lost     sdb1, 268.4 MB",
        "lost     sdb2, 15.7 GB",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn only_size_or_serial_are_an_answer() {
    let computer = Computer::new("answer");
    let mut disk = computer.disk(SLOT.0);
    for meant in ["31.9 GB", "31.9gb", " 0x1234ABCD\n"] {
        assert_eq!(answer(&disk, meant), Answer::Meant, "{meant}");
    }
    for wrong in ["", " ", "y", "yes", "31.9", "0x1234", "/dev/mmcblk0", "unknown"] {
        assert_eq!(answer(&disk, wrong), Answer::Wrong, "{wrong}");
    }
    disk.serial = None;
    assert_eq!(answer(&disk, ""), Answer::Wrong);
    assert_eq!(size(999_999_999), "1000.0 MB");
}
