//! `/sys`: the few files that C libraries and allocators look at.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Content, Entry, Node, Setting};
use crate::process;

/// The files, by path, and what is in them without the newline.
const FILES: &[(&str, &str)] = &[
    ("devices/system/cpu/online", "0"),
    ("devices/system/cpu/possible", "0"),
    ("devices/system/cpu/present", "0"),
    ("devices/system/node/online", "0"),
    ("devices/system/node/possible", "0"),
    (
        "kernel/mm/transparent_hugepage/defrag",
        "always defer defer+madvise [madvise] never",
    ),
    ("kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
    ("kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152"),
    (
        "kernel/mm/transparent_hugepage/shmem_enabled",
        "always within_size advise [never] deny force",
    ),
    ("kernel/mm/transparent_hugepage/use_zero_page", "0"),
];

/// Finds `path`, canonical and without `/sys/`.
pub(crate) fn lookup(path: &[u8]) -> Option<Entry> {
    let path = core::str::from_utf8(path).ok()?;
    if let Some((_, text)) = FILES.iter().find(|(name, _)| *name == path) {
        return Some(Entry::File(Node {
            process: process::scheduler::try_current()?.process.clone(),
            path: alloc::format!("/sys/{path}"),
            permissions: 0o444,
            content: Content::Setting(Setting::Text(text)),
        }));
    }
    let mut names: Vec<String> = FILES.iter().filter_map(|(name, _)| child(path, name)).collect();
    names.dedup();
    (!names.is_empty()).then(|| Entry::Folder {
        path: alloc::format!("/sys/{path}"),
        names,
    })
}

/// The next name on the way from `folder` to `name`, if it leads there.
fn child(folder: &str, name: &str) -> Option<String> {
    let rest = match folder {
        "" => name,
        folder => name.strip_prefix(folder)?.strip_prefix('/')?,
    };
    rest.split('/').next().map(String::from)
}
