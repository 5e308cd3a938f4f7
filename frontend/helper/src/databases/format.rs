//! What has to be known of a kind of file to merge two of it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::threeway::{Combine, Item, Order, never};

/// A kind of file.
pub(super) struct Format {
    /// What an item is called.
    pub(super) noun: &'static str,
    /// The items of a file; None if the bytes are no such file.
    pub(super) parse: fn(&[u8]) -> Option<Vec<Item>>,
    /// The file of these items.
    pub(super) render: fn(&[Item]) -> Vec<u8>,
    /// Where new items go.
    pub(super) order: Order,
    /// Reconciles two changes of one item.
    pub(super) combine: Combine,
    /// An item's value for people; None for what is too long or secret.
    pub(super) show: fn(&[u8]) -> Option<String>,
    /// Pairs of items that cannot be in one file unless somebody put both there.
    pub(super) rivals: fn(&[Item]) -> Vec<Rivals>,
}

impl Format {
    /// A format of which items are changed as a whole.
    pub(super) const fn new(
        noun: &'static str,
        parse: fn(&[u8]) -> Option<Vec<Item>>,
        render: fn(&[Item]) -> Vec<u8>,
    ) -> Self {
        Self {
            noun,
            parse,
            render,
            order: Order::Append,
            combine: never,
            show: |_| None,
            rivals: |_| Vec::new(),
        }
    }

    /// How a value reads in a sentence.
    pub(super) fn describe(&self, value: Option<&[u8]>) -> String {
        let Some(value) = value else { return "absent".into() };
        (self.show)(value).unwrap_or_else(|| "changed".into())
    }
}

/// Two items, by their places, and why they cannot be together.
pub(super) struct Rivals {
    pub(super) at: [usize; 2],
    pub(super) what: String,
    pub(super) help: &'static str,
}

/// A short value, in quotes.
pub(super) fn quoted(value: &[u8]) -> Option<String> {
    Some(format!("\"{}\"", value.escape_ascii()))
}
