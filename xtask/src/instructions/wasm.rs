//! Runs functions of a wasm module and counts their instructions. It gives the module nothing from outside.

use anyhow::{Context, Result, bail, ensure};
use wasmi::{Config, Engine, Error, Extern, ExternType, Func, Instance, Linker, Store};

/// The most instructions of a call. The largest case takes about a tenth.
const FUEL: u64 = 1_000_000_000;

/// A compiled module.
pub(super) struct Module {
    module: wasmi::Module,
}

/// An instance of a module, with a memory of its own.
pub(super) struct Running {
    store: Store<()>,
    instance: Instance,
}

impl Module {
    /// Compiles the module.
    ///
    /// # Errors
    /// When it is invalid.
    pub(super) fn new(bytes: &[u8]) -> Result<Self> {
        let mut config = Config::default();
        config.consume_fuel(true);
        Ok(Self { module: wasmi::Module::new(&Engine::new(&config), bytes)? })
    }

    /// A new instance. Each function that it imports, all of them JavaScript's, traps when it is called.
    ///
    /// # Errors
    /// When it imports something other than functions.
    pub(super) fn instance(&self) -> Result<Running> {
        let mut store = Store::new(self.module.engine(), ());
        store.set_fuel(FUEL)?;
        let mut linker = Linker::new(self.module.engine());
        for import in self.module.imports() {
            let name = format!("{}.{}", import.module(), import.name());
            let ExternType::Func(kind) = import.ty() else {
                bail!("the module imports {name}, which is no function")
            };
            let trap = Func::new(&mut store, kind.clone(), {
                let name = name.clone();
                move |_, _, _| Err(Error::new(format!("it calls JavaScript: {name}")))
            });
            linker.define(import.module(), import.name(), Extern::Func(trap)).with_context(|| name)?;
        }
        let instance = linker.instantiate_and_start(&mut store, &self.module)?;
        Ok(Running { store, instance })
    }
}

impl Running {
    /// Calls a function without arguments, and returns how many instructions it took.
    ///
    /// # Errors
    /// When there is no such function, when it traps, or when it returns false.
    pub(super) fn count(&mut self, name: &str) -> Result<u64> {
        let exports = self.instance.exports(&self.store);
        let symbol = exports.map(|export| export.name().to_owned()).find(|symbol| is_symbol(symbol, name));
        let symbol = symbol.with_context(|| format!("the module has no function {name}"))?;
        let function = self.instance.get_typed_func::<(), i32>(&self.store, &symbol)?;
        self.store.set_fuel(FUEL)?;
        let returned = function.call(&mut self.store, ()).with_context(|| format!("{name} failed"))?;
        ensure!(returned == 1, "{name} had another outcome than expected");
        Ok(FUEL - self.store.get_fuel()?)
    }
}

/// Whether wasm-bindgen exports the function `name` as `symbol`: the name, `_` and the crate's hash in hexadecimal.
fn is_symbol(symbol: &str, name: &str) -> bool {
    let hash = symbol.strip_prefix(name).and_then(|rest| rest.strip_prefix('_'));
    hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
