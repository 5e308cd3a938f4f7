//! The network of an engine beside the default one.
//!
//! Two daemons in one network namespace fight over docker0 and its rules. So every engine but `default` has a
//! namespace of its own, joined to the machine by one veth pair (10.213.N.1 outside, 10.213.N.2 inside) behind NAT.
//! The namespace is made and held by the engine's first process and ends with it; only the NAT rules outside have to
//! be taken back by hand.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::spec::EngineName;
use super::state::LinkState;
use crate::exit::{Error, Result};
use crate::process::{capture, find_program};

/// MTU when the machine has no default route.
const USUAL_MTU: u32 = 1500;

impl LinkState {
    /// The address of the machine's end.
    #[must_use]
    pub fn outside(&self) -> String {
        format!("10.213.{}.1", self.subnet)
    }

    /// The address of the engine's end.
    #[must_use]
    pub fn inside(&self) -> String {
        format!("10.213.{}.2", self.subnet)
    }

    /// The name of the machine's end.
    #[must_use]
    pub fn device(&self) -> String {
        format!("factory{}", self.subnet)
    }

    fn network(&self) -> String {
        format!("10.213.{}.0/30", self.subnet)
    }
}

/// The first subnet that no route of the machine uses.
///
/// # Errors
/// All 256 are taken.
pub(crate) fn free_link(routes: &str, mtu: u32) -> Result<LinkState> {
    let free = (0..=u8::MAX).find(|n| !routes.contains(&route_hex(*n)));
    let subnet =
        free.ok_or_else(|| Error::engine("all subnets 10.213.0.0/30 to 10.213.255.0/30 are in use"))?;
    Ok(LinkState { subnet, mtu })
}

/// 10.213.N.0 as `/proc/net/route` writes it: hexadecimal, in the byte order of the machine (little-endian on every
/// architecture we build for).
fn route_hex(subnet: u8) -> String {
    format!("{:08X}", u32::from_le_bytes([10, 213, subnet, 0]))
}

/// The routes of the calling process's network namespace.
pub(crate) fn routes() -> String {
    fs::read_to_string("/proc/net/route").unwrap_or_default()
}

/// The MTU of the interface that holds the default route: bridges must not be wider than the way out.
pub(crate) fn outward_mtu() -> u32 {
    let read = |device: &str| fs::read_to_string(format!("/sys/class/net/{device}/mtu")).ok();
    default_device(&routes()).and_then(read).and_then(|t| t.trim().parse().ok()).unwrap_or(USUAL_MTU)
}

fn default_device(routes: &str) -> Option<&str> {
    routes.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let device = fields.next()?;
        (fields.next()? == "00000000").then_some(device)
    })
}

/// Lets the engine's network out through NAT, and the machine forward packets.
///
/// # Errors
/// A rule cannot be set.
pub(crate) fn open_nat(link: &LinkState, name: &EngineName, root: &Path) -> Result<()> {
    close_nat(link, name, root); // rules of an engine that crashed
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").map_err(|e| Error::io("cannot turn on forwarding", e))?;
    for rule in nat_rules(link, name) {
        iptables(root, "-I", &rule)?;
    }
    Ok(())
}

/// Takes the rules back, as often as they are there.
pub(crate) fn close_nat(link: &LinkState, name: &EngineName, root: &Path) {
    for rule in nat_rules(link, name) {
        while iptables(root, "-D", &rule).is_ok() {}
    }
}

/// The rules as (table, chain, match and target).
fn nat_rules(link: &LinkState, name: &EngineName) -> Vec<Vec<String>> {
    let (device, network) = (link.device(), link.network());
    let comment = format!("factory engine {name}");
    let rule = |table: &str, chain: &str, rest: &[&str]| -> Vec<String> {
        let mut words = vec![table.to_owned(), chain.to_owned()];
        words.extend(rest.iter().map(|w| (*w).to_owned()));
        words.extend(["-m".into(), "comment".into(), "--comment".into(), comment.clone()]);
        words
    };
    vec![
        rule("nat", "POSTROUTING", &["-s", &network, "!", "-o", &device, "-j", "MASQUERADE"]),
        rule("filter", "FORWARD", &["-i", &device, "-j", "ACCEPT"]),
        rule("filter", "FORWARD", &["-o", &device, "-j", "ACCEPT"]),
    ]
}

/// Runs iptables: the machine's own where it has one, since its rules must live in the same backend as the machine's,
/// else the one of the engine's root.
fn iptables(root: &Path, action: &str, rule: &[String]) -> Result<()> {
    let mut command = match find_program("iptables") {
        Some(program) => Command::new(program),
        None => {
            let mut command = Command::new("chroot");
            command.arg(root).arg("/usr/sbin/iptables");
            command
        }
    };
    command.args(["-w", "-t", &rule[0], action]).args(&rule[1..]);
    let out = capture(command, Duration::from_secs(30))?;
    if out.ok { Ok(()) } else { Err(Error::engine(format!("iptables {action}: {}", out.stderr.trim()))) }
}

/// The machine's resolver configuration. A stub on the loopback cannot be reached from another network namespace: then
/// the file that systemd-resolved keeps beside it is the one that counts.
pub(crate) fn resolv_conf() -> String {
    let read = |path: &str| fs::read_to_string(path).ok();
    let usual = read("/etc/resolv.conf").unwrap_or_default();
    if has_only_loopback(&usual) { read("/run/systemd/resolve/resolv.conf").unwrap_or(usual) } else { usual }
}

fn has_only_loopback(resolv_conf: &str) -> bool {
    let servers = resolv_conf.lines().filter_map(|l| l.trim().strip_prefix("nameserver"));
    let loopback = |s: &str| s.trim().parse::<Ipv4Addr>().is_ok_and(|a| a.is_loopback());
    let mut servers = servers.peekable();
    servers.peek().is_some() && servers.all(loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway\tFlags\n\
        factory0\t0000D50A\t00000000\t0001\n\
        eth0\t00000000\t010200C0\t0003\n";

    #[test]
    fn the_first_free_subnet_is_taken() {
        assert_eq!(free_link("", 1500).unwrap(), LinkState { subnet: 0, mtu: 1500 });
        assert_eq!(free_link(ROUTES, 1400).unwrap(), LinkState { subnet: 1, mtu: 1400 });
        let full: String = (0..=255).map(route_hex).collect::<Vec<_>>().join("\n");
        assert!(free_link(&full, 1500).is_err());
    }

    #[test]
    fn the_default_route_names_its_device() {
        assert_eq!(default_device(ROUTES), Some("eth0"));
        assert_eq!(default_device("Iface\n"), None);
    }

    #[test]
    fn a_stub_resolver_is_recognised() {
        assert!(has_only_loopback("nameserver 127.0.0.53\noptions edns0\n"));
        assert!(!has_only_loopback("nameserver 127.0.0.1\nnameserver 10.0.0.2\n"));
        assert!(!has_only_loopback("search lan\n"));
    }

    #[test]
    fn rules_carry_device_network_and_owner() {
        let rules = nat_rules(&LinkState { subnet: 7, mtu: 1500 }, &"second".parse().unwrap());
        let all: Vec<_> = rules.iter().map(|r| r.join(" ")).collect();
        assert_eq!(
            all[0],
            "nat POSTROUTING -s 10.213.7.0/30 ! -o factory7 -j MASQUERADE -m comment --comment factory engine second"
        );
        assert_eq!(all.len(), 3);
    }
}
