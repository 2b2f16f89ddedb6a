//! What is wrong when no loader answers, by what is heard instead.

use crate::line::Address;

/// How much of what is heard is kept, in bytes.
const KEPT: usize = 1024;
/// With fewer bytes than this nothing can be said about them.
const ENOUGH: usize = 8;

/// What has been heard that is no answer.
#[derive(Default)]
pub(super) struct Heard {
    bytes: Vec<u8>,
    /// Whether a message came back that this side has sent.
    echo: bool,
}

impl Heard {
    /// More was heard.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let surplus = self.bytes.len().saturating_sub(KEPT);
        self.bytes.drain(..surplus);
    }

    /// What this side has sent came back.
    pub(super) fn is_echo(&mut self) {
        self.echo = true;
    }

    /// What to do about it, for a person.
    pub(super) fn advice(&self, address: &Address, baud: u32) -> String {
        if self.echo {
            return format!(
                "{address} sends back what it gets: something there echoes, or the adapter's two data lines touch"
            );
        }
        match self.text() {
            None if self.bytes.len() < ENOUGH => format!(
                "nothing answers at {address}; take the board's power away and give it again. If it stays silent: does its card hold the \
                 loader (`cargo xtask image --loader`)? Is the cable right (docs/boards.md, \"The cable\" and \"No output?\")?"
            ),
            None => format!(
                "what comes from {address} makes no sense: the board has another baud rate than {baud} (--baud), or ground isn't connected"
            ),
            Some(line) => format!(
                "what answers at {address} is not the loader; it says `{line}`. Take the board's power away and give it again; its card must \
                 hold the loader (`cargo xtask image --loader`)"
            ),
        }
    }

    /// The last line of it that isn't empty, if it is text.
    fn text(&self) -> Option<String> {
        let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t' | 0x1b);
        let readable = self.bytes.iter().filter(|byte| is_text(byte)).count();
        if self.bytes.len() < ENOUGH || readable * 10 < self.bytes.len() * 9 {
            return None;
        }
        let text: String = self
            .bytes
            .iter()
            .filter(|byte| is_text(byte))
            .map(|&byte| char::from(byte))
            .collect();
        let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().filter(|c| !c.is_control()).take(80).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(bytes: &[u8]) -> String {
        let mut heard = Heard::default();
        bytes.chunks(7).for_each(|piece| heard.push(piece));
        heard.advice(&Address::Device("/dev/ttyUSB0".into()), 115_200)
    }

    #[test]
    fn silence_text_and_garbage_are_told_apart() {
        for (bytes, words) in [
            (&b""[..], "nothing answers at /dev/ttyUSB0"),
            (b"\r\nU-Boot> \r\nDebian login: ", "it says `Debian login:`"),
            (
                b"\xf8\x80\x00\x1c\xfe\xe0\xfe\x80\x66\x1e\x00\xfc",
                "another baud rate than 115200",
            ),
        ] {
            let advice = advice(bytes);
            assert!(advice.contains(words), "{advice}");
        }
    }

    #[test]
    fn an_echo_is_told() {
        let mut heard = Heard::default();
        heard.is_echo();
        let address = Address::Unix("/x".into());
        assert!(heard.advice(&address, 1).contains("sends back what it gets"));
    }
}
