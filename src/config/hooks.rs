//! The hooks of a configuration. Each is read once, when it is first needed, because reading all of them takes longer than
//! the rest of a new isolate's first answer. It knows no field of a hook: those are in `hook.rs`.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::hook::read_hook;
use super::mistake::Mistake;
use crate::expression::Env;
use crate::hook::{Hook, HookName};
use crate::notify::Targets;

/// The value of a variable that is a table of hooks. The Worker's tables stay in JavaScript.
pub trait HookTable {
    /// The names of its hooks, in the order of the table.
    fn names(&self) -> Vec<String>;

    /// The value of one of its hooks.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn hook(&self, name: &str) -> Result<Value, String>;
}

impl HookTable for Map<String, Value> {
    fn names(&self) -> Vec<String> {
        self.keys().cloned().collect()
    }

    fn hook(&self, name: &str) -> Result<Value, String> {
        Ok(self.get(name).cloned().unwrap_or_default())
    }
}

/// A hook that was read: without mistakes, or its mistakes.
pub type ReadHook = Result<Hook, Vec<Mistake>>;

/// Every hook with a valid name.
#[derive(Debug)]
pub struct Hooks {
    by_name: BTreeMap<HookName, Entry>,
    around: Around,
    /// The names of those with a `schedule`, once they were looked for.
    scheduled: OnceCell<Vec<HookName>>,
}

/// What hooks refer to.
#[derive(Debug)]
pub(super) struct Around {
    /// What their expressions see as `env`.
    pub(super) env: Env,
    /// Who may be notified.
    pub(super) targets: Rc<Targets>,
    /// How many runs of the whole Worker may be in progress at the same time.
    pub(super) max_running: Option<u32>,
}

/// A hook that is read when it is first needed.
struct Entry {
    /// The variable that has it.
    variable: Rc<str>,
    table: Rc<dyn HookTable>,
    read: OnceCell<ReadHook>,
}

impl Hooks {
    /// No hooks. Those that are added refer to what is `around` them.
    pub(super) fn new(around: Around) -> Self {
        Self { by_name: BTreeMap::new(), around, scheduled: OnceCell::new() }
    }

    /// Adds a hook of the `table` in `variable`. A name that another hook has becomes the mistake `twice`.
    pub(super) fn add(
        &mut self,
        name: HookName,
        variable: &Rc<str>,
        table: &Rc<dyn HookTable>,
        twice: impl FnOnce() -> Mistake,
    ) {
        let (variable, table) = (Rc::clone(variable), Rc::clone(table));
        // It is unknown which of the two was meant, so neither is used.
        let read = match self.by_name.get(&name) {
            Some(_) => OnceCell::from(Err(vec![twice()])),
            None => OnceCell::new(),
        };
        self.by_name.insert(name, Entry { variable, table, read });
    }

    /// Whether there is no hook.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The names, in alphabetical order. No hook is read.
    pub fn names(&self) -> impl Iterator<Item = &HookName> {
        self.by_name.keys()
    }

    /// The hook of this name, or its mistakes; `None`: there is none. No other hook is read.
    #[must_use]
    pub fn get(&self, name: &HookName) -> Option<Result<&Hook, &[Mistake]>> {
        Some(self.read(name, self.by_name.get(name)?))
    }

    /// The hooks with a schedule and without mistakes. No other hook is read.
    pub fn scheduled(&self) -> impl Iterator<Item = &Hook> {
        let has_schedule = |(name, entry): &(&HookName, &Entry)| {
            entry.table.hook(name.as_str()).is_ok_and(|value| value.get("schedule").is_some())
        };
        let names = self
            .scheduled
            .get_or_init(|| self.by_name.iter().filter(has_schedule).map(|(name, _)| name.clone()).collect());
        let hooks = names.iter().filter_map(|name| self.get(name)?.ok());
        hooks.filter(|hook| hook.schedule.is_some())
    }

    /// Every hook, or its mistakes, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&HookName, Result<&Hook, &[Mistake]>)> {
        self.by_name.iter().map(|(name, entry)| (name, self.read(name, entry)))
    }

    /// Every hook, or its mistakes, in the order of the names.
    pub fn values(&self) -> impl Iterator<Item = Result<&Hook, &[Mistake]>> {
        self.iter().map(|(_, hook)| hook)
    }

    /// Every hook, or its mistakes, in the order of the names.
    pub fn into_values(self) -> impl Iterator<Item = ReadHook> {
        let Self { by_name, around, .. } = self;
        by_name.into_iter().map(move |(name, entry)| {
            let Entry { variable, table, read } = entry;
            read.into_inner().unwrap_or_else(|| read_from(&name, &variable, &*table, &around))
        })
    }

    fn read<'a>(&'a self, name: &HookName, entry: &'a Entry) -> Result<&'a Hook, &'a [Mistake]> {
        let read = entry.read.get_or_init(|| read_from(name, &entry.variable, &*entry.table, &self.around));
        read.as_ref().map_err(Vec::as_slice)
    }
}

fn read_from(name: &HookName, variable: &str, table: &dyn HookTable, around: &Around) -> ReadHook {
    let path = [variable.to_owned(), name.to_string()];
    match table.hook(name.as_str()) {
        Ok(value) => read_hook(name.clone(), &value, &path, around),
        Err(error) => {
            let problem = format!("cannot be read: {error}");
            Err(vec![Mistake::new(path.to_vec(), problem, "write it as a table of [vars]")])
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("variable", &self.variable)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}
