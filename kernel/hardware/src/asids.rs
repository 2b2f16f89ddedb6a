//! Address space identifiers, of which there are fewer than there may be programs: what the TLB tells their entries apart by.
//!
//! A program has an identifier only as long as the *generation* lasts in which it was given. When all are given out a new generation
//! begins: the TLB of every core is emptied, and each program gets a new identifier when it next runs. Those that run at that
//! moment keep theirs, for a core goes on walking their tables (as in Linux, `arch/arm64/mm/context.c`).

/// log2 of the most identifiers there are.
const MOST_BITS: u32 = 16;
/// Words of a bit for each identifier.
const WORDS: usize = (1 << MOST_BITS) / 64;
/// One generation, in a [`Context`].
const GENERATION: u64 = 1 << MOST_BITS;

/// What is remembered of a program: the identifier that it was given last, and in which generation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Context(u64);

impl Context {
    /// Of a program that never ran.
    pub const NONE: Self = Self(0);

    /// As a number, to be kept in an atomic.
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// From what [`Self::raw`] gave.
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The identifier, not 0; 0 for [`Self::NONE`].
    pub const fn asid(self) -> u16 {
        self.0 as u16
    }
}

/// What has to be done before a program runs on a core.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Activation {
    /// The program's from now on.
    pub context: Context,
    /// Whether this core's TLB must forget everything first.
    pub flush: bool,
}

/// The identifiers of a machine of `CORES` cores. Whoever has the value to itself gives them out.
pub struct Asids<const CORES: usize> {
    /// How many there are, 0 included, which no program gets: it stands for none.
    count: u32,
    /// In units of [`GENERATION`]; not 0.
    generation: u64,
    /// A bit for each that was given out in this generation.
    used: [u64; WORDS],
    /// Where to look for the next.
    next: u32,
    /// What runs on each core.
    running: [Context; CORES],
    /// Cores whose TLB may hold entries of the generation before.
    stale: [bool; CORES],
}

impl<const CORES: usize> Default for Asids<CORES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const CORES: usize> Asids<CORES> {
    /// 8-bit identifiers, which every arm64 processor has, none of them given out.
    pub const fn new() -> Self {
        let mut used = [0; WORDS];
        used[0] = 1;
        Self {
            count: 1 << 8,
            generation: GENERATION,
            used,
            next: 1,
            running: [Context::NONE; CORES],
            stale: [false; CORES],
        }
    }

    /// Says how many bits an identifier has, at most 16. None has been given out yet, and there are more than twice as many as cores.
    pub fn set_bits(&mut self, bits: u8) {
        debug_assert!(u32::from(bits) <= MOST_BITS && 1usize << bits > 2 * CORES);
        self.count = 1 << bits;
    }

    /// Gives the program that `context` was returned for last an identifier, to run on `core` from now on. Until then the core
    /// goes on with what ran there.
    ///
    /// # Panics
    /// If there is no such core.
    pub fn activate(&mut self, core: usize, context: Context) -> Activation {
        let context = if self.is_current(context) {
            context
        } else {
            self.renew(context)
        };
        self.running[core] = context;
        let flush = core::mem::take(&mut self.stale[core]);
        Activation { context, flush }
    }

    /// Notes that no program runs on `core` any more.
    ///
    /// # Panics
    /// If there is no such core.
    pub fn retire(&mut self, core: usize) {
        self.running[core] = Context::NONE;
    }

    fn is_current(&self, context: Context) -> bool {
        context.0 & !(GENERATION - 1) == self.generation
    }

    /// An identifier of this generation for a program whose last is of an earlier one.
    fn renew(&mut self, old: Context) -> Context {
        let kept = Context(self.generation | u64::from(old.asid()));
        if old != Context::NONE {
            // A program that ran when the generation began has kept its identifier.
            let mut runs = false;
            for running in self.running.iter_mut().filter(|running| **running == old) {
                *running = kept;
                runs = true;
            }
            if runs || self.take(old.asid()) {
                return kept;
            }
        }
        let asid = match self.find_free() {
            Some(asid) => asid,
            None => {
                self.begin_generation();
                self.find_free().expect("more identifiers than cores")
            }
        };
        self.take(asid);
        Context(self.generation | u64::from(asid))
    }

    /// Takes an identifier; false if it is given out already.
    fn take(&mut self, asid: u16) -> bool {
        let (word, bit) = (usize::from(asid / 64), 1 << (asid % 64));
        let free = self.used[word] & bit == 0;
        self.used[word] |= bit;
        free
    }

    /// The first free identifier from `next` on.
    fn find_free(&mut self) -> Option<u16> {
        let is_free = |asid: &u32| self.used[(asid / 64) as usize] >> (asid % 64) & 1 == 0;
        let asid = (self.next..self.count).find(is_free)?;
        self.next = asid + 1;
        u16::try_from(asid).ok()
    }

    /// Forgets who has which identifier, but for those that run.
    fn begin_generation(&mut self) {
        self.generation += GENERATION;
        self.used = [0; WORDS];
        self.next = 1;
        self.take(0);
        for core in 0..CORES {
            self.take(self.running[core].asid());
        }
        self.stale = [true; CORES];
    }
}

#[cfg(test)]
mod tests;
