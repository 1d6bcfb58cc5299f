//! Which mistakes are found.
