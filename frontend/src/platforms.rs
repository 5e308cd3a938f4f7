//! Which platforms are built.

use llb_gen::model::Platform;
use llb_gen::request::Naming;

use crate::failure::Failure;
use crate::gateway::Daemon;

/// The daemon's own platform.
///
/// # Errors
/// When the daemon names none that can be understood.
pub fn own(daemon: &Daemon) -> Result<Platform, Failure> {
    let first = daemon.platforms.first().ok_or_else(|| Failure::refused("the daemon has no worker"))?;
    Platform::from_parts(&first.os, &first.architecture, &first.variant)
        .map_err(|fault| Failure::refused(format!("the daemon's platform cannot be understood: {fault}")))
}

/// The platforms to build: those asked for; else the daemon's own where the product supports it; else the first
/// that the product names.
pub fn chosen(asked: &[Platform], supported: &[Platform], own: &Platform) -> Vec<Platform> {
    match (asked, supported) {
        ([], []) => vec![own.clone()],
        ([], supported) if supported.contains(own) => vec![own.clone()],
        ([], [first, ..]) => vec![first.clone()],
        (asked, _) => asked.to_vec(),
    }
}

/// Names of steps say the platform where there are several.
pub fn naming(platforms: &[Platform]) -> Naming {
    if platforms.len() > 1 { Naming::WithPlatform } else { Naming::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> Vec<Platform> {
        text.split_terminator(' ').map(|one| one.parse().unwrap()).collect()
    }

    #[test]
    fn a_platform_is_chosen_when_none_is_asked_for() {
        let table = [
            ("linux/arm64 linux/amd64", "linux/amd64", "linux/arm64 linux/amd64"),
            ("", "", "linux/amd64"),
            ("", "linux/arm64 linux/amd64", "linux/amd64"),
            ("", "linux/arm64 linux/arm/v7", "linux/arm64"),
        ];
        for (asked, supported, expected) in table {
            let own = "linux/amd64".parse().unwrap();
            assert_eq!(
                chosen(&list(asked), &list(supported), &own),
                list(expected),
                "{asked} of {supported}"
            );
        }
    }

    #[test]
    fn a_daemon_without_workers_is_an_error() {
        assert!(own(&Daemon::default()).is_err());
    }
}
