//! Which system this is, and what one may do on it.

use std::fmt;

use crate::command;

/// A system, as `/etc/os-release` describes it (freedesktop's os-release(5)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct System {
    /// The distribution: `debian`, `fedora`, ... On a Mac, `macos`.
    pub(crate) id: String,
    /// The distributions that it is like, nearest first.
    pub(crate) like: Vec<String>,
    /// The release's number, where it has one.
    pub(crate) version: Option<u32>,
    /// What it calls itself.
    pub(crate) name: String,
}

/// The families of systems that have a package manager of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// apt.
    Debian,
    /// dnf.
    Fedora,
    /// pacman.
    Arch,
    /// apk.
    Alpine,
    /// zypper.
    Suse,
    /// nix.
    Nix,
    /// Homebrew.
    Mac,
    /// Another.
    Other,
}

impl System {
    /// This one.
    pub(crate) fn this() -> Self {
        if cfg!(target_os = "macos") {
            return System {
                id: "macos".into(),
                name: "macOS".into(),
                ..System::default()
            };
        }
        let text = fs_err::read_to_string("/etc/os-release")
            .or_else(|_| fs_err::read_to_string("/usr/lib/os-release"))
            .unwrap_or_default();
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            Some(line.trim().trim_matches(['"', '\'']).to_owned())
        };
        System {
            id: field("ID").unwrap_or_default(),
            like: field("ID_LIKE")
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            version: field("VERSION_ID").and_then(|version| version.split('.').next()?.parse().ok()),
            name: field("PRETTY_NAME").unwrap_or_else(|| "this system".to_owned()),
        }
    }

    /// The family that it belongs to.
    pub(crate) fn family(&self) -> Family {
        std::iter::once(&self.id)
            .chain(&self.like)
            .find_map(|id| family_of(id))
            .unwrap_or(Family::Other)
    }

    /// Debian itself, with this release's number.
    pub(crate) fn is_debian(&self, version: u32) -> bool {
        self.id == "debian" && self.version == Some(version)
    }
}

fn family_of(id: &str) -> Option<Family> {
    Some(match id {
        "debian" | "ubuntu" => Family::Debian,
        "fedora" | "rhel" | "centos" => Family::Fedora,
        "arch" => Family::Arch,
        "alpine" => Family::Alpine,
        "suse" | "opensuse" => Family::Suse,
        "nixos" => Family::Nix,
        "macos" => Family::Mac,
        _ => return None,
    })
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Whether xtask may install packages.
pub(crate) fn is_root() -> bool {
    // SAFETY: `geteuid` takes nothing, touches no memory and can't fail.
    unsafe { libc::geteuid() == 0 }
}

/// Whether packages can be got with apt.
pub(crate) fn has_apt() -> bool {
    ["apt-get", "apt-cache", "dpkg-deb"]
        .iter()
        .all(|program| command::find(program).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_read() {
        let text =
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian\"\nVERSION_ID=\"12\"\nID=debian\n";
        let system = System::parse(text);
        assert!(system.is_debian(12) && !system.is_debian(13));
        assert_eq!(system.to_string(), "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(system.family(), Family::Debian);

        let system = System::parse("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\nVERSION_ID=\"22.1\"\n");
        assert_eq!((system.family(), system.version), (Family::Debian, Some(22)));
        let system = System::parse("ID=\"opensuse-tumbleweed\"\nID_LIKE='opensuse suse'\n");
        assert_eq!((system.family(), system.version), (Family::Suse, None));
        assert_eq!(System::parse("").family(), Family::Other);
    }
}
