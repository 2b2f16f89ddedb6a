//! The program `oracle` on the crate `mm` alone, with a machine that isn't there: no kernel, no emulator, no system calls.
//!
//! Its options and its account are those of `oracle`. Every script has an address space of its own, and when it is
//! done every frame of the machine must be free again: otherwise the account says how many are not.

mod world;

use std::process::ExitCode;

use oracle::options::Options;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = Options::read(arguments.iter().map(String::as_str)) else {
        eprintln!("oracle-crate: the arguments are those of oracle");
        return ExitCode::from(2);
    };
    let scripts = match options.file.map(std::fs::read_to_string).transpose() {
        Ok(scripts) => scripts,
        Err(error) => {
            eprintln!("oracle-crate: {error}");
            return ExitCode::FAILURE;
        }
    };
    match oracle::run(world::World::new(&options), &options, scripts.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("oracle-crate: {trouble}");
            ExitCode::FAILURE
        }
    }
}
