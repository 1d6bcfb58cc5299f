//! Whether a connection takes bytes at the moment; it must not know what they are.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a socket took nothing when it was last written to, so that bytes wait outside. The default is that it
/// takes them: so it is wherever the caller asks for bytes only when those before have left.
#[derive(Debug, Clone, Default)]
pub(crate) struct Full(pub(crate) Arc<AtomicBool>);

impl Full {
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
