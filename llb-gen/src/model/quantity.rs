//! Durations, sizes, ports and signals: numbers with a written form.

use std::fmt;

use super::text_value::{Invalid, TextValue, quoted, text_value};

/// A length of time in nanoseconds, written as Go writes it (`1m30s`). Never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

text_value!(Duration);

impl Duration {
    /// Nanoseconds, at most what a signed 64-bit number holds.
    #[must_use]
    pub fn nanoseconds(self) -> u64 {
        self.0
    }
}

const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl TextValue for Duration {
    const WHAT: &'static str = "a duration";
    const FORM: &'static str = "a number with its unit, such as \"30s\" or \"1m30s\"";
    const PATTERN: &'static str = r"^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$";
    const EXAMPLES: &'static [&'static str] = &["30s", "1m30s", "500ms"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new(format!("{} is not a duration", quoted(text)));
        let mut rest = text;
        let mut total = if text.is_empty() { None } else { Some(0_u64) };
        while let Some(sum) = total.filter(|_| !rest.is_empty()) {
            let (term, after) = duration_term(rest).ok_or_else(wrong)?;
            total = sum.checked_add(term);
            rest = after;
        }
        total.filter(|sum| i64::try_from(*sum).is_ok()).map(Self).ok_or_else(wrong)
    }
}

/// One number with its unit, in nanoseconds, and what follows it.
fn duration_term(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = text.split_at(digits);
    let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some((scaled(number, *scale)?, rest))
}

/// A decimal number times `scale`, without a detour through floating point; digits below one are cut off.
fn scaled(number: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 18 || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let digits: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let below = digits * u128::from(scale) / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    whole.checked_add(u64::try_from(below).ok()?)
}

/// A number of bytes, written with a binary unit (`512m` is 512 MiB, as docker reads it).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

text_value!(ByteSize);

impl ByteSize {
    /// Bytes: at least 1, at most what a signed 64-bit number holds.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl TextValue for ByteSize {
    const WHAT: &'static str = "a size";
    const FORM: &'static str = "a number with an optional unit b, k, m, g or t, such as \"512m\"";
    const PATTERN: &'static str = r"^\d+(\.\d+)?([kKmMgGtT]([iI]?[bB])?|[bB])?$";
    const EXAMPLES: &'static [&'static str] = &["512m", "2g"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let power = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => Some(0),
            "k" | "kb" | "kib" => Some(1),
            "m" | "mb" | "mib" => Some(2),
            "g" | "gb" | "gib" => Some(3),
            "t" | "tb" | "tib" => Some(4),
            _ => None,
        };
        let bytes = power.and_then(|power| scaled(number, 1024_u64.pow(power)));
        let bytes = bytes.filter(|bytes| *bytes > 0 && i64::try_from(*bytes).is_ok());
        bytes.map(Self).ok_or_else(|| Invalid::new(format!("{} is not a size", quoted(text))))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Transport protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP, the default.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// One port or a range of ports that an image serves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    first: u16,
    last: u16,
    protocol: Protocol,
}

text_value!(Port);

impl Port {
    /// Every port of the range as the image config lists it: `8080/tcp`.
    pub fn each(self) -> impl Iterator<Item = String> {
        (self.first..=self.last).map(move |port| format!("{port}/{}", self.protocol))
    }

    /// The protocol.
    #[must_use]
    pub fn protocol(self) -> Protocol {
        self.protocol
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

impl TextValue for Port {
    const WHAT: &'static str = "a port";
    const FORM: &'static str = "a port or a range, with tcp, udp or sctp, such as \"8080/tcp\"";
    const PATTERN: &'static str = r"^\d{1,5}(-\d{1,5})?(/(tcp|udp|sctp|TCP|UDP|SCTP))?$";
    const EXAMPLES: &'static [&'static str] = &["8080/tcp", "53/udp", "9000-9002"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let protocol = match protocol.to_ascii_lowercase().as_str() {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            other => return Err(Invalid::new(format!("{} is not a protocol", quoted(other)))),
        };
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (first, last) = (port_number(first)?, port_number(last)?);
        match first <= last {
            true => Ok(Self { first, last, protocol }),
            false => Err(Invalid::new(format!("the range {} ends before it begins", quoted(text)))),
        }
    }
}

fn port_number(text: &str) -> Result<u16, Invalid> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let number = text.parse::<u16>().ok().filter(|port| digits && *port > 0);
    number.ok_or_else(|| Invalid::new(format!("{} is not a port between 1 and 65535", quoted(text))))
}

