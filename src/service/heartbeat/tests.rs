//! When heartbeats are written.
