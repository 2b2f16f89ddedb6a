//! The rows of both systems beside each other.

use anyhow::Result;

use super::functions::Profile;
use super::output::{Measured, Outcome};
use super::rows::{self, Group, Row};
use super::sides::Result as SideResult;

/// All that was measured.
pub(super) struct Comparison {
    /// The CPU model of both machines.
    pub(super) cpu: String,
    /// The kernel that was measured.
    pub(super) inarch: String,
    /// The Linux beside it, if one was.
    pub(super) linux: Option<String>,
    /// The rows, by group.
    pub(super) rows: Vec<Compared>,
}

/// One row.
pub(super) struct Compared {
    /// Its name.
    pub(super) name: String,
    /// What it is about.
    pub(super) row: Row,
    /// On Inarch.
    pub(super) inarch: Outcome,
    /// On Linux, if that was measured.
    pub(super) linux: Option<Outcome>,
    /// Whether every run gave the same, on each.
    pub(super) equal: bool,
    /// Where the instructions of one call go, if that was looked at.
    pub(super) profile: Option<Profile>,
}

impl Compared {
    /// Inarch's figures.
    pub(super) fn here(&self) -> Option<&Measured> {
        self.inarch.measured()
    }

    /// Linux's figures.
    pub(super) fn there(&self) -> Option<&Measured> {
        self.linux.as_ref()?.measured()
    }

    /// How many times as much Linux needs.
    pub(super) fn ratio(&self) -> Option<f64> {
        Some(self.there()?.least() as f64 / self.here()?.least().max(1) as f64)
    }

    /// Whether what is to be reached is reached; `None` where nothing is to be, or nothing was measured.
    pub(super) fn reached(&self) -> Option<bool> {
        Some(self.here()?.least() <= self.row.reach?)
    }
}

impl Compared {
    /// Whether it is a goal of the usual machine that is not reached.
    fn is_missed(&self) -> bool {
        self.row.group == Group::Goals && self.reached() == Some(false)
    }
}

impl Comparison {
    /// Joins what was measured.
    pub(super) fn new(cpu: &str, inarch: SideResult, linux: Option<SideResult>) -> Self {
        let mut compared: Vec<Compared> = Vec::new();
        for (name, outcome) in inarch.run.rows {
            let there = linux.as_ref().map(|linux| {
                let found = linux.run.rows.iter().find(|(known, _)| *known == name);
                found.map_or_else(
                    || Outcome::NotMeasured("only with --full".to_owned()),
                    |(_, outcome)| outcome.clone(),
                )
            });
            let unequal = |side: &Option<&Vec<String>>| side.is_some_and(|names| names.contains(&name));
            let equal =
                !unequal(&Some(&inarch.unequal)) && !unequal(&linux.as_ref().map(|linux| &linux.unequal));
            compared.push(Compared {
                row: rows::row(&name),
                inarch: outcome,
                linux: there,
                equal,
                profile: None,
                name,
            });
        }
        let by_group = |row: &Compared| Group::ALL.iter().position(|group| *group == row.row.group);
        compared.sort_by_key(|row| (by_group(row), rows::position(&row.name)));
        Comparison {
            cpu: cpu.to_owned(),
            inarch: inarch.run.system,
            linux: linux.map(|linux| linux.run.system),
            rows: compared,
        }
    }

    /// Looks where the instructions of the goals that are not reached go.
    ///
    /// # Errors
    /// Those of `profile`.
    pub(super) fn profile_missed(&mut self, profile: impl Fn(&str) -> Result<Profile>) -> Result<()> {
        // Of the kernel's size there is none, and the boot is no call.
        let is_call = |row: &&mut Compared| ![rows::BOOT, rows::IMAGE].contains(&row.name.as_str());
        let missed = self.rows.iter_mut().filter(|row| row.is_missed());
        for row in missed.filter(is_call) {
            row.profile = Some(profile(&row.name)?);
        }
        Ok(())
    }

    /// The rows of a group.
    pub(super) fn of_group(&self, group: Group) -> Vec<&Compared> {
        self.rows.iter().filter(|row| row.row.group == group).collect()
    }

    /// Who was measured.
    pub(super) fn systems(&self) -> String {
        match &self.linux {
            Some(linux) => format!("{} beside {linux}", self.inarch),
            None => self.inarch.clone(),
        }
    }

    /// Whether a row's title tells how far something moves.
    pub(super) fn has_distances(&self) -> bool {
        let tells = |title: &str| {
            let mut distances = title.split(" by ").skip(1);
            distances.any(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
        };
        self.rows.iter().any(|row| tells(&row.row.title))
    }

    /// Which rows could not be measured: a sentence for each reason.
    pub(super) fn not_measured(&self) -> Vec<String> {
        let mut reasons: Vec<(String, Vec<&str>)> = Vec::new();
        for row in &self.rows {
            for (system, outcome) in [("Linux", row.linux.as_ref()), ("Inarch", Some(&row.inarch))] {
                let Some(Outcome::NotMeasured(reason)) = outcome else {
                    continue;
                };
                let reason = format!("Not measured on {system} ({reason})");
                match reasons.iter_mut().find(|(known, _)| *known == reason) {
                    Some((_, names)) => names.push(&row.name),
                    None => reasons.push((reason, vec![&row.name])),
                }
            }
        }
        let sentences = reasons.into_iter();
        sentences
            .map(|(reason, names)| format!("{reason}: {}", names.join(", ")))
            .collect()
    }

    /// The rows whose runs gave different figures.
    pub(super) fn unequal(&self) -> impl Iterator<Item = &str> {
        let unequal = self.rows.iter().filter(|row| !row.equal);
        unequal.map(|row| row.name.as_str())
    }

    /// The goals that are not reached.
    pub(super) fn missed(&self) -> impl Iterator<Item = &Compared> {
        self.rows.iter().filter(|row| row.is_missed())
    }

    /// How many goals are reached, and how many there are.
    pub(super) fn score(&self) -> (usize, usize) {
        // On another CPU the same goals would count twice.
        let goals = self.rows.iter().filter(|row| row.row.group == Group::Goals);
        let aims = goals.filter(|row| row.row.reach.is_some());
        (
            aims.clone().filter(|row| row.reached() == Some(true)).count(),
            aims.count(),
        )
    }
}
