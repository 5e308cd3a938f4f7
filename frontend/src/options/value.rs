//! How the values of options are written: Go's booleans, one CSV record, limits and hosts.

use std::net::IpAddr;
use std::str::FromStr;

use llb_gen::llb::{HostIp, Ulimit};
use llb_gen::model::step::CpuSet;

/// A boolean as Go's `strconv.ParseBool` reads it.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        other => Err(format!("`{other}` is neither true nor false")),
    }
}

/// One record of comma-separated values by RFC 4180: a value that holds a comma or a quote stands in quotes, a
/// quote in it is doubled.
pub(super) fn csv(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = csv_field(rest)?;
        fields.push(field);
        match after {
            None => return Ok(fields),
            Some(after) => rest = after,
        }
    }
}

/// The first field, and what follows its comma.
fn csv_field(text: &str) -> Result<(String, Option<&str>), String> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted_field(quoted);
    }
    let (field, after) = text.split_once(',').map_or((text, None), |(field, after)| (field, Some(after)));
    match field.contains('"') {
        true => Err(format!("a quote in the middle of `{field}`")),
        false => Ok((field.to_owned(), after)),
    }
}

fn quoted_field(text: &str) -> Result<(String, Option<&str>), String> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"').ok_or("a quote is not closed")?;
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None if after.is_empty() => return Ok((field, None)),
            None => {
                let after =
                    after.strip_prefix(',').ok_or_else(|| format!("text after the quoted `{field}`"))?;
                return Ok((field, Some(after)));
            }
        }
    }
}

/// Items of a list that is separated by commas alone; blanks around them and empty ones do not count.
pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// `host=ip` records.
pub(super) fn extra_hosts(text: &str) -> Result<Vec<HostIp>, String> {
    csv(text)?.iter().filter(|record| !record.is_empty()).map(|record| extra_host(record)).collect()
}

fn extra_host(record: &str) -> Result<HostIp, String> {
    let record = record.to_lowercase();
    let (host, ip) = record.split_once('=').ok_or_else(|| format!("`{record}` is not `host=ip`"))?;
    let ip = ip.trim_matches(['[', ']']);
    let ip: IpAddr = ip.parse().map_err(|_| format!("`{ip}` of host `{host}` is not an IP address"))?;
    Ok(HostIp { host: host.to_owned(), ip: ip.to_string() })
}

/// `name=soft[:hard]` records.
pub(super) fn ulimits(text: &str) -> Result<Vec<Ulimit>, String> {
    csv(text)?.iter().filter(|record| !record.is_empty()).map(|record| ulimit(record)).collect()
}

fn ulimit(record: &str) -> Result<Ulimit, String> {
    let malformed = || format!("`{record}` is not `name=soft[:hard]`");
    let (name, limits) = record.split_once('=').ok_or_else(malformed)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let number = |text: &str| text.parse::<i64>().ok().filter(|limit| *limit >= -1).ok_or_else(malformed);
    let (soft, hard) = (number(soft)?, number(hard)?);
    let fits = hard == -1 || (soft != -1 && soft <= hard);
    if name.is_empty() || !fits {
        return Err(format!("the soft limit of `{record}` is above its hard limit"));
    }
    Ok(Ulimit { name: name.to_owned(), soft, hard })
}

/// A whole number of bytes, not negative.
pub(super) fn bytes(text: &str) -> Result<i64, String> {
    text.parse().ok().filter(|size| *size >= 0).ok_or_else(|| format!("`{text}` is not a number of bytes"))
}

/// A whole number above 0.
pub(super) fn positive<N: FromStr + Default + PartialOrd>(text: &str) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| *number > N::default());
    number.ok_or_else(|| format!("`{text}` is not a whole number above 0"))
}

/// A whole number above 0, or -1 for no limit.
pub(super) fn positive_or_unlimited(text: &str) -> Result<i64, String> {
    if text == "-1" { Ok(-1) } else { positive(text).map_err(|reason| format!("{reason}, nor -1")) }
}

/// A list of processors or memory nodes.
pub(super) fn cpuset(text: &str) -> Result<String, String> {
    let set: CpuSet = text.parse().map_err(|fault| format!("{fault}; a list is `0-3,6`"))?;
    Ok(set.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_gos() {
        for (text, expected) in
            [("1", true), ("T", true), ("True", true), ("0", false), ("FALSE", false), ("f", false)]
        {
            assert_eq!(boolean(text), Ok(expected), "{text}");
        }
        for wrong in ["", "yes", "on", "tRUE", "2"] {
            assert!(boolean(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn csv_reads_one_record() {
        let table: [(&str, &[&str]); 6] = [
            ("", &[""]),
            ("a", &["a"]),
            ("a,b,", &["a", "b", ""]),
            (r#""a,b",c"#, &["a,b", "c"]),
            (r#""a""b""#, &[r#"a"b"#]),
            (r#""","#, &["", ""]),
        ];
        for (text, expected) in table {
            assert_eq!(csv(text).unwrap(), expected, "{text}");
        }
        for wrong in [r#"a"b"#, r#""a"#, r#""a"b"#] {
            assert!(csv(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn hosts_take_both_kinds_of_addresses() {
        let hosts = extra_hosts("Foo=10.0.0.1,bar=::1,baz=[fe80::1]").unwrap();
        let shown: Vec<String> = hosts.iter().map(|one| format!("{}={}", one.host, one.ip)).collect();
        assert_eq!(shown, ["foo=10.0.0.1", "bar=::1", "baz=fe80::1"]);
        assert!(extra_hosts("foo").is_err());
        assert!(extra_hosts("foo=host-gateway").unwrap_err().contains("`host-gateway` of host `foo`"));
    }

    #[test]
    fn ulimits_keep_soft_below_hard() {
        let limit = |name: &str, soft, hard| Ulimit { name: name.into(), soft, hard };
        assert_eq!(ulimits("nofile=1:2,core=0").unwrap(), [limit("nofile", 1, 2), limit("core", 0, 0)]);
        assert_eq!(ulimits("memlock=-1").unwrap(), [limit("memlock", -1, -1)]);
        for wrong in ["nofile", "=1", "nofile=2:1", "nofile=-1:5", "nofile=a", "nofile=-2"] {
            assert!(ulimits(wrong).is_err(), "{wrong}");
        }
    }
}
