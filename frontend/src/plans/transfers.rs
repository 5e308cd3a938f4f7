//! Transfers of the client's files: one for all combinations, so that steps that take the same files are the same vertices.

use std::collections::{BTreeMap, BTreeSet};

use bollard_buildkit_proto::pb;
use llb_gen::request::{Request, Tree};
use prost::Message as _;

use super::row::Row;

/// A transfer by the client's name of the folder and by its key.
type Key = (String, String);

/// Which paths the combinations take together, by transfer. The root stands for everything.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Transfers {
    paths: BTreeMap<Key, BTreeSet<String>>,
}

impl Transfers {
    /// What the products of all rows take.
    pub(super) fn of(rows: &[Row]) -> Self {
        rows.iter().map(Self::of_row).fold(Self::default(), Self::with)
    }

    fn of_row(row: &Row) -> Self {
        let definition = row.planned().and_then(|planned| planned.definition.as_ref());
        let ops = definition.into_iter().flat_map(|definition| &definition.def);
        Self { paths: ops.filter_map(|op| transfer(op)).collect() }
    }

    fn with(mut self, other: Self) -> Self {
        for (key, paths) in other.paths {
            self.paths.entry(key).or_default().extend(paths);
        }
        self
    }

    /// Whether every row that makes a transfer makes the whole of it already.
    pub(super) fn are_shared(&self, rows: &[Row]) -> bool {
        let mut own = rows.iter().flat_map(|row| Self::of_row(row).paths);
        own.all(|(key, paths)| self.paths.get(&key) == Some(&paths))
    }

    /// The request with each of its folders sent as far as any combination needs it.
    pub(super) fn widened(&self, mut request: Request) -> Request {
        let trees = [&mut request.context, &mut request.catalogue].into_iter();
        for tree in trees.chain(request.named_contexts.values_mut()) {
            if let Tree::Local { name, hint, also, .. } = tree {
                also.extend(self.paths.get(&(name.clone(), hint.clone())).into_iter().flatten().cloned());
            }
        }
        request
    }
}

/// The transfer that an op is, and its paths.
fn transfer(op: &[u8]) -> Option<(Key, BTreeSet<String>)> {
    let Some(pb::op::Op::Source(source)) = pb::Op::decode(op).ok()?.op else { return None };
    let name = source.identifier.strip_prefix("local://")?;
    let hint = source.attrs.get("local.sharedkeyhint")?;
    let paths = match source.attrs.get("local.followpaths") {
        Some(paths) => serde_json::from_str(paths).ok()?,
        None => BTreeSet::from(["/".to_owned()]),
    };
    Some(((name.to_owned(), hint.clone()), paths))
}
