//! Random calls against a model that knows pages and nothing of mappings, trees or tables.

use super::*;
use std::collections::BTreeMap;

/// Pages in each of two arenas. Both lie across a border of leaf tables.
const ARENA: u64 = 40;
const ARENAS: [u64; 2] = [A + 490 * P, B + 3 * P];
/// The length of the object that is mapped here and there.
const OBJECT: u64 = 24;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Anonymous,
    Shared(u64),
    Private(u64),
}

impl Kind {
    /// What the page `distance` further on shows.
    fn further(self, distance: u64) -> Self {
        match self {
            Kind::Anonymous => Kind::Anonymous,
            Kind::Shared(page) => Kind::Shared(page + distance),
            Kind::Private(page) => Kind::Private(page + distance),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Page {
    prot: u64,
    kind: Kind,
    /// What was written to it, if it is private.
    own: Option<u8>,
}

/// Small random numbers (xorshift).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn address(&mut self) -> u64 {
        ARENAS[self.below(2) as usize] + self.below(ARENA) * P
    }

    pub(super) fn one_of(&mut self, values: &[u64]) -> u64 {
        values[self.below(values.len() as u64) as usize]
    }
}

struct Model {
    // Dropped before the world, which counts its frames at the end.
    object: Object<FakeMachine>,
    world: World,
    pages: BTreeMap<u64, Page>,
    shared: [u8; OBJECT as usize],
    random: Random,
}

impl Model {
    fn new(seed: u64) -> Self {
        let features = MmuFeatures::from_bits_truncate(seed as u32);
        let world = World::with_features(features);
        let object = world.memory(OBJECT);
        Self {
            world,
            object,
            pages: BTreeMap::new(),
            shared: [0; OBJECT as usize],
            random: Random::new(seed),
        }
    }

    fn step(&mut self) {
        match self.random.below(12) {
            0 => self.mmap(),
            1 => self.munmap(),
            2 => self.mprotect(),
            3 => self.dontneed(),
            4..=6 => self.write(),
            7 => self.move_only(),
            _ => self.mremap(),
        }
    }

    fn range(&mut self) -> (u64, u64) {
        (self.random.address(), 1 + self.random.below(8))
    }

    fn mmap(&mut self) {
        let (addr, pages) = self.range();
        let prot = self.random.one_of(&[R, RW, RW, NONE]);
        let offset = self.random.below(OBJECT);
        let kind = match self.random.below(4) {
            0 => Kind::Shared(offset),
            1 => Kind::Private(offset),
            _ => Kind::Anonymous,
        };
        let result = match kind {
            Kind::Anonymous => self.world.mmap(addr, pages * P, prot, PRIVATE | ANON | FIXED),
            Kind::Shared(_) => self.map_object(addr, pages, prot, SHARED, offset),
            Kind::Private(_) => self.map_object(addr, pages, prot, PRIVATE, offset),
        };
        assert_eq!(result, Ok(addr));
        for page in 0..pages {
            self.pages.insert(
                addr + page * P,
                Page {
                    prot,
                    kind: kind.further(page),
                    own: None,
                },
            );
        }
    }

    fn map_object(
        &mut self,
        addr: u64,
        pages: u64,
        prot: u64,
        flags: u64,
        offset: u64,
    ) -> Result<u64, Errno> {
        self.world
            .map_object(addr, pages * P, prot, flags | FIXED, &self.object, offset * P)
    }

    fn munmap(&mut self) {
        let (addr, pages) = self.range();
        assert_eq!(self.world.space.munmap(addr, pages * P), Ok(()));
        self.forget(addr, pages);
    }

    fn forget(&mut self, addr: u64, pages: u64) {
        self.pages.retain(|at, _| !(addr..addr + pages * P).contains(at));
    }

    fn mprotect(&mut self) {
        let (addr, pages) = self.range();
        let prot = self.random.one_of(&[R, RW, NONE]);
        let result = self.world.space.mprotect(addr, pages * P, prot);
        for page in 0..pages {
            match self.pages.get_mut(&(addr + page * P)) {
                Some(page) => page.prot = prot,
                None => return assert_eq!(result, Err(Errno::ENOMEM)),
            }
        }
        assert_eq!(result, Ok(()));
    }

    fn dontneed(&mut self) {
        let (addr, pages) = self.range();
        let result = self.world.space.madvise(addr, pages * P, 4);
        let mapped = self
            .pages
            .range_mut(addr..addr + pages * P)
            .map(|(_, page)| page.own = None)
            .count();
        assert_eq!(result.is_ok(), mapped as u64 == pages);
    }

