//! `add`: downloads and repositories.
