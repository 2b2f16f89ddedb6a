//! Debian's archive, reached by apt, which checks signatures and checksums.
//!
//! Two ways lead to it. As root, packages can be installed. Anybody can use an apt of their own: its lists and packages lie
//! below the target folder, the system is not touched. The mirror is in both cases the one that the system uses already.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::system::is_root;
use crate::{command, workspace};

/// The component of the archive that is free software.
const MAIN: &str = "main";
/// Where Debian keeps the public keys of its archive.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A mirror of Debian, as this system's apt knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mirror {
    /// Address of the folder that holds `dists` and `pool`.
    pub(crate) address: String,
}

impl Mirror {
    /// The mirror that the system's own packages come from. A fresh container's apt doesn't know until it was updated once,
    /// which only root can do.
    pub(crate) fn find() -> Result<Self> {
        if let Some(mirror) = Self::known() {
            return Ok(mirror);
        }
        if is_root() {
            command::run(Command::new("apt-get").args(["--quiet", "update"]))?;
        }
        Self::known().context(
            "apt has no list of Debian's main archive: run `apt-get update` as root, or add a mirror to /etc/apt/sources.list",
        )
    }

    fn known() -> Option<Self> {
        let format = "$(ORIGIN)|$(COMPONENT)|$(SUITE)|$(CODENAME)|$(REPO_URI)";
        let list = Command::new("apt-get")
            .args(["indextargets", "--format", format, "Created-By: Packages"])
            .output()
            .ok()?;
        Self::choose(&String::from_utf8_lossy(&list.stdout))
    }

    fn choose(list: &str) -> Option<Self> {
        list.lines().find_map(|line| {
            let fields: Vec<_> = line.split('|').collect();
            let [origin, component, suite, codename, address] = fields[..] else {
                return None;
            };
            // The security archive has the same origin, but not every suite.
            let whole = ![suite, codename].iter().any(|name| name.contains('-'));
            (origin == "Debian" && component == "main" && whole).then(|| Mirror {
                address: address.trim().trim_end_matches('/').to_owned(),
            })
        })
    }

    /// The stanza of a sources file (sources.list(5), DEB822 form) for one suite of this mirror.
    pub(crate) fn stanza(&self, suite: &str) -> String {
        self.stanza_of(suite, MAIN)
    }

    /// The same for one component.
    fn stanza_of(&self, suite: &str, component: &str) -> String {
        let mut text = format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: {component}\n",
            self.address
        );
        if Path::new(KEYRING).exists() {
            text.push_str(&format!("Signed-By: {KEYRING}\n"));
        }
        text
    }
}

/// An apt below the target folder that knows one suite and one architecture.
#[derive(Debug)]
pub(crate) struct PrivateApt {
    folder: PathBuf,
    configuration: PathBuf,
}

impl PrivateApt {
    /// Sets it up and fetches the suite's index.
    pub(crate) fn new(mirror: &Mirror, suite: &str, architecture: Option<&str>) -> Result<Self> {
        Self::with_component(mirror, suite, architecture, MAIN)
    }

    /// The same for another component of the archive than `main`.
    pub(crate) fn with_component(
        mirror: &Mirror,
        suite: &str,
        architecture: Option<&str>,
        component: &str,
    ) -> Result<Self> {
        let mut name = format!("apt/{suite}-{}", architecture.unwrap_or("native"));
        if component != MAIN {
            name = format!("{name}-{component}");
        }
        let folder = workspace::scratch(&name)?;
        for inside in ["lists/partial", "cache/archives/partial"] {
            fs_err::create_dir_all(folder.join(inside))?;
        }
        let sources = folder.join("debian.sources");
        fs_err::write(&sources, mirror.stanza_of(suite, component))?;
        let configuration = folder.join("apt.conf");
        fs_err::write(&configuration, configure(&folder, architecture))?;
        let apt = PrivateApt {
            folder,
            configuration,
        };
        command::run(apt.command("apt-get").args(["--quiet=2", "update"]))
            .with_context(|| format!("could not fetch the index of {suite}"))?;
        Ok(apt)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(workspace::short(&self.configuration));
        command
    }

    /// The newest version of a package that `accept` takes.
    pub(crate) fn version(&self, package: &str, accept: impl Fn(&str) -> bool) -> Option<String> {
        let list = command::output_of(self.command("apt-cache").args(["madison", package]))?;
        let versions = list
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(str::trim);
        versions
            .into_iter()
            .find(|version| accept(version))
            .map(str::to_owned)
    }

