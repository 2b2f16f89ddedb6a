//! The program's files: the archive that came with the kernel, as a tree that never changes.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use linux_raw_sys::general::{S_IFDIR, S_IFLNK, S_IFMT, S_IFREG};

use super::newc::{self, Broken};

/// The inode number of the root; the files' own follow.
const ROOT_INODE: u64 = 1;

/// A file, folder or symbolic link of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its inode number, from [`ROOT_INODE`] on; hard links share one.
    pub(crate) inode: u64,
    /// Type and permissions, as in `st_mode`.
    pub(crate) mode: u32,
    /// Seconds since 1970 of the last change.
    pub(crate) modified: u32,
    /// The contents of a file, the target of a link.
    pub(crate) bytes: &'static [u8],
}

impl Node {
    /// Whether the node is a folder.
    pub(crate) fn is_folder(&self) -> bool {
        self.mode & S_IFMT == S_IFDIR
    }

    /// Whether the node is a symbolic link.
    pub(crate) fn is_link(&self) -> bool {
        self.mode & S_IFMT == S_IFLNK
    }

    /// Whether the node is an ordinary file.
    pub(crate) fn is_file(&self) -> bool {
        self.mode & S_IFMT == S_IFREG
    }
}

/// The tree of files. Paths are absolute without the leading slash: the root is the empty path.
pub(crate) struct Archive {
    nodes: BTreeMap<Vec<u8>, Node>,
}

impl Archive {
    /// The tree of the newc archive `bytes`. Folders that no member names, but that hold one, are added.
    ///
    /// # Errors
    /// Where the archive can't be read; what comes before isn't used either.
    pub(crate) fn parse(bytes: &'static [u8]) -> Result<Self, Broken> {
        let mut archive = Self {
            nodes: BTreeMap::new(),
        };
        archive.add_folder(b"");
        let mut linked: BTreeMap<u32, &'static [u8]> = BTreeMap::new();
        let mut files: Vec<(Vec<u8>, newc::Member<'static>)> = Vec::new();
        for member in newc::members(bytes) {
            let member = member?;
            // Only the last of a file's hard links carries its bytes.
            if member.links > 1 && !member.bytes.is_empty() {
                linked.insert(member.inode, member.bytes);
            }
            files.push((canonical(member.name), member));
        }
        for (path, member) in files {
            let bytes = match linked.get(&member.inode) {
                Some(bytes) if member.links > 1 => bytes,
                _ => member.bytes,
            };
            archive.add_parents(&path);
            let inode = archive.next_inode();
            archive.nodes.insert(
                path,
                Node {
                    inode,
                    mode: member.mode,
                    modified: member.modified,
                    bytes,
                },
            );
        }
        Ok(archive)
    }

    /// Whether there is nothing but the root.
    pub(crate) fn is_empty(&self) -> bool {
        self.nodes.len() <= 1
    }

    /// The node at `path`, following no link.
    pub(crate) fn get(&self, path: &[u8]) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// The names and nodes that lie directly in the folder at `path`, in order of their bytes.
    pub(crate) fn children<'a>(&'a self, path: &[u8]) -> impl Iterator<Item = (&'a [u8], &'a Node)> {
        let mut prefix = path.to_vec();
        if !prefix.is_empty() {
            prefix.push(b'/');
        }
        let skip = prefix.len();
        let all = self.nodes.range(prefix.clone()..);
        all.take_while(move |(name, _)| name.starts_with(&prefix))
            .map(move |(name, node)| (&name[skip..], node))
            .filter(|(name, _)| !name.is_empty() && !name.contains(&b'/'))
    }

    fn add_parents(&mut self, path: &[u8]) {
        for (at, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            if !self.nodes.contains_key(&path[..at]) {
                self.add_folder(&path[..at]);
            }
        }
    }

    fn add_folder(&mut self, path: &[u8]) {
        let inode = self.next_inode();
        self.nodes.insert(
            path.to_vec(),
            Node {
                inode,
                mode: S_IFDIR | 0o755,
                modified: 0,
                bytes: &[],
            },
        );
    }

    fn next_inode(&self) -> u64 {
        ROOT_INODE + self.nodes.len() as u64
    }
}

/// `path` without a leading slash, doubled slashes, `.` and `..`, which an archive has no use for.
fn canonical(path: &[u8]) -> Vec<u8> {
    let parts = path
        .split(|byte| *byte == b'/')
        .filter(|part| !matches!(*part, b"" | b"." | b".."));
    parts.collect::<Vec<_>>().join(&b"/"[..])
}

crate::ktest! {
    /// Folders are made where the archive has none, names are found, and a folder's children are its own.
    fn an_archive_becomes_a_tree() {
        let bytes = newc::testing::archive(&[("./bin/tool", b"tool"), ("a/b/c", b"c"), ("a/z", b"z"), ("a.txt", b"")]);
        let archive = Archive::parse(bytes).expect("a good archive");
        assert_eq!(archive.get(b"bin/tool").map(|node| node.bytes), Some(&b"tool"[..]));
        assert!(archive.get(b"a/b").is_some_and(Node::is_folder) && archive.get(b"").is_some_and(Node::is_folder));
        assert!(archive.get(b"tool").is_none() && archive.get(b"a/").is_none());
        let names = |path: &[u8]| archive.children(path).map(|(name, _)| name.to_vec()).collect::<Vec<_>>();
        assert_eq!(names(b""), [&b"a"[..], b"a.txt", b"bin"]);
        assert_eq!(names(b"a"), [&b"b"[..], b"z"]);
        let mut inodes: Vec<u64> = archive.nodes.values().map(|node| node.inode).collect();
        inodes.sort_unstable();
        inodes.dedup();
        assert_eq!(inodes.len(), archive.nodes.len());
    }
}
