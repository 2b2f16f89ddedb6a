//! Programs that move and protect memory, on every CPU model, where all memory may be huge and where none may.

use super::program::Case;
use crate::qemu::machine::Machine;

const PROGRAMS: [&str; 5] = ["mmap", "mremap", "mprotect", "madvise", "huge"];
const MODELS: [&str; 4] = ["cortex-a53", "cortex-a72", "cortex-a76", "max"];
/// What the kernel's command line says.
const MODES: [&str; 2] = ["always", "never"];

/// Those among `cases`, once for each model and mode. `words` are the usual ones of the command line.
pub(crate) fn cases(cases: &[Case], words: &[String]) -> Vec<Case> {
    let is_one = |case: &&Case| {
        let name = case.name.trim_start_matches("program::");
        PROGRAMS.contains(&name)
    };
    let mut all = Vec::new();
    for cpu in MODELS {
        for mode in MODES {
            let word = format!("transparent_hugepage={mode}");
            all.extend(cases.iter().filter(is_one).map(|case| Case {
                name: format!("{}::{cpu}::{word}", case.name),
                machine: Some(Machine {
                    cpu: cpu.to_owned(),
                    ..Machine::default()
                }),
                words: Some([words, std::slice::from_ref(&word)].concat()),
                ..case.clone()
            }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_runs_on_every_model_both_ways() {
        let usual: Vec<Case> = ["hello", "huge", "mmap", "mremap", "mprotect", "madvise"]
            .map(|name| Case::new(format!("program::{name}"), name, 0))
            .to_vec();
        let cases = cases(&usual, &["semihosting".to_owned()]);
        assert_eq!(cases.len(), PROGRAMS.len() * 8);
        let name = "program::huge::cortex-a76::transparent_hugepage=never";
        let case = cases.iter().find(|case| case.name == name).unwrap();
        assert_eq!(case.machine.as_ref().unwrap().cpu, "cortex-a76");
        assert_eq!(
            case.words.as_deref().unwrap(),
            ["semihosting", "transparent_hugepage=never"]
        );
    }
}
