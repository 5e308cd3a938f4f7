//! RPM's package database in its three forms, and the list that distroless images keep instead.
//!
//! All forms hold the same thing: for every package the *header*, a blob of tagged values ([`header`]). [`headers`] hands
//! them out one at a time, so that the memory needed is one header's, not the database's.

pub mod header;
pub mod manifest;

mod bdb;
mod ndb;
mod sqlite;

use super::{Broken, Listing, ReadAt};

pub use header::{RpmFile, RpmPackage};

/// Bytes of one header. RPM itself refuses more than 256 MiB; a kernel's with all its modules has less than 2.
pub const HEADER: usize = 32 << 20;
/// Headers of one database.
pub const HEADERS: usize = 200_000;

/// In which form a database is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `rpmdb.sqlite`: Fedora, RHEL 9 and later, Amazon Linux 2023.
    Sqlite,
    /// `Packages.db`: SUSE.
    Ndb,
    /// `Packages`, a Berkeley DB hash: RHEL 8 and before, Amazon Linux 2.
    Bdb,
}

/// Tells the form from the first bytes.
#[must_use]
pub fn form(database: &(impl ReadAt + ?Sized)) -> Option<Form> {
    let start = database.up_to(0, 32).ok()?;
    match start.get(..) {
        Some(b) if b.starts_with(sqlite::MAGIC) => Some(Form::Sqlite),
        Some(b) if b.starts_with(ndb::MAGIC) => Some(Form::Ndb),
        Some(b) if bdb::order(b).is_some() => Some(Form::Bdb),
        _ => None,
    }
}

/// Hands every header of a database to `each`, in the database's order.
///
/// `log` is the write-ahead log beside a sqlite database (`rpmdb.sqlite-wal`): what it has committed counts, as for
/// everybody who opens the database.
///
/// The faults are those of the database; a header that is in it but makes no sense is for `each` to notice.
///
/// # Errors
/// The bytes are no such database.
pub fn headers<R: ReadAt + ?Sized>(
    database: &R,
    log: Option<&R>,
    each: &mut dyn FnMut(&[u8]),
) -> Result<Vec<Broken>, Broken> {
    let mut faults = Listing::<()>::default();
    match form(database) {
        Some(Form::Sqlite) => sqlite::blobs(database, log, each, &mut faults)?,
        Some(Form::Ndb) => ndb::blobs(database, each, &mut faults)?,
        Some(Form::Bdb) => bdb::blobs(database, each, &mut faults)?,
        None => return Err(Broken::new("neither an sqlite, nor an ndb, nor a Berkeley DB hash database")),
    }
    Ok(faults.broken)
}

/// Every package of a database.
///
/// # Errors
/// The bytes are no such database.
pub fn packages<R: ReadAt + ?Sized>(database: &R, log: Option<&R>) -> Result<Listing<RpmPackage>, Broken> {
    let mut out = Listing::default();
    let mut room = header::Room::default();
    let mut number = 0_usize;
    let faults = headers(database, log, &mut |blob| {
        number += 1;
        out.push(header::read(blob, &mut room).map_err(|e| e.within(format_args!("header {number}"))));
    })?;
    if room.is_used_up() {
        out.fault(Broken::new("more files than are held: the packages from there on are without them"));
    }
    for fault in faults {
        out.fault(fault);
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
