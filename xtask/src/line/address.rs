//! Where the other end of the line is.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

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
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.split_once(':') {
            Some(("unix", path)) => Address::Unix(path.into()),
            Some(("tcp", place)) => Address::Tcp(place.to_owned()),
            _ => Address::Device(text.into()),
        })
    }
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
            assert_eq!(text.parse(), Ok(address.clone()));
            assert_eq!(address.to_string(), text);
        }
    }
}
