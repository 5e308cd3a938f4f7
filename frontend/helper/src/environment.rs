//! The environment of the step: `NAME=value` entries in the order they came.

use alloc::vec::Vec;

/// An ordered environment. Entries are bytes: nothing says that they are text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Environment {
    entries: Vec<Vec<u8>>,
}

impl Environment {
    /// An environment from `NAME=value` entries.
    pub(crate) fn new(entries: Vec<Vec<u8>>) -> Self {
        Self { entries }
    }

    /// The entries, as `execve` takes them.
    pub(crate) fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// The value of a variable; of the first entry where there are several, as `getenv` would.
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.entries.iter().find_map(|entry| value_of(entry, name.as_bytes()))
    }

    /// Sets a variable, in place where it is already there.
    pub(crate) fn set(&mut self, name: &str, value: &[u8]) {
        let entry = [name.as_bytes(), value].join(&b'=');
        let place = self.entries.iter().position(|entry| value_of(entry, name.as_bytes()).is_some());
        match place {
            Some(at) => self.entries[at] = entry,
            None => self.entries.push(entry),
        }
    }

    /// Sets a variable unless the step already has it.
    pub(crate) fn set_default(&mut self, name: &str, value: &[u8]) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }

    /// Removes a variable and returns its value.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Vec<u8>> {
        let value = self.get(name).map(<[u8]>::to_vec);
        self.entries.retain(|entry| value_of(entry, name.as_bytes()).is_none());
        value
    }
}

/// The value in `entry` when it is one of the variable `name`.
fn value_of<'a>(entry: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    entry.strip_prefix(name)?.strip_prefix(b"=")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Environment {
        Environment::new(vec![b"A=1".to_vec(), b"AB=2".to_vec(), b"E=".to_vec(), b"A=3".to_vec()])
    }

    #[test]
    fn the_first_of_equal_names_counts_and_prefixes_do_not() {
        assert_eq!(sample().get("A"), Some(&b"1"[..]));
        assert_eq!(sample().get("AB"), Some(&b"2"[..]));
        assert_eq!(sample().get("E"), Some(&b""[..]));
        assert_eq!(sample().get("B"), None);
    }

    #[test]
    fn set_keeps_the_place_and_default_keeps_the_value() {
        let mut env = sample();
        env.set("AB", b"x=y");
        env.set_default("E", b"no");
        env.set_default("N", b"new");
        assert_eq!(
            env.entries(),
            [b"A=1".to_vec(), b"AB=x=y".into(), b"E=".into(), b"A=3".into(), b"N=new".into()]
        );
    }

    #[test]
    fn remove_takes_every_entry_of_the_name() {
        let mut env = sample();
        assert_eq!(env.remove("A"), Some(b"1".to_vec()));
        assert_eq!(env.get("A"), None);
        assert_eq!(env.entries().len(), 2);
    }
}
