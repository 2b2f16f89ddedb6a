//! The same random calls on this crate and on the host's Linux: results, errno, mappings and contents must be the same.
//!
//! The host has an older Linux than the one that is the contract, and another architecture. Left out are the classes in which they
//! are known to differ: `MREMAP_DONTUNMAP`, and copied pages of private file mappings, whose identity is kept otherwise
//! since. A kernel before 6.17 moves no several mappings; there is nothing to compare with then.
#![allow(unsafe_code, reason = "system calls of the host")]

use super::model::Random;
use super::*;
use std::fs::read_to_string;

/// Where both work: free in a process of the host, and 40 pages each side of a border of leaf tables.
const ARENAS: [u64; 2] = [0x1234_4000_0000 + 490 * P, 0x1235_4000_0000 + 3 * P];
const ARENA: u64 = 40;
/// What the calls reach beyond an arena's last page.
const REACH: u64 = 10;
const OBJECT: u64 = 24;

type Answer = Result<u64, u16>;

/// The host's calls.
struct Host {
    object: i32,
}

impl Host {
    fn new() -> Self {
        // SAFETY: no pointers but a string's.
        let object = unsafe {
            libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0);
            let object = libc::memfd_create(c"test".as_ptr(), 0);
            assert_eq!(libc::ftruncate(object, (OBJECT * P) as i64), 0);
            object
        };
        Self { object }
    }

    fn call(&self, number: i64, args: [u64; 6]) -> Answer {
        let [a, b, c, d, e, f] = args;
        // SAFETY: the calls map and unmap nothing but the arenas, which no Rust object lies in.
        match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
            -1 => Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0) as u16),
            answer => Ok(answer as u64),
        }
    }

    /// Writes a byte, or reads one, as the mappings allow.
    fn access(&self, addr: u64, byte: &mut u8, write: bool) -> bool {
        let local = libc::iovec {
            iov_base: (byte as *mut u8).cast(),
            iov_len: 1,
        };
        let remote = libc::iovec {
            iov_base: addr as *mut libc::c_void,
            iov_len: 1,
        };
        // SAFETY: one byte here, and one in an arena if it is mapped.
        let done = unsafe {
            let this = libc::getpid();
            match write {
                true => libc::process_vm_writev(this, &local, 1, &remote, 1, 0),
                false => libc::process_vm_readv(this, &local, 1, &remote, 1, 0),
            }
        };
        done == 1
    }

    fn maps(&self) -> Vec<String> {
        let maps = read_to_string("/proc/self/maps").expect("a list of mappings");
        let in_arena = |line: &&str| {
            let start = line
                .split('-')
                .next()
                .and_then(|start| u64::from_str_radix(start, 16).ok());
            start.is_some_and(is_ours)
        };
        // Addresses, protection and offset; devices and inodes are the host's own.
        maps.lines()
            .filter(in_arena)
            .map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
            .collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for arena in ARENAS {
            self.call(libc::SYS_munmap, [arena - 64 * P, (ARENA + 128) * P, 0, 0, 0, 0])
                .expect("an arena");
        }
        // SAFETY: the file is this value's.
        unsafe { libc::close(self.object) };
    }
}

fn is_ours(addr: u64) -> bool {
    ARENAS
        .iter()
        .any(|arena| (arena - 64 * P..arena + (ARENA + 64) * P).contains(&addr))
}

fn answer(result: Result<u64, Errno>) -> Answer {
    result.map_err(Errno::number)
}

