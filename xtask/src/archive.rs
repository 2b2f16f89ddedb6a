//! The archive that the kernel finds as its initial RAM disk: a newc cpio with the program, the files that go with it, and
//! its arguments and environment.

use fs_err::File;
use std::ffi::{OsStr, OsString};
use std::io::{BufWriter, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use cpio::newc;

/// The file of the archive that holds the arguments, each ended by a NUL byte.
pub(crate) const ARGUMENTS: &str = ".inarch/argv";
/// The file of the archive that holds the environment, each variable ended by a NUL byte.
pub(crate) const ENVIRONMENT: &str = ".inarch/environ";
/// Directories and files as `st_mode` has them.
const DIRECTORY: u32 = 0o040_755;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_777;

/// What goes into an archive.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The program on the host. Its name in the archive is its file name, in the root folder.
    pub(crate) program: PathBuf,
    /// The program's arguments, without the program itself.
    pub(crate) arguments: Vec<OsString>,
    /// The program's environment, as `NAME=VALUE`.
    pub(crate) environment: Vec<OsString>,
    /// A folder whose files become those of the root folder.
    pub(crate) root: Option<PathBuf>,
}

/// Refuses a variable without a name or value, and a folder that is none: what is wrong should be said before anything gets built.
pub(crate) fn check(environment: &[OsString], root: Option<&Path>) -> Result<()> {
    for variable in environment {
        let name = variable.as_encoded_bytes().iter().position(|byte| *byte == b'=');
        ensure!(
            name.is_some_and(|length| length > 0),
            "`{}` is no variable; give it as NAME=VALUE",
            variable.display()
        );
    }
    if let Some(root) = root {
        ensure!(root.is_dir(), "there is no folder {}", root.display());
    }
    Ok(())
}

/// Writes an archive.
pub(crate) fn write(contents: &Contents, path: &Path) -> Result<()> {
    let file = File::create(path)?;
    let file = pack(contents, BufWriter::new(file))?;
    file.into_inner().map_err(|error| error.into_error())?;
    Ok(())
}

/// The bytes of an archive.
pub(crate) fn bytes(contents: &Contents) -> Result<Vec<u8>> {
    pack(contents, Vec::new())
}

/// Packs everything, and gives the writer back.
fn pack<W: Write>(contents: &Contents, writer: W) -> Result<W> {
    let Some(name) = contents.program.file_name() else {
        bail!("{} is no program", contents.program.display());
    };
    let mut packer = Packer { writer, inode: 0 };
    packer.bytes(OsStr::new(".inarch"), DIRECTORY, &[])?;
    let mut path = OsString::from("/");
    path.push(name);
    let arguments =
        std::iter::once(path.as_os_str()).chain(contents.arguments.iter().map(OsString::as_os_str));
    packer.bytes(OsStr::new(ARGUMENTS), REGULAR | 0o444, &terminated(arguments)?)?;
    let environment = contents.environment.iter().map(OsString::as_os_str);
    packer.bytes(
        OsStr::new(ENVIRONMENT),
        REGULAR | 0o444,
        &terminated(environment)?,
    )?;
    packer.file(name, &contents.program, REGULAR | 0o755)?;
    if let Some(root) = &contents.root {
        packer.folder(root, OsStr::new(""), name)?;
    }
    Ok(newc::trailer(packer.writer)?)
}

/// Strings as in Linux's `/proc/PID/cmdline`: each followed by a NUL byte.
fn terminated<'a>(strings: impl Iterator<Item = &'a OsStr>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for string in strings {
        if string.as_bytes().contains(&0) {
            bail!("an argument holds a NUL byte, which ends a string");
        }
        bytes.extend_from_slice(string.as_bytes());
        bytes.push(0);
    }
    Ok(bytes)
}

/// Writes one entry after the other.
struct Packer<W: Write> {
    writer: W,
    inode: u32,
}

impl<W: Write> Packer<W> {
    /// One entry whose contents are in memory.
    fn bytes(&mut self, name: &OsStr, mode: u32, bytes: &[u8]) -> Result<()> {
        self.entry(name, mode, bytes, bytes.len() as u64)
    }

