//! A line that may go away and come back: an adapter that is pulled out and put in again.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Address, Lost, Port};
/// How often to look whether the line is there again.
const LOOK: Duration = Duration::from_millis(200);

/// The line to a board.
pub(crate) struct Line {
    address: Address,
    baud: u32,
    port: Option<Port>,
    /// The line was lost, and nobody has been told.
    just_lost: bool,
    looked: Instant,
}

/// What came of looking at the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// So many bytes; none if none came.
    Bytes(usize),
    /// The line has gone away.
    Lost,
    /// It is there again.
    Back,
}

impl Line {
    /// Opens the line.
    pub(crate) fn open(address: Address, baud: u32) -> Result<Self> {
        let port = Port::open(&address, baud)?;
        Ok(Line {
            address,
            baud,
            port: Some(port),
            just_lost: false,
            looked: Instant::now(),
        })
    }

    /// What `--port` named.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// The port, while it is open.
    pub(crate) fn port(&self) -> Option<&Port> {
        self.port.as_ref()
    }

    /// Whether the line is away.
    pub(crate) fn is_lost(&self) -> bool {
        self.port.is_none()
    }

    /// What has come; waits for at most `patience`. Looks for the line where it is away.
    pub(crate) fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Heard {
        if std::mem::take(&mut self.just_lost) {
            return Heard::Lost;
        }
        let Some(port) = &mut self.port else {
            return self.look(patience);
        };
        match port.read(buffer, patience) {
            Ok(length) => Heard::Bytes(length),
            Err(Lost) => {
                self.lose();
                self.just_lost = false;
                Heard::Lost
            }
        }
    }

    /// Sends everything, if the line is there.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if let Some(port) = &mut self.port
            && port.write(bytes) == Err(Lost)
        {
            self.lose();
        }
    }

    fn lose(&mut self) {
        self.port = None;
        self.just_lost = true;
        self.looked = Instant::now();
    }

    fn look(&mut self, patience: Duration) -> Heard {
        let due = LOOK.saturating_sub(self.looked.elapsed());
        std::thread::sleep(due.min(patience));
        if due > patience {
            return Heard::Bytes(0);
        }
        self.looked = Instant::now();
        match Port::open(&self.address, self.baud) {
            Ok(port) => {
                self.port = Some(port);
                Heard::Back
            }
            Err(_) => Heard::Bytes(0),
        }
    }
}
