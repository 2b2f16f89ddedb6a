//! Where things lie in the workspace.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The workspace's root folder: the one above xtask's own.
pub(crate) fn root() -> PathBuf {
    // What `cargo run` sets is right even when the tree was moved after xtask was built.
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .filter(|folder| folder.ends_with("xtask"))
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package
        .parent()
        .map_or_else(|| package.clone(), Path::to_path_buf)
}

/// Cargo's target folder: the one that xtask itself was built into, wherever that was configured.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let built_into = program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    built_into.map_or_else(|| root().join("target"), Path::to_path_buf)
}

/// A folder of xtask's own below the target folder, made if it isn't there: images, archives, what was fetched.
pub(crate) fn scratch(name: &str) -> Result<PathBuf> {
    let folder = target().join("inarch").join(name);
    fs_err::create_dir_all(&folder)?;
    Ok(folder)
}

/// Refuses to begin something that writes up to so many bytes below the target folder, where there is no room for them.
pub(crate) fn ensure_room(bytes: u64) -> Result<()> {
    let folder = target();
    let disk = rustix::fs::statvfs(&folder)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    ensure!(
        free >= bytes,
        "only {} MiB are free on the file system of {}, where up to {} MiB are needed",
        free >> 20,
        folder.display(),
        bytes >> 20
    );
    Ok(())
}

/// A large file in a folder of xtask's own, which goes when nobody needs it any more: a disk is soon full of them.
pub(crate) struct ScratchFile(PathBuf);

impl ScratchFile {
    /// A file that is yet to be written.
    pub(crate) fn new(folder: &str, name: &str) -> Result<Self> {
        Ok(ScratchFile(scratch(folder)?.join(name)))
    }

    /// Writes the file.
    pub(crate) fn write(folder: &str, name: &str, contents: &[u8]) -> Result<Self> {
        let file = ScratchFile::new(folder, name)?;
        fs_err::write(&file.0, contents)?;
        Ok(file)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        let _ = fs_err::remove_file(&self.0);
    }
}

/// A path as short as it can be said: relative to where the person stands if it lies below.
pub(crate) fn short(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).unwrap_or(path).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_disk_has_room_for_everything() {
        ensure_room(0).unwrap();
        let refused = ensure_room(u64::MAX).unwrap_err().to_string();
        assert!(refused.contains(&target().display().to_string()), "{refused}");
    }
}
