//! `user`: accounts, compared with what the system's own programs make of the same wish.
