//! The program: scripts on the kernel that it runs on.
#![cfg_attr(target_os = "none", no_std)]
#![no_main]

use oracle::observe::Trouble;
use oracle::options::Options;
use oracle::world::World;
use rt::Environment;
use rt::file::File;

rt::main!(run);

/// Bytes that a file of scripts may have.
const FILE_ROOM: usize = 512 << 10;
/// Bytes that its path may have.
const PATH_ROOM: usize = 256;

fn run(environment: Environment) -> u8 {
    let words = environment.arguments().skip(1);
    let Some(options) = Options::read(words.map(|word| word.to_str().unwrap_or(""))) else {
        rt::eprintln!("{}", oracle::options::USAGE);
        return 2;
    };
    match go(&options) {
        Ok(()) => 0,
        Err(trouble) => {
            rt::println!("oracle: {trouble}");
            1
        }
    }
}

fn go(options: &Options<'_>) -> Result<(), Trouble> {
    let mut room = [0; FILE_ROOM];
    let scripts = options.file.map(|path| read(path, &mut room)).transpose()?;
    oracle::run(World::new(options)?, options, scripts)
}

/// The text of a file; `-` is standard input.
fn read<'a>(path: &str, room: &'a mut [u8]) -> Result<&'a str, Trouble> {
    if path == "-" {
        let mut used = 0;
        while used < room.len() {
            match rt::file::read(0, &mut room[used..])? {
                0 => break,
                more => used += more,
            }
        }
        return Ok(core::str::from_utf8(&room[..used]).unwrap_or(""));
    }
    let mut bytes = [0; PATH_ROOM];
    let end = path.len().min(PATH_ROOM - 1);
    bytes[..end].copy_from_slice(&path.as_bytes()[..end]);
    let path = core::ffi::CStr::from_bytes_until_nul(&bytes).unwrap_or(c"");
    let text = File::open(path)?.read_into(room)?;
    Ok(core::str::from_utf8(text).unwrap_or(""))
}