/// A signal by name or number, as the image config holds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(String);

text_value!(Signal);

/// Linux's signals, without `SIG`.
const SIGNALS: [&str; 35] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "IOT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "POLL", "PWR", "SYS", "UNUSED",
];

impl Signal {
    /// `SIGTERM`, or the number as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TextValue for Signal {
    const WHAT: &'static str = "a signal";
    const FORM: &'static str = "a name such as \"SIGTERM\" or a number from 1 to 64";
    const EXAMPLES: &'static [&'static str] = &["SIGTERM", "SIGQUIT"];

    fn from_text(text: &str) -> Result<Self, Invalid> {
        if text.parse::<u8>().is_ok_and(|number| (1..=64).contains(&number)) && !text.starts_with(['+', '0'])
        {
            return Ok(Self(text.to_owned()));
        }
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        match SIGNALS.contains(&name) || real_time(name) {
            true => Ok(Self(format!("SIG{name}"))),
            false => Err(Invalid::new(format!("{} is not a signal", quoted(text)))),
        }
    }
}

/// `RTMIN`, `RTMIN+3`, `RTMAX-2`, within the 31 real-time signals of Linux.
fn real_time(name: &str) -> bool {
    let distance =
        |text: &str| text.is_empty() || text[1..].parse::<u8>().is_ok_and(|n| (1..=30).contains(&n));
    let above = name
        .strip_prefix("RTMIN")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('+') && distance(rest));
    above
        || name
            .strip_prefix("RTMAX")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-') && distance(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_in_go() {
        let cases = [
            ("30s", 30_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1.5s", 1_500_000_000),
            ("0s", 0),
            ("1h", 3_600_000_000_000),
        ];
        for (text, nanoseconds) in cases {
            assert_eq!(Duration::from_text(text).map(Duration::nanoseconds), Ok(nanoseconds), "{text}");
        }
        for wrong in ["", "30", "s", "-1s", "1d", "1.s", ".5s", "1s2", "99999999999h", "1..2s", "é"] {
            assert!(Duration::from_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_binary() {
        for (text, bytes) in [("512m", 512 << 20), ("2GiB", 2 << 30), ("10", 10), ("1.5k", 1536), ("1b", 1)] {
            assert_eq!(ByteSize::from_text(text).map(ByteSize::bytes), Ok(bytes), "{text}");
        }
        for wrong in ["", "m", "0", "-1", "1x", "9999999t9", "99999999999999t"] {
            assert!(ByteSize::from_text(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ports_and_signals() {
        let each = |text: &str| Port::from_text(text).map(|port| port.each().collect::<Vec<_>>());
        assert_eq!(each("80"), Ok(vec!["80/tcp".to_owned()]));
        assert_eq!(each("1-2/UDP"), Ok(vec!["1/udp".to_owned(), "2/udp".to_owned()]));
        assert!(["", "0", "65536", "2-1", "80/http", "80/", "+80"].iter().all(|text| each(text).is_err()));
        let signal = |text: &str| Signal::from_text(text).map(|signal| signal.as_str().to_owned());
        assert_eq!(signal("term"), Ok("SIGTERM".to_owned()));
        assert_eq!(signal("SIGRTMIN+3"), Ok("SIGRTMIN+3".to_owned()));
        assert_eq!(signal("9"), Ok("9".to_owned()));
        assert!(
            ["", "SIG", "SIGFOO", "0", "65", "RTMIN+99", "RTMIN-1"].iter().all(|text| signal(text).is_err())
        );
    }
}