    /// One entry whose contents are a file of the host's.
    fn file(&mut self, name: &OsStr, path: &Path, mode: u32) -> Result<()> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        self.entry(name, mode, file.take(length), length)
            .with_context(|| format!("could not pack {}", path.display()))
    }

    fn entry(&mut self, name: &OsStr, mode: u32, mut contents: impl Read, length: u64) -> Result<()> {
        let Some(name) = name.to_str() else {
            bail!("the name {} is not UTF-8", name.display());
        };
        let Ok(length) = u32::try_from(length) else {
            bail!("{name} has 4 GiB or more, which this kind of archive can't hold");
        };
        self.inode += 1;
        let mut entry = newc::Builder::new(name)
            .ino(self.inode)
            .mode(mode)
            .nlink(1)
            .write(&mut self.writer, length);
        let copied = std::io::copy(&mut contents, &mut entry)?;
        if copied != u64::from(length) {
            bail!("{name} became shorter while it was read");
        }
        entry.finish()?;
        Ok(())
    }

    /// The entries of a folder, sorted, so that equal folders make equal archives. `program` in the root folder is left out:
    /// the program itself has that name already.
    fn folder(&mut self, folder: &Path, prefix: &OsStr, program: &OsStr) -> Result<()> {
        let list = fs_err::read_dir(folder)?;
        let mut names = list
            .map(|entry| Ok(entry?.file_name()))
            .collect::<Result<Vec<_>>>()?;
        names.sort_unstable();
        for name in names {
            let path = folder.join(&name);
            let inside = Path::new(prefix).join(&name).into_os_string();
            if inside == program || inside == ".inarch" {
                bail!(
                    "{} would hide a file of xtask's own; give it another name",
                    path.display()
                );
            }
            self.host_entry(&path, &inside, program)?;
        }
        Ok(())
    }

    /// One file, folder or link of the host's, under another name.
    fn host_entry(&mut self, path: &Path, inside: &OsStr, program: &OsStr) -> Result<()> {
        let data = fs_err::symlink_metadata(path)?;
        let kind = data.file_type();
        if kind.is_dir() {
            self.bytes(inside, data.mode(), &[])?;
            self.folder(path, inside, program)
        } else if kind.is_symlink() {
            let target = fs_err::read_link(path)?.into_os_string().into_vec();
            self.bytes(inside, SYMLINK, &target)
        } else if kind.is_file() {
            self.file(inside, path, REGULAR | (data.permissions().mode() & 0o777))
        } else {
            bail!("{} is neither file nor folder nor link", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, mode and contents of each entry.
    fn unpack(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut entries = Vec::new();
        let mut input = archive;
        loop {
            let mut reader = newc::Reader::new(input).unwrap();
            if reader.entry().is_trailer() {
                return entries;
            }
            let (name, mode) = (reader.entry().name().to_owned(), reader.entry().mode());
            let mut contents = Vec::new();
            reader.read_to_end(&mut contents).unwrap();
            entries.push((name, mode, contents));
            input = reader.finish().unwrap();
        }
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("inarch-archive-{name}-{}", std::process::id()));
        let _ = fs_err::remove_dir_all(&folder);
        fs_err::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn what_is_no_variable_or_folder_is_refused() {
        let checked = |variable: &str, root: &str| check(&[variable.into()], Some(Path::new(root)));
        assert!(checked("HOME=", "/").is_ok());
        for (variable, root) in [("HOME", "/"), ("=x", "/"), ("", "/"), ("A=b", "/no such folder")] {
            assert!(checked(variable, root).is_err(), "{variable} {root}");
        }
    }

    #[test]
    fn program_arguments_and_environment_are_there() {
        let folder = folder("plain");
        let program = folder.join("prog");
        fs_err::write(&program, b"12345").unwrap();
        let contents = Contents {
            program,
            arguments: vec!["a".into(), "".into(), "b c".into()],
            environment: vec!["HOME=/".into()],
            root: None,
        };
        let entries = unpack(&pack(&contents, Vec::new()).unwrap());
        fs_err::remove_dir_all(&folder).unwrap();
        let find = |name: &str| {
            entries
                .iter()
                .find(|entry| entry.0 == name)
                .unwrap_or_else(|| panic!("no {name}"))
        };
        assert_eq!(find(ARGUMENTS).2, b"/prog\0a\0\0b c\0");
        assert_eq!(find(ENVIRONMENT).2, b"HOME=/\0");
        assert_eq!((find("prog").1, &find("prog").2[..]), (0o100_755, &b"12345"[..]));
        assert_eq!(find(".inarch").1, DIRECTORY);
    }

    #[test]
    fn a_folder_comes_along_in_a_fixed_order() {
        let folder = folder("root");
        let program = folder.join("prog");
        fs_err::write(&program, b"x").unwrap();
        let root = folder.join("root");
        fs_err::create_dir_all(root.join("sub/deep")).unwrap();
        fs_err::write(root.join("sub/deep/file"), b"contents").unwrap();
        fs_err::write(root.join("b"), b"").unwrap();
        std::os::unix::fs::symlink("sub/deep/file", root.join("a")).unwrap();
        let contents = Contents {
            program,
            root: Some(root.clone()),
            ..Contents::default()
        };
        let packed = pack(&contents, Vec::new());
        fs_err::write(root.join("prog"), b"in the way").unwrap();
        let hidden = pack(&contents, Vec::new());
        fs_err::remove_dir_all(&folder).unwrap();

        let entries = unpack(&packed.unwrap());
        let names: Vec<_> = entries.iter().map(|entry| entry.0.as_str()).collect();
        assert_eq!(names[4..], ["a", "b", "sub", "sub/deep", "sub/deep/file"]);
        assert_eq!(
            (entries[4].1, &entries[4].2[..]),
            (SYMLINK, &b"sub/deep/file"[..])
        );
        assert_eq!(entries[8].2, b"contents");
        assert!(hidden.unwrap_err().to_string().contains("hide"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let contents = Contents {
            program: "/nowhere/prog".into(),
            ..Contents::default()
        };
        assert!(
            pack(&contents, Vec::new())
                .unwrap_err()
                .to_string()
                .contains("/nowhere/prog")
        );
        let contents = Contents {
            program: "/bin/sh".into(),
            arguments: vec!["a\0b".into()],
            ..Contents::default()
        };
        assert!(
            pack(&contents, Vec::new())
                .unwrap_err()
                .to_string()
                .contains("NUL")
        );
    }
}