    fn write(&mut self) {
        let addr = self.random.address();
        let value = 1 + self.random.below(255) as u8;
        let result = self.world.try_write(addr, value);
        let expected = match self.pages.get_mut(&addr) {
            None => Err(FaultError::MapError),
            Some(page) if page.prot != RW => Err(FaultError::AccessError),
            Some(Page {
                kind: Kind::Shared(page) | Kind::Private(page),
                ..
            }) if *page >= OBJECT => Err(FaultError::Bus),
            Some(Page {
                kind: Kind::Shared(page),
                ..
            }) => {
                self.shared[*page as usize] = value;
                Ok(())
            }
            Some(page) => {
                page.own = Some(value);
                Ok(())
            }
        };
        assert_eq!(result, expected);
    }

    /// Moves whatever lies in a range: all of it, if the first page is mapped.
    fn move_only(&mut self) {
        let (old, pages) = self.range();
        let new = self.random.address();
        let flags = self.random.one_of(&[TO, TO | DONTUNMAP]);
        let result = self.world.mremap(old, pages * P, pages * P, flags, new);
        if old < new + pages * P && new < old + pages * P {
            return assert_eq!(result, Err(Errno::EINVAL));
        }
        if !self.pages.contains_key(&old) {
            return assert_eq!(result, Err(Errno::EFAULT));
        }
        assert_eq!(result, Ok(new));
        for page in 0..pages {
            self.move_page(old + page * P, new + page * P, flags);
        }
    }

    /// A hole moves nowhere.
    fn move_page(&mut self, old: u64, new: u64, flags: u64) {
        if let Some(page) = self.pages.get(&old).copied() {
            self.pages.insert(new, page);
            if flags & DONTUNMAP != 0 {
                self.pages.insert(old, Page { own: None, ..page });
            } else {
                self.pages.remove(&old);
            }
        }
    }

    /// Any call. Whether it may work depends on where mappings begin and end, which the model does not know: it believes the answer,
    /// and looks whether what happened goes with it.
    fn mremap(&mut self) {
        let (old, old_pages) = (self.random.address(), self.random.below(9));
        let (new, new_pages) = (self.random.address(), 1 + self.random.below(8));
        let flags = self.random.one_of(&[0, 0, TO, TO, TO | DONTUNMAP]);
        if flags & TO == TO && old_pages == new_pages {
            return;
        }
        let Ok(answer) = self.world.mremap(old, old_pages * P, new_pages * P, flags, new) else {
            return;
        };
        assert_eq!(answer, if flags & TO == TO { new } else { old });
        assert!(flags & DONTUNMAP == 0 && self.pages.contains_key(&old));
        // What is added continues the last page; with no old length it begins as the page at the old address.
        let added = (new_pages > old_pages).then(|| {
            let last = self.pages[&(old + old_pages.saturating_sub(1) * P)];
            Page {
                kind: last.kind.further(old_pages.min(1)),
                own: None,
                ..last
            }
        });
        if new_pages < old_pages {
            self.forget(old + new_pages * P, old_pages - new_pages);
        }
        if flags & TO == TO {
            self.forget(new, new_pages);
            for page in 0..old_pages.min(new_pages) {
                self.move_page(old + page * P, new + page * P, flags);
            }
        }
        for (distance, page) in (old_pages..new_pages).enumerate() {
            let added = added.expect("grown");
            let kind = added.kind.further(distance as u64);
            self.pages.insert(answer + page * P, Page { kind, ..added });
        }
    }

    /// Looks at everything: mappings, then contents of what may be read.
    fn compare(&mut self) {
        let mut seen = BTreeMap::new();
        for mapping in self.world.space.mappings() {
            let prot = u64::from(mapping.read) * R + u64::from(mapping.write) * (RW - R);
            for page in 0..mapping.range.pages() {
                seen.insert(mapping.range.start().get() + page * P, prot);
            }
        }
        let expected: BTreeMap<u64, u64> = self.pages.iter().map(|(addr, page)| (*addr, page.prot)).collect();
        assert_eq!(seen, expected);
        for (addr, page) in self.pages.clone() {
            let expected = match (page.kind, page.own) {
                _ if page.prot == NONE => Err(FaultError::AccessError),
                (Kind::Shared(at) | Kind::Private(at), _) if at >= OBJECT => Err(FaultError::Bus),
                (Kind::Shared(at), _) | (Kind::Private(at), None) => Ok(self.shared[at as usize]),
                (_, own) => Ok(own.unwrap_or(0)),
            };
            assert_eq!(self.world.try_read(addr), expected, "{addr:#x} {page:?}");
        }
    }
}

#[test]
fn random_calls_agree_with_a_model_of_pages() {
    for seed in 1..=40 {
        let mut model = Model::new(seed);
        for step in 0..400 {
            model.step();
            if step % 8 == 0 {
                model.compare();
            }
        }
        model.compare();
    }
}
