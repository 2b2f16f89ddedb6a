//! The little of GDB's remote protocol that stops a machine in QEMU at an address and talks to QEMU's monitor.

use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long QEMU may take to open its socket.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the machine may run until it stops.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A machine that waits for a debugger.
pub(super) struct Stub {
    input: BufReader<UnixStream>,
    output: UnixStream,
}

impl Stub {
    /// What QEMU needs on its command line to listen at `socket`, and to wait before the first instruction.
    pub(super) fn arguments(socket: &Path) -> [String; 5] {
        let device = format!(
            "socket,path={},server=on,wait=off,id=gdb",
            socket.to_string_lossy().replace(',', ",,")
        );
        ["-chardev", &device, "-gdb", "chardev:gdb", "-S"].map(str::to_owned)
    }

    /// Connects.
    pub(super) fn connect(socket: &Path) -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        let output = loop {
            match UnixStream::connect(socket) {
                Ok(stream) => break stream,
                Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => return Err(error).context("QEMU does not listen for a debugger"),
            }
        };
        output.set_read_timeout(Some(TIMEOUT))?;
        let input = BufReader::new(output.try_clone()?);
        let mut stub = Stub { input, output };
        stub.ask("?")?;
        Ok(stub)
    }

    /// Has the machine stop before it executes the instruction at `address`.
    pub(super) fn insert_breakpoint(&mut self, address: u64) -> Result<()> {
        self.expect_ok(&format!("Z0,{address:x},4"))
    }

    /// Takes that back.
    pub(super) fn remove_breakpoint(&mut self, address: u64) -> Result<()> {
        self.expect_ok(&format!("z0,{address:x},4"))
    }

    /// Lets the machine run until it stops.
    pub(super) fn run(&mut self) -> Result<()> {
        self.resume("c")
    }

    /// Executes one instruction.
    pub(super) fn step(&mut self) -> Result<()> {
        self.resume("s")
    }

    fn resume(&mut self, how: &str) -> Result<()> {
        let answer = self.ask(how)?;
        match answer.as_bytes().first() {
            Some(b'T' | b'S') => Ok(()),
            _ => bail!("the machine ended before it came to the row"),
        }
    }

    /// Gives QEMU's monitor a command.
    pub(super) fn monitor(&mut self, command: &str) -> Result<()> {
        let hex: String = command.bytes().map(|byte| format!("{byte:02x}")).collect();
        self.send(&format!("qRcmd,{hex}"))?;
        match self.receive()?.as_str() {
            "OK" => Ok(()),
            // What the monitor prints, in hexadecimal: a complaint, for these commands have nothing to say.
            text if text.starts_with('O') => {
                bail!("QEMU's monitor answers `{command}`: {}", unhex(&text[1..]))
            }
            other => bail!("QEMU's monitor does not take `{command}`: {other}"),
        }
    }

    fn expect_ok(&mut self, packet: &str) -> Result<()> {
        match self.ask(packet)?.as_str() {
            "OK" => Ok(()),
            answer => bail!("QEMU answers `{answer}` to `{packet}`"),
        }
    }

    fn ask(&mut self, packet: &str) -> Result<String> {
        self.send(packet)?;
        self.receive()
    }

    fn send(&mut self, packet: &str) -> Result<()> {
        write!(self.output, "${packet}#{:02x}", checksum(packet.as_bytes()))?;
        Ok(())
    }

    /// The next packet; acknowledgements before it are passed over.
    fn receive(&mut self) -> Result<String> {
        while self.byte()? != b'$' {}
        let mut packet = Vec::new();
        loop {
            match self.byte()? {
                b'#' => break,
                byte => packet.push(byte),
            }
        }
        let _checksum = [self.byte()?, self.byte()?];
        self.output.write_all(b"+")?;
        Ok(String::from_utf8_lossy(&packet).into_owned())
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        self.input.read_exact(&mut byte).context("QEMU has ended")?;
        Ok(byte[0])
    }
}

/// The sum of the bytes, as the protocol has it.
fn checksum(packet: &[u8]) -> u8 {
    packet.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Text from pairs of hexadecimal digits.
fn unhex(digits: &str) -> String {
    let pairs = digits.as_bytes().chunks(2);
    let bytes: Vec<u8> = pairs
        .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_the_protocols() {
        assert_eq!(checksum(b"OK"), 0x9a);
        assert_eq!(unhex("6f6b0a"), "ok");
    }

    #[test]
    fn a_stub_that_answers_is_understood() {
        let (near, mut far) = UnixStream::pair().unwrap();
        let mut stub = Stub {
            input: BufReader::new(near.try_clone().unwrap()),
            output: near,
        };
        far.write_all(b"+$OK#9a+$T05#b9+$O6e6f0a#00").unwrap();
        stub.insert_breakpoint(0x1000).unwrap();
        stub.run().unwrap();
        let complaint = stub.monitor("log exec").unwrap_err().to_string();
        assert!(complaint.ends_with(": no"), "{complaint}");
        let mut sent = [0; 15];
        far.read_exact(&mut sent).unwrap();
        assert_eq!(&sent, b"$Z0,1000,4#d7+$");
    }
}
