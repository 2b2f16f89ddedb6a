//! `cargo xtask push` against the loader in QEMU: over cables that damage what passes, are pulled out and put back, to machines that are
//! switched off and on in the middle.

mod commands;
mod machine;
mod proxy;
mod stub;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::push::Ending;
use anyhow::{Result, ensure};
use libtest_mimic::Trial;

use super::bench::Bench;
use super::boards::Boards;
use crate::push::{Load, Progress, send};
use crate::qemu::machine::Machine;
use machine::{LoaderMachine, line, read_until, socket};
use proxy::Proxy;

/// How many of a million bytes meet with each of four kinds of damage: one of four blocks comes out wrong.
const NOISE: usize = 35;
/// The lengths of a small kernel and an archive, in bytes.
const KERNEL: usize = 20_000;
const ARCHIVE: usize = 12_345;
/// How long a board may take to answer, and what was started to say something.
const PATIENCE: Duration = Duration::from_secs(30);

/// The trials: on the usual machine and on every board.
pub(crate) fn trials(folder: &Path, bench: &Arc<Bench>, boards: &Boards) -> Vec<Trial> {
    let virt = Machine::default();
    let mut trials = Vec::new();
    for machine in [&virt].into_iter().chain(&boards.machines) {
        let name = machine.raspi.as_ref().map_or("virt", |_| machine.name());
        let (for_noise, for_program) = (machine.clone(), machine.clone());
        let hello = folder.join("hello");
        trials.push(trial(bench, &format!("{name}::noise"), move |bench| {
            over_a_bad_cable(bench, &for_noise)
        }));
        trials.push(trial(bench, &format!("{name}::program"), move |bench| {
            programs(bench, &for_program, &hello)
        }));
    }
    trials.extend(commands::trials(bench));
    trials
}

fn trial(bench: &Arc<Bench>, name: &str, test: impl FnOnce(&Bench) -> Result<()> + Send + 'static) -> Trial {
    bench.trial(format!("boot::push::{name}"), test)
}

/// What happens in the middle of a transfer.
struct Events<'a> {
    proxy: &'a Proxy,
    machine: &'a mut LoaderMachine,
    cut: bool,
    restarted: bool,
}

impl Progress for Events<'_> {
    fn found(&mut self, _: &str) {}

    fn arrived(&mut self, bytes: usize, of: usize) {
        if bytes * 4 > of && !self.cut {
            self.cut = true;
            self.proxy.cut();
        }
        if bytes * 4 > of * 3 && !self.restarted {
            // Whether it comes up again is seen by what follows.
            self.restarted = self.machine.restart().is_ok();
        }
    }

    fn advice(&mut self, _: &str) {}
}

/// A small kernel, entered as it should be, although a quarter of the blocks is damaged, the cable is pulled out once, and the board is
/// switched off and on.
fn over_a_bad_cable(bench: &Bench, machine: &Machine) -> Result<()> {
    let mut board = LoaderMachine::boot(bench, machine)?;
    let cable = socket("cable")?;
    let proxy = Proxy::start(&cable, &board.socket.clone(), NOISE)?;
    let mut line = line(&cable)?;
    let load = Load {
        kernel: &stub::image(machine, KERNEL),
        archive: &stub::filling(ARCHIVE),
        words: "",
        ending: Ending::Off,
    };
    let mut events = Events {
        proxy: &proxy,
        machine: &mut board,
        cut: false,
        restarted: false,
    };
    let sent = send(&mut line, 115_200, &load, PATIENCE, &mut events)?;
    ensure!(events.cut && events.restarted, "nothing has happened");
    ensure!(sent.repeated > 0, "nothing was said twice");
    proxy.calm();
    read_until(&mut line, stub::FINE, PATIENCE)?;
    Ok(())
}

/// The commands as a person gives them: in-kernel tests, the kernel with a program, program tests and another program, for which the kernel
/// isn't sent again; then the machine is off.
fn programs(bench: &Bench, machine: &Machine, hello: &Path) -> Result<()> {
    let mut board = LoaderMachine::boot(bench, machine)?;
    let cable = socket("cable")?;
    let proxy = Proxy::start(&cable, &board.socket, 0)?;
    let port = format!("unix:{}", cable.display());
    let run = |arguments: &[&str], status: i32| -> Result<commands::Output> {
        let output = commands::xtask(&[arguments, &["--port", &port, "--log", "info"]].concat())?;
        let same = output.status == Some(status);
        ensure!(
            same,
            "exit status {:?}\n{}\n{}",
            output.status,
            output.err,
            output.out
        );
        Ok(output)
    };
    if machine.raspi.is_none() {
        let tests = run(&["test", "kernel::board::board::timer"], 0)?;
        ensure!(tests.out.ends_with("\n2 passed, 0 failed\n"), "{}", tests.out);
    }
    let first = run(&["push", "--again", "--program", &hello.to_string_lossy()], 0)?;
    ensure!(first.out.contains("hello from EL0\n"), "{}", first.out);
    ensure!(first.err.contains("found the loader on a "), "{}", first.err);
    let sent = proxy.passed();
    let tests = run(&["test", "program::exit-status"], 0)?;
    ensure!(tests.out.ends_with("\n3 passed, 0 failed\n"), "{}", tests.out);
    let next = format!("--program={}", hello.with_file_name("args").display());
    let last = run(&["push", &next], 0)?;
    let kernel = fs_err::metadata(&bench.kernel.image)?.len();
    ensure!(((proxy.passed() - sent) as u64) < kernel, "the kernel came again");
    let cores = last.out.contains("3 of 3 other core(s) let in");
    ensure!(cores || machine.raspi.is_none(), "{}", last.out);
    board.wait_for_end()
}
