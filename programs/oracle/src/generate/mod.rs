//! Random calls. They depend on the seed alone, never on an answer, so that both systems get the same ones.
//!
//! A seed's script is of a class, which says what comes beside the usual calls. Most arguments are such that the call can
//! succeed, around a few places where mappings meet; some are wrong in a way that the call must notice. A wrong argument never
//! names memory outside the scripts' places that is mapped.

mod classes;
mod clip;
mod files;
mod huge;
mod limits;
mod moves;
mod older;
mod usual;
mod wild;

use crate::call::{Call, KINDS, Kind};
use crate::places::Place;
use crate::random::Random;

pub(crate) use classes::{CLASSES, Class};

const PAGE: u64 = rt::PAGE as u64;

/// Makes one call.
type Maker = fn(&mut Random) -> Call;

/// How often a class is tried for a call of a kind that is to be had.
const TRIES: u32 = 20;

/// What a run's scripts are made of.
#[derive(Clone, Copy)]
pub struct Plan {
    /// Calls of a script, where its class says nothing else.
    pub calls: u64,
    /// The class of all scripts; none: the seed says.
    pub class: Option<&'static Class>,
    /// Kinds of calls that are left out, by their bits.
    pub without: u64,
    /// Whether the arguments are wild.
    pub hostile: bool,
    /// Whether to leave out what Linux 6.18 answers otherwise than 7.3.
    pub older: bool,
}

impl Plan {
    /// Leaves a kind of call out; `None` if there is none of that name.
    pub fn leave_out(&mut self, kind: &str) -> Option<()> {
        self.without |= 1 << Kind::named(kind)?.index();
        Some(())
    }

    fn has(&self, kind: Kind) -> bool {
        self.without & 1 << kind.index() == 0
    }

    /// The script of a seed.
    pub fn script(&self, seed: u64) -> Script {
        let mut random = Random::new(seed);
        let class = classes::choose(&mut random, self.older);
        Script {
            plan: *self,
            class: self.class.unwrap_or(class),
            index: 0,
            // Many classes are there twice: for root, and for a user.
            who: random.one_of(&[0, 0, 1, 2]),
            random,
        }
    }
}

/// The calls of a script.
pub struct Script {
    plan: Plan,
    /// What kind of script it is.
    pub class: &'static Class,
    random: Random,
    who: u64,
    index: u64,
}

impl Iterator for Script {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        let index = self.index;
        self.index += 1;
        if index >= self.class.calls.unwrap_or(self.plan.calls) {
            return None;
        }
        let mut call = self.call(index);
        for _ in 0..TRIES {
            if self.plan.has(call.kind) {
                if self.plan.older {
                    older::make(&mut call);
                }
                clip::to_arena(&mut call);
                return Some(call);
            }
            call = self.call(self.class.filling + 10);
        }
        Some(Call::new(Kind::Read, &[usual::place(&mut self.random)]))
    }
}

impl Script {
    fn call(&mut self, index: u64) -> Call {
        let random = &mut self.random;
        let opening = index.checked_sub(self.class.filling);
        if index < self.class.filling {
            return usual::fill(random);
        }
        if opening == Some(0) && self.class.users && self.who != 0 {
            return Call::new(Kind::Become, &[self.who]);
        }
        if let Some(maker) = opening.and_then(|at| self.class.opening.get((at as usize).wrapping_sub(1))) {
            return maker(random);
        }
        if self.plan.hostile && !random.once_in(4) {
            let mut call = wild::call(random);
            (self.class.tame)(&mut call);
            return call;
        }
        match random.below(100) < self.class.share {
            true => one_of(self.class.own, random),
            false => one_of(usual::CALLS, random),
        }
    }
}

/// Makes one of these; the number says how often it comes.
fn one_of(makers: &[(u64, Maker)], random: &mut Random) -> Call {
    let mut at = random.below(makers.iter().map(|maker| maker.0).sum());
    for &(weight, maker) in makers {
        match at.checked_sub(weight) {
            None => return maker(random),
            Some(rest) => at = rest,
        }
    }
    Call::new(Kind::Look, &[])
}

/// The class with a name.
pub(crate) fn class(name: &str) -> Option<&'static Class> {
    CLASSES.iter().find(|class| class.name == name)
}

// A bit for each kind.
const _: () = assert!(KINDS.len() <= 64);
// The pages that scripts name.
const _: () = assert!(Place::Arena.range().end - Place::Arena.range().start == 2048 * PAGE);
