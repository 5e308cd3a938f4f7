//! The scanner's program.

fn main() {}
