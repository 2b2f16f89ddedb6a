//! Where the instructions of one call went, by function of the kernel and by line.

use std::collections::HashMap;

use owo_colors::OwoColorize;

use super::profile::Counts;
use super::table::grouped;
use crate::elf::symbols::{Place, Symbols};

/// Addresses from here on are the kernel's.
const KERNEL: u64 = 1 << 63;
/// How many functions inside of another, and how many lines, are shown.
const MOST: usize = 12;
const MOST_LINES: usize = 30;

/// A profile: what has executed how many instructions, the most first.
pub(super) struct Profile {
    /// All of them, with those of the marks.
    pub(super) total: u64,
    /// By function of the kernel; the program is one.
    pub(super) functions: Vec<Function>,
    /// By `FILE:LINE`.
    lines: Vec<(String, u64)>,
}

/// What one function of the kernel has executed.
pub(super) struct Function {
    /// Its name.
    pub(super) name: String,
    /// Its instructions, with those of what was inlined.
    pub(super) instructions: u64,
    /// How often it was called; 0 where that is not known.
    pub(super) calls: u64,
    /// By the function that was inlined there; a single one is the function itself.
    pub(super) inlined: Vec<(String, u64)>,
}

/// What is counted of a function.
#[derive(Default)]
struct Count {
    instructions: u64,
    calls: u64,
    inlined: HashMap<String, u64>,
}

impl Profile {
    /// Sorts what was counted by address.
    pub(super) fn new(counts: &Counts, symbols: &Symbols) -> Self {
        let mut functions: HashMap<String, Count> = HashMap::new();
        let mut lines: HashMap<String, u64> = HashMap::new();
        for (&address, &count) in counts {
            let place = match address >= KERNEL {
                true => symbols.place(address),
                false => Place::named("the program, at EL0"),
            };
            let function = functions.entry(short(&place.symbol)).or_default();
            function.instructions += count;
            function.calls += if place.is_start { count } else { 0 };
            *function.inlined.entry(short(&place.function)).or_default() += count;
            if !place.line.is_empty() {
                *lines.entry(place.line).or_default() += count;
            }
        }
        let functions = sorted(functions, |count| count.instructions);
        Profile {
            total: counts.values().sum(),
            functions: functions.into_iter().map(Function::new).collect(),
            lines: sorted(lines, |count| *count),
        }
    }

    /// Prints it as that of `row`.
    pub(super) fn print(&self, row: &str) {
        println!(
            "{row}: {} instructions between the marks, with those of the marks",
            grouped(self.total)
        );
        anstream::println!("\n{}", "instructions       %   calls  function".bold());
        for function in &self.functions {
            self.print_function(function);
        }
        anstream::println!("\n{}", "instructions       %  line".bold());
        for (line, count) in self.lines.iter().take(MOST_LINES) {
            println!("{:>12}  {:>6}  {line}", grouped(*count), self.percent(*count));
        }
    }

    fn print_function(&self, function: &Function) {
        let (count, share) = (
            grouped(function.instructions),
            self.percent(function.instructions),
        );
        let calls = function.calls();
        anstream::println!("{count:>12}  {share:>6}  {calls:>6}  {}", function.name.bold());
        for (name, count) in function.parts() {
            let (count, share) = (grouped(*count), self.percent(*count));
            let line = format!("{count:>12}  {share:>6}  {:>6}    {name}", "");
            anstream::println!("{}", line.dimmed());
        }
    }

    /// The share of `part` in all, without the sign.
    pub(super) fn percent(&self, part: u64) -> String {
        format!("{:.1}", part as f64 * 100.0 / self.total.max(1) as f64)
    }
}

impl Function {
    fn new((name, count): (String, Count)) -> Self {
        Function {
            name,
            instructions: count.instructions,
            calls: count.calls,
            inlined: sorted(count.inlined, |count| *count),
        }
    }

    /// How often it was called, empty where that is not known.
    pub(super) fn calls(&self) -> String {
        match self.calls {
            0 => String::new(),
            calls => grouped(calls),
        }
    }

    /// What it is made of, where that is more than itself: the most of it.
    pub(super) fn parts(&self) -> &[(String, u64)] {
        match self.inlined.len() {
            ..=1 => &[],
            count => &self.inlined[..count.min(MOST)],
        }
    }
}

/// The largest first; equals by name.
fn sorted<T>(map: HashMap<String, T>, key: impl Fn(&T) -> u64) -> Vec<(String, T)> {
    let mut list: Vec<_> = map.into_iter().collect();
    list.sort_by(|(a_name, a), (b_name, b)| key(b).cmp(&key(a)).then(a_name.cmp(b_name)));
    list
}

/// A function's name without what is the same everywhere: there is one machine.
fn short(name: &str) -> String {
    name.replace("<inarch::memory::machine::Machine>", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_one_function() {
        let symbols = Symbols::load(&std::env::current_exe().unwrap()).unwrap();
        let profile = Profile::new(&[(0x1000, 3), (0x2000, 1)].into(), &symbols);
        let [program] = &profile.functions[..] else {
            panic!("{} functions", profile.functions.len())
        };
        assert_eq!((profile.total, program.instructions, program.calls), (4, 4, 0));
        assert!(program.name.contains("EL0") && program.parts().is_empty());
        assert_eq!(profile.percent(1), "25.0");
    }
}
