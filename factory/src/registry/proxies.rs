//! Which proxy stands before a registry, by the environment, as docker and other programs in Go read it.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;

use super::access::is_loopback;

/// The proxies before registries. The machine itself is never reached through one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For addresses with TLS.
    https: Option<Address>,
    /// For those without.
    http: Option<Address>,
    /// What is reached without one.
    direct: Vec<Direct>,
}

/// A proxy's address, and the variable that it stands in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) variable: &'static str,
    pub(super) text: String,
}

/// Without the password that may be in it.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy of {}", self.variable)
    }
}

/// What is reached directly: an entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Direct {
    /// `*`: everything.
    Everything,
    /// `10.0.0.0/8`: addresses in a network, by how many bits they share with it. Names are not looked up for it.
    Network(IpAddr, u32),
    /// `10.1.2.3`, `10.1.2.3:5000`: one address.
    Address(IpAddr, Option<u16>),
    /// `example.com`: the host and all below it; `.example.com`, `*.example.com`: what is below it alone. Each with a port or for all.
    Domain { name: String, itself: bool, port: Option<u16> },
}

/// The first variable of several that is set and not empty.
const HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const HTTP: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const DIRECT: [&str; 2] = ["NO_PROXY", "no_proxy"];

impl Proxies {
    /// None.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of this process's environment.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// Those of variables.
    #[must_use]
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| {
                let text = variable(name).filter(|text| !text.trim().is_empty())?;
                Some(Address { variable: name, text: text.trim().to_owned() })
            })
        };
        let direct = first(&DIRECT).map(|found| found.text).unwrap_or_default();
        let direct = direct.split([',', ' ', '\t']).filter_map(Direct::parse).collect();
        Self { https: first(&HTTPS), http: first(&HTTP), direct }
    }

    pub(super) fn https(&self) -> Option<&Address> {
        self.https.as_ref()
    }

    pub(super) fn http(&self) -> Option<&Address> {
        self.http.as_ref()
    }

    /// Whether what this address names is reached directly, whatever proxies there are.
    pub(super) fn is_direct(&self, url: &Uri) -> bool {
        let Some(host) = url.host() else { return true };
        if is_loopback(host) {
            return true;
        }
        let port = url.port_u16().unwrap_or(if url.scheme_str() == Some("http") { 80 } else { 443 });
        let host =
            host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.direct.iter().any(|one| one.fits(&host, address, port))
    }
}

impl Direct {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim().to_ascii_lowercase();
        if entry.is_empty() {
            return None;
        }
        if entry == "*" {
            return Some(Self::Everything);
        }
        if let Some((base, bits)) = entry.split_once('/') {
            let (base, bits) = (base.parse::<IpAddr>().ok()?, bits.parse::<u32>().ok()?);
            return (bits <= width(base)).then_some(Self::Network(base, bits));
        }
        if let Ok(address) = entry.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical(), None));
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse::<u16>().ok()?)),
            None => (entry.as_str(), None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(Self::Address(address.to_canonical(), port));
        }
        let host = host.trim_end_matches('.');
        let below = host.strip_prefix('*').unwrap_or(host).strip_prefix('.');
        let name = below.unwrap_or(host).to_owned();
        (!name.is_empty()).then_some(Self::Domain { name, itself: below.is_none(), port })
    }

    fn fits(&self, host: &str, address: Option<IpAddr>, port: u16) -> bool {
        let at = |wanted: &Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        match self {
            Self::Everything => true,
            Self::Network(base, bits) => address.is_some_and(|address| is_in(address, *base, *bits)),
            Self::Address(own, wanted) => address == Some(*own) && at(wanted),
            Self::Domain { name, itself, port: wanted } => {
                let is_below = || host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                ((*itself && host == name) || is_below()) && at(wanted)
            }
        }
    }
}

/// How many bits addresses of a kind have.
fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn is_in(address: IpAddr, base: IpAddr, bits: u32) -> bool {
    let number = |one: IpAddr| match one {
        IpAddr::V4(four) => u128::from(four.to_bits()),
        IpAddr::V6(six) => six.to_bits(),
    };
    let others = width(base) - bits;
    width(address) == width(base) && (others == 128 || number(address) >> others == number(base) >> others)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Proxies {
        Proxies::of(|name| pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn each_kind_of_address_has_its_own_proxy() {
        let text = |address: Option<&Address>| address.map(|one| (one.variable, one.text.clone()));
        let proxies = of(&[("https_proxy", "a:1"), ("HTTP_PROXY", " "), ("ALL_PROXY", "socks5h://b:2 ")]);
        assert_eq!(text(proxies.https()), Some(("https_proxy", "a:1".to_owned())));
        assert_eq!(text(proxies.http()), Some(("ALL_PROXY", "socks5h://b:2".to_owned())));
        let proxies = of(&[("HTTPS_PROXY", "http://me:secret@a:1"), ("https_proxy", "b:1")]);
        assert_eq!(text(proxies.https()).unwrap().0, "HTTPS_PROXY");
        assert_eq!(proxies.http(), None);
        assert!(!format!("{proxies:?}").contains("secret"));
    }

    #[test]
    fn what_is_reached_directly_is_told_as_in_go() {
        let cases: [(&str, &[&str], &[&str]); 12] = [
            (
                "",
                &["http://localhost", "https://127.0.0.1:5000", "https://[::1]:5000"],
                &["https://reg.test"],
            ),
            ("*", &["https://reg.test", "http://10.0.0.1"], &[]),
            (
                "example.com",
                &["https://example.com", "https://reg.Example.com:5000", "https://example.com."],
                &["https://notexample.com", "https://example.com.evil.test"],
            ),
            (".example.com", &["https://reg.example.com"], &["https://example.com"]),
            ("*.example.com", &["https://a.b.example.com"], &["https://example.com"]),
            (
                "reg.test:5000",
                &["https://reg.test:5000", "http://sub.reg.test:5000"],
                &["https://reg.test", "https://reg.test:5001"],
            ),
            ("reg.test:443 other.test:80", &["https://reg.test", "http://other.test"], &["http://reg.test"]),
            (
                "10.0.0.0/8, 192.168.7.0/24",
                &["https://10.255.0.1:5000", "http://192.168.7.9"],
                &["https://11.0.0.1", "http://192.168.8.1", "https://ten.test"],
            ),
            (
                "0.0.0.0/0,2001:db8::/32",
                &["http://8.8.8.8", "https://[2001:db8:1::5]:443"],
                &["https://[2001:db9::1]"],
            ),
            ("10.1.2.3:5000", &["http://10.1.2.3:5000"], &["http://10.1.2.3"]),
            (
                "2001:db8::5,[2001:db8::6]:5000",
                &["https://[2001:db8::5]", "https://[2001:db8::6]:5000"],
                &["https://[2001:db8::6]"],
            ),
            (
                "10.0.0.0/33,reg.test:x,:,.,10.0.0.1/",
                &[],
                &["https://reg.test", "https://10.0.0.1", "https://a.test"],
            ),
        ];
        for (direct, yes, no) in cases {
            let proxies = of(&[("NO_PROXY", direct)]);
            for (urls, expected) in [(yes, true), (no, false)] {
                for url in urls {
                    assert_eq!(proxies.is_direct(&url.parse().unwrap()), expected, "{direct:?} {url}");
                }
            }
        }
    }
}
