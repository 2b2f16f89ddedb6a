//! `/sys`: the few files that C libraries and allocators look at.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Content, Entry, Names, Node, Setting};
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
    ("kernel/mm/transparent_hugepage/hpage_pmd_size", "2097152"),
    (
        "kernel/mm/transparent_hugepage/shmem_enabled",
        "always within_size advise [never] deny force",
    ),
    ("kernel/mm/transparent_hugepage/use_zero_page", "0"),
];

/// The one that root can change.
const ENABLED: &str = "kernel/mm/transparent_hugepage/enabled";

/// Finds `path`, canonical and without `/sys/`.
pub(crate) fn lookup(path: &[u8]) -> Option<Entry> {
    let path = core::str::from_utf8(path).ok()?;
    if let Some((permissions, setting)) = setting_at(path) {
        return Some(Entry::File(Node {
            process: process::scheduler::try_current()?.process.clone(),
            path: alloc::format!("/sys/{path}"),
            permissions,
            content: Content::Setting(setting),
        }));
    }
    let all = FILES.iter().map(|(name, _)| *name).chain([ENABLED]);
    let mut names: Vec<String> = all.filter_map(|name| child(path, name)).collect();
    names.sort();
    names.dedup();
    (!names.is_empty()).then(|| Entry::Folder {
        path: alloc::format!("/sys/{path}"),
        names: Names::Listed(names),
    })
}

fn setting_at(path: &str) -> Option<(u32, Setting)> {
    if path == ENABLED {
        return Some((0o644, Setting::HugePages));
    }
    let (_, text) = FILES.iter().find(|(name, _)| *name == path)?;
    Some((0o444, Setting::Text(text)))
}

/// The next name on the way from `folder` to `name`, if it leads there.
fn child(folder: &str, name: &str) -> Option<String> {
    let rest = match folder {
        "" => name,
        folder => name.strip_prefix(folder)?.strip_prefix('/')?,
    };
    rest.split('/').next().map(String::from)
}