/// One address space here and one there.
struct Pair {
    host: Host,
    object: Object<FakeMachine>,
    world: World,
    random: Random,
    log: Vec<String>,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let world = World::new();
        let object = world.memory(OBJECT);
        Self {
            host: Host::new(),
            object,
            world,
            random: Random::new(seed),
            log: Vec::new(),
        }
    }

    fn address(&mut self) -> u64 {
        ARENAS[self.random.below(2) as usize] + self.random.below(ARENA) * P
    }

    fn step(&mut self) {
        let (addr, pages) = (self.address(), self.random.below(REACH));
        match self.random.below(12) {
            0 | 1 => self.mmap(addr, pages),
            2 => self.both(
                "munmap",
                libc::SYS_munmap,
                [addr, pages * P, 0, 0, 0, 0],
                |world, a| world.space.munmap(a[0], a[1]).map(|()| 0),
            ),
            3 | 4 => {
                let prot = self.random.one_of(&[R, RW, RW, NONE, RW | X]);
                self.both(
                    "mprotect",
                    libc::SYS_mprotect,
                    [addr, pages * P, prot, 0, 0, 0],
                    |world, a| world.space.mprotect(a[0], a[1], a[2]).map(|()| 0),
                );
            }
            5 => {
                let advice = self.random.one_of(&[0, 1, 2, 4, 4, 4, 16, 17, 10, 11]);
                self.both(
                    "madvise",
                    libc::SYS_madvise,
                    [addr, pages * P, advice, 0, 0, 0],
                    |world, a| world.space.madvise(a[0], a[1], a[2]).map(|()| 0),
                );
            }
            6..=8 => self.write(addr),
            _ => self.mremap(addr, pages),
        }
    }

    /// Makes a call on both sides.
    fn both(
        &mut self,
        name: &str,
        number: i64,
        args: [u64; 6],
        here: impl Fn(&mut World, [u64; 6]) -> Result<u64, Errno>,
    ) {
        self.log.push(format!("{name} {args:x?}"));
        let ours = answer(here(&mut self.world, args));
        let theirs = self.host.call(number, args);
        assert_eq!(ours, theirs, "{}", self.log.join("\n"));
    }

    fn mmap(&mut self, addr: u64, pages: u64) {
        let prot = self.random.one_of(&[R, RW, RW, NONE, RW | X]);
        let shared = self.random.below(4) == 0;
        let fixed = self.random.one_of(&[FIXED, FIXED, FIXED, NOREPLACE]);
        if shared {
            let (fd, offset) = (self.host.object as u64, self.random.below(OBJECT) * P);
            let object = self.object.clone();
            self.both(
                "mmap",
                libc::SYS_mmap,
                [addr, pages * P, prot, SHARED | fixed, fd, offset],
                |world, a| world.map_object(a[0], a[1], a[2], a[3], &object, a[5]),
            );
        } else {
            let more = self.random.one_of(&[0, 0, 0, NORESERVE, POPULATE]);
            let flags = PRIVATE | ANON | fixed | more;
            self.both(
                "mmap",
                libc::SYS_mmap,
                [addr, pages * P, prot, flags, u64::MAX, 0],
                |world, a| world.mmap(a[0], a[1], a[2], a[3]),
            );
        }
    }

    /// Moves to exact places only: where the kernel chooses depends on all else that a process of the host has mapped.
    fn mremap(&mut self, old: u64, old_pages: u64) {
        let (new, new_pages) = (self.address(), self.random.below(REACH));
        let new_pages = if self.random.below(2) == 0 {
            old_pages
        } else {
            new_pages
        };
        let (flags, bent) = (
            self.random.one_of(&[0, TO, TO, TO, FIXED >> 3]),
            self.random.below(20),
        );
        if old_pages == 0 && old == new {
            // A duplicate onto itself loses the data on Linux.
            return;
        }
        let odd = if bent == 0 { 8 } else { 0 };
        let args = [old + odd, old_pages * P, new_pages * P, flags, new, 0];
        self.both("mremap", libc::SYS_mremap, args, |world, a| {
            world.mremap(a[0], a[1], a[2], a[3], a[4])
        });
    }

    fn write(&mut self, addr: u64) {
        let mut value = 1 + self.random.below(255) as u8;
        self.log.push(format!("write {addr:x}"));
        let ours = self.world.try_write(addr, value).is_ok();
        let theirs = self.host.access(addr, &mut value, true);
        assert_eq!(ours, theirs, "{}", self.log.join("\n"));
    }

    fn compare(&mut self) {
        let bit = |set, letter| if set { letter } else { '-' };
        let line = |m: crate::Mapping<'_>| {
            let (start, end) = (m.range.start().get(), m.range.end().get());
            let (r, w, x) = (bit(m.read, 'r'), bit(m.write, 'w'), bit(m.execute, 'x'));
            let shared = if m.shared { 's' } else { 'p' };
            format!("{start:x}-{end:x} {r}{w}{x}{shared} {:08x}", m.offset)
        };
        let ours: Vec<String> = self.world.space.mappings().map(line).collect();
        assert_eq!(ours, self.host.maps(), "{}", self.log.join("\n"));
        for arena in ARENAS {
            for page in 0..ARENA + REACH {
                let (addr, mut theirs) = (arena + page * P, 0);
                let theirs = self.host.access(addr, &mut theirs, false).then_some(theirs);
                assert_eq!(
                    self.world.try_read(addr).ok(),
                    theirs,
                    "{addr:x}\n{}",
                    self.log.join("\n")
                );
            }
        }
    }
}

/// Whether the host has the multi-mapping move.
fn is_new_enough() -> bool {
    let release = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(17))
}

#[test]
fn random_calls_agree_with_the_hosts_linux() {
    if !is_new_enough() {
        return;
    }
    // More of them by hand: `SEEDS=5000 cargo test -p mm host`.
    let seeds = std::env::var("SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(60);
    for seed in 1..=seeds {
        let mut pair = Pair::new(seed);
        for step in 0..300 {
            pair.step();
            if step % 10 == 0 {
                pair.compare();
            }
        }
        pair.compare();
    }
}
