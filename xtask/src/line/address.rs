//! Where the other end of the line is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Error, Result, bail};

/// What `--port` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A serial device: `/dev/ttyUSB0`.
    Device(PathBuf),
    /// A socket of this machine: `unix:PATH`.
    Unix(PathBuf),
    /// A socket somewhere: `tcp:HOST:PORT`.
    Tcp(String),
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text.split_once(':') {
            Some(("unix", path)) => Address::Unix(path.into()),
            Some(("tcp", place)) if has_port(place) => Address::Tcp(place.to_owned()),
            Some(("tcp", _)) => bail!("give it as tcp:HOST:PORT"),
            _ => Address::Device(text.into()),
        })
    }
}

/// Whether it is `HOST:PORT`.
fn has_port(place: &str) -> bool {
    place
        .rsplit_once(':')
        .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Device(path) => write!(f, "{}", path.display()),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Tcp(place) => write!(f, "tcp:{place}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_sockets_are_told_apart() {
        for (text, address) in [
            ("/dev/ttyUSB0", Address::Device("/dev/ttyUSB0".into())),
            ("unix:/tmp/a:b", Address::Unix("/tmp/a:b".into())),
            ("tcp:pi:2000", Address::Tcp("pi:2000".to_owned())),
            (
                "/dev/serial/by-path/pci-0000:00",
                Address::Device("/dev/serial/by-path/pci-0000:00".into()),
            ),
        ] {
            assert_eq!(text.parse::<Address>().unwrap(), address);
            assert_eq!(address.to_string(), text);
        }
        for wrong in ["tcp:", "tcp:pi", "tcp:pi:", "tcp::2000", "tcp:pi:serial"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
