//! `var/lib/rpmmanifest/container-manifest-2`: what distroless images of Azure Linux keep instead of a database. One line
//! a package: name, version-release, time of installation, of build, vendor, epoch, size, architecture, epoch, source
//! package; tabs between them, `(none)` for what is not there.

use super::super::{Broken, Listing, text};
use super::RpmPackage;
use crate::limits;

/// Reads the list.
#[must_use]
pub fn read(bytes: &[u8]) -> Listing<RpmPackage> {
    let mut out = Listing::default();
    let lines = bytes.split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    for (number, line) in lines.take(super::HEADERS) {
        let fields: Vec<String> =
            line.splitn(11, |b| *b == b'\t').map(|field| text(field, limits::WORD)).collect();
        let field =
            |index: usize| fields.get(index).map(String::as_str).filter(|f| *f != "(none)").unwrap_or("");
        let version = field(1).rsplit_once('-');
        let (Some((version, release)), false) = (version, field(0).is_empty()) else {
            let what = "name, version-release and eight more fields, with tabs between them, are expected";
            out.fault(Broken::new(format!("line {}: {what}", number + 1)));
            continue;
        };
        out.items.push(RpmPackage {
            name: field(0).to_owned(),
            epoch: field(5).parse().ok(),
            version: version.to_owned(),
            release: release.to_owned(),
            arch: field(7).to_owned(),
            source_rpm: field(9).to_owned(),
            vendor: field(4).to_owned(),
            ..RpmPackage::default()
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_what_is_none() {
        let read = read(
            b"glibc\t2.38-8.azl3\t1727\t1722\tMicrosoft Corporation\t(none)\t10\tx86_64\t0\tglibc-2.38-8.azl3.src.rpm\n\
bad\nopenssl\t3.3.0-1\t1\t1\tMicrosoft\t1\t2\taarch64\t1\topenssl-3.3.0-1.src.rpm\n",
        );
        assert_eq!(read.items.len(), 2);
        let glibc = &read.items[0];
        assert_eq!((glibc.version.as_str(), glibc.release.as_str(), glibc.epoch), ("2.38", "8.azl3", None));
        assert_eq!(glibc.source_rpm, "glibc-2.38-8.azl3.src.rpm");
        assert_eq!(read.items[1].epoch, Some(1));
        assert!(read.broken[0].to_string().starts_with("line 2: name, version-release"), "{:?}", read.broken);
    }
}
