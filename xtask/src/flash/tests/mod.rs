//! Described computers, and what is refused on them.

mod refusals;
mod writing;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::{Disk, System};

/// Number and folder of a USB card reader with a card of two partitions in it.
const READER: (&str, &str) = ("8:16", "devices/usb1/1-2/1-2:1.0/host6/6:0:0:0/block/sdb");
/// Of a card slot.
const SLOT: (&str, &str) = ("179:0", "devices/mmc0/mmc0:aaaa/block/mmcblk0");

/// A described computer, in a temporary folder that goes with it.
struct Computer {
    system: System,
}

impl Computer {
    /// With a reader and a slot, a card in each, and nothing in use.
    fn new(test: &str) -> Self {
        let sys = std::env::temp_dir().join(format!("inarch-flash-{test}-{}", std::process::id()));
        let system = System {
            sys: fs::canonicalize(std::env::temp_dir())
                .unwrap()
                .join(sys.file_name().unwrap()),
            mounts: "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n".into(),
            swaps: "Filename Type Size Used Priority\n/dev/zram0 partition 8388604 0 100\n".into(),
        };
        let computer = Computer { system };
        computer.device(READER, "31116288");
        for (number, name, sectors) in [("8:17", "sdb1", "524288"), ("8:18", "sdb2", "30583808")] {
            let folder = format!("{}/{name}", READER.1);
            computer.device((number, &folder), sectors);
            computer.file(&format!("{folder}/partition"), &name[3..]);
        }
        computer.link("devices/usb1/1-2/subsystem", "../../../bus/usb");
        computer.file("devices/usb1/serial", "0000:00:14.0");
        computer.file("devices/usb1/idVendor", "1d6b");
        computer.file("devices/usb1/1-2/idVendor", "0bda");
        computer.file("devices/usb1/1-2/serial", "20120501030900000");
        computer.file(&format!("{}/device/vendor", READER.1), "Generic ");
        computer.file(&format!("{}/device/model", READER.1), "SD/MMC          ");
        computer.file(&format!("{}/device/type", READER.1), "0");
        computer.device(SLOT, "62333952");
        computer.link("devices/mmc0/mmc0:aaaa/subsystem", "../../../bus/mmc");
        computer.file(&format!("{}/device/name", SLOT.1), "SC32G");
        computer.file(&format!("{}/device/serial", SLOT.1), "0x1234abcd");
        computer.file(&format!("{}/device/type", SLOT.1), "SD");
        computer.file("block/loop0/loop/backing_file", "/home/me/disk.img");
        computer
    }

    /// A disk or partition.
    fn device(&self, (number, folder): (&str, &str), sectors: &str) {
        for (file, text) in [
            ("dev", number),
            ("size", sectors),
            ("ro", "0"),
            ("removable", "0"),
        ] {
            self.file(&format!("{folder}/{file}"), text);
        }
        fs::create_dir_all(self.path(&format!("{folder}/holders"))).unwrap();
        self.link(&format!("dev/block/{number}"), &format!("../../{folder}"));
    }

    fn path(&self, path: &str) -> PathBuf {
        self.system.sys.join(path)
    }

    fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }

    fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    fn disk(&self, number: &str) -> Disk {
        self.system.disk(number).unwrap()
    }
}

impl Drop for Computer {
    fn drop(&mut self) {
        // What stays behind harms nobody.
        let _ = fs::remove_dir_all(&self.system.sys);
    }
}
