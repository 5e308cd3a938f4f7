//! What arguments and environment variables are worth, on one platform.
//!
//! `${NAME}` in a fragment means, in this order: the fragment's own `env`, its own `args`, the platform variables, the
//! environment below. A variable that names itself (`"PATH": "/opt/venv/bin:${PATH}"`) means what is below it.

mod arguments;
mod environment;

pub use arguments::Arguments;
pub use environment::{Apart, Environments, Level};
