//! Servers on the loopback interface, for what `add` fetches.
