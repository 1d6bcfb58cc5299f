//! Records that a hook with `silence` was heard: any verified delivery counts, whatever becomes of it. A hook without `silence`
//! costs nothing.

use std::rc::Rc;

use super::context::Context;
use super::runtime::Runtime;
use crate::hook::Hook;

/// Records that a verified delivery came. The runtime keeps it going after the answer.
pub(super) fn note_heard<R: Runtime>(context: &Context<'_, R>, ports: &Rc<R::Ports>, hook: &Hook) {
    let Some(silence_ms) = hook.silence_ms else { return };
    if !context.isolate.heard.take(&hook.name, silence_ms, context.now()) {
        return;
    }
    let (ports, heard, name) = (Rc::clone(ports), Rc::clone(&context.isolate.heard), hook.name.clone());
    context.runtime.wait_until(async move { heard.record(&*ports, &name).await });
}