    /// The first package that `package` depends on whose name starts with `prefix`.
    pub(crate) fn dependency(&self, package: &str, prefix: &str) -> Option<String> {
        let list = command::output_of(self.command("apt-cache").args(["depends", package]))?;
        let names = list
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Depends: "));
        names
            .into_iter()
            .find(|name| name.starts_with(prefix))
            .map(str::to_owned)
    }

    /// Fetches a package, which apt checks against the index, and unpacks it into a folder.
    pub(crate) fn unpack(&self, package: &str, version: &str, into: &Path) -> Result<()> {
        // apt downloads into the folder where it is started.
        let mut apt = Command::new("apt-get");
        apt.arg("-c").arg(&self.configuration).current_dir(&self.folder);
        apt.args(["--quiet=2", "download", &format!("{package}={version}")])
            .current_dir(&self.folder);
        command::run(&mut apt).with_context(|| format!("could not fetch {package} {version}"))?;
        let file = self.downloaded(package)?;
        // A folder with the right name is a whole one: unpacked beside it first.
        let partial = into.with_extension("partial");
        let _ = fs_err::remove_dir_all(&partial);
        let unpacked = command::run(
            Command::new("dpkg-deb")
                .arg("-x")
                .args([&file, &partial].map(|path| workspace::short(path))),
        );
        fs_err::remove_file(&file)?;
        unpacked.with_context(|| format!("could not unpack {}", file.display()))?;
        let _ = fs_err::remove_dir_all(into);
        Ok(fs_err::rename(&partial, into)?)
    }

    fn downloaded(&self, package: &str) -> Result<PathBuf> {
        for entry in fs_err::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(&format!("{package}_")) && name.ends_with(".deb") {
                return Ok(path);
            }
        }
        bail!("apt left no package {package} in {}", self.folder.display())
    }
}

/// The settings (apt.conf(5)) that keep such an apt to itself. They are read after the system's own, from which the way to the
/// network comes.
fn configure(folder: &Path, architecture: Option<&str>) -> String {
    let folder = folder.display();
    let mut text = format!(
        "Dir::Etc::SourceList \"{folder}/debian.sources\";
Dir::Etc::SourceParts \"/dev/null\";
Dir::State::Lists \"{folder}/lists\";
Dir::State::Status \"/dev/null\";
Dir::Cache \"{folder}/cache\";
// Root's apt would fetch as another user, who may have no right to this folder.
APT::Sandbox::User \"\";
Acquire::Languages \"none\";
// What the system does after an update is nothing for an apt of its own.
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"
    );
    if let Some(architecture) = architecture {
        text.push_str(&format!(
            "APT::Architecture \"{architecture}\";\n#clear APT::Architectures;\nAPT::Architectures {{ \"{architecture}\"; }};\n"
        ));
    }
    text
}

/// Installs packages for the whole system. Only root can. With a `suite`, both they and what they depend on come from there.
pub(crate) fn install(packages: &[&str], suite: Option<&str>) -> Result<()> {
    for mut command in install_commands(packages, suite) {
        command::run(&mut command)?;
    }
    Ok(())
}

/// The commands that install packages.
pub(crate) fn install_commands(packages: &[&str], suite: Option<&str>) -> [Command; 2] {
    let mut update = Command::new("apt-get");
    update.args(["--quiet", "update"]);
    let mut install = Command::new("apt-get");
    install.args(["--quiet", "install", "--yes", "--no-install-recommends"]);
    if let Some(suite) = suite {
        install.args(["--target-release", suite]);
    }
    install.args(packages);
    // Nobody is there to answer questions.
    install.env("DEBIAN_FRONTEND", "noninteractive");
    [update, install]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
Debian|main|oldstable-security|bookworm-security|http://example.org/debian-security/
Other|main|stable|cloud|http://other.example/apt/
Debian|contrib|oldstable|bookworm|http://example.org/debian/
Debian|main|oldstable-updates|bookworm-updates|http://example.org/debian/
Debian|main|oldstable|bookworm|http://example.org/debian/";

    #[test]
    fn the_mirror_is_the_main_archives() {
        let mirror = Mirror::choose(LIST).unwrap();
        assert_eq!(mirror.address, "http://example.org/debian");
        let stanza = mirror.stanza("trixie-backports");
        assert!(stanza.starts_with(
            "Types: deb\nURIs: http://example.org/debian\nSuites: trixie-backports\nComponents: main\n"
        ));
        assert_eq!(Mirror::choose(""), None);
        assert_eq!(Mirror::choose("Other|main|stable|cloud|b"), None);
    }
}
