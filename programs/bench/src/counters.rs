//! The kernel's own counts of its work, where it keeps any: `/proc/inarch/counters`.

use rt::file::File;

/// The counts at one moment, as the kernel wrote them: a line has a name, the count since the process began, and that of the last call.
pub(crate) struct Counters {
    text: [u8; 2048],
    length: usize,
}

impl Counters {
    /// Reads them; empty on a kernel that keeps none.
    pub(crate) fn read() -> Counters {
        let mut counters = Counters {
            text: [0; 2048],
            length: 0,
        };
        if let Ok(file) = File::open(c"/proc/inarch/counters")
            && let Ok(read) = file.read_into(&mut counters.text)
        {
            counters.length = read.len();
        }
        counters
    }

    /// What was counted between `earlier` and these.
    pub(crate) fn since(&self, earlier: &Counters) -> impl Iterator<Item = (&str, u64)> {
        let lines = self.lines().zip(earlier.lines());
        lines.map(|((name, after), (_, before))| (name, after.saturating_sub(before)))
    }

    fn lines(&self) -> impl Iterator<Item = (&str, u64)> {
        let text = core::str::from_utf8(&self.text[..self.length]).unwrap_or("");
        text.lines().filter_map(|line| {
            let (name, rest) = line.split_once(' ')?;
            let total = rest.split(' ').next()?.parse().ok()?;
            Some((name, total))
        })
    }
}
