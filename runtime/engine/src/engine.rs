//! The engine: what all handlers of a daemon share.

use std::sync::Arc;

use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails,
    component::Linker,
};

use crate::{
    code::CodeMemory,
    compile::{Compilations, Compiler, Waiter, Waits, Workshop},
    env::HandlerEnv,
    error::{Error, LoadError},
    host,
    http::Network,
    inspect::Inspection,
    instance::Instance,
    load,
    revision::Revision,
    slots::Slots,
    state::State,
    ticker::Ticker,
};

/// A page of linear memory.
const PAGE: usize = 64 * 1024;
/// Stack that is left for host functions when a guest has used all of its own.
const HOST_STACK_BYTES: usize = 1024 * 1024;
/// Memories of a component: one of the guest's, one of an adapter's.
const MEMORIES: u32 = 2;
/// Tables of a component: the guest's, and those by which its parts are linked.
const TABLES: u32 = 4;
/// Core instances of a component; a Python guest is linked from a dozen libraries.
const CORE_INSTANCES: u32 = 64;
/// Bytes of wasmtime's own data about an instance.
const METADATA_BYTES: usize = 10 * 1024 * 1024;
/// Bytes of a memory, and of a table, that are wiped and kept when an instance is dropped, which makes the
/// next one cheap.
const KEEP_MEMORY_BYTES: usize = 256 * 1024;
const KEEP_TABLE_BYTES: usize = 32 * 1024;

/// How large an engine is. None of it can change in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    /// The most instances that are alive at once, all handlers together; at least one. Address space is reserved for
    /// all of them (8 GiB each), memory only when it is used.
    pub slots: u32,
    /// The largest memory limit of any handler.
    pub max_memory_bytes: usize,
    /// The largest limit of a table's elements of any handler. Guests of JavaScript and Python have tens of thousands.
    pub max_table_elements: usize,
    /// The stack of a guest.
    pub stack_bytes: usize,
    /// The largest file that is taken for a component.
    pub max_component_bytes: usize,
    /// Where components are compiled.
    pub compiler: Compiler,
}

/// Compiles components and runs them. Cheap to clone; the last clone to go ends its thread.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
    /// For whom it compiles.
    pub(crate) waiter: Waiter,
}

/// Counts what the engines of a daemon compile, and keeps none of them.
#[derive(Clone)]
pub struct CompilationCounts(Arc<Workshop>);

pub(crate) struct Inner {
    pub(crate) wasm: wasmtime::Engine,
    pub(crate) linker: Linker<State>,
    /// One for all engines of a daemon.
    pub(crate) workshop: Arc<Workshop>,
    /// The same with HTTP besides.
    pub(crate) http_linker: Linker<State>,
    pub(crate) network: Network,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) slots: Slots<Instance>,
    pub(crate) settings: EngineSettings,
    /// Whether a message's clocks and random numbers depend on nothing but the message.
    pub(crate) frozen: bool,
}

impl Engine {
    /// Reserves the address space and starts the thread that interrupts guests.
    ///
    /// # Errors
    /// The settings ask for more than the system gives, or the thread can't be started.
    pub fn new(settings: &EngineSettings) -> Result<Self, Error> {
        Self::start(settings, false, Network::system(), workshop(settings))
    }

    /// An engine of another size, for handlers that this one has no room for. Both compile in one place, whatever
    /// these settings say of compiling, and count there.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn beside(&self, settings: &EngineSettings) -> Result<Self, Error> {
        let Inner {
            frozen,
            network,
            workshop,
            ..
        } = &*self.inner;
        let beside = Self::start(settings, *frozen, network.clone(), workshop.clone())?;
        Ok(beside.waited_for_by(&self.waiter))
    }

    /// An engine whose handlers' HTTP requests go over this network: what tests resolve names and trust certificates
    /// of their own by.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn on_network(settings: &EngineSettings, network: Network) -> Result<Self, Error> {
        Self::start(settings, false, network, workshop(settings))
    }

    /// An engine for tests: clocks stand still, and for one message they and the random numbers are the same
    /// in every call. So whatever differs between two deliveries of a message is the handler's own doing. Nothing goes
    /// out: HTTP requests are answered by what [`Revision::call_answered`] is given, or denied.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn frozen(settings: &EngineSettings) -> Result<Self, Error> {
        Self::start(settings, true, Network::system(), workshop(settings))
    }

    /// The same for one instance at a time, compiling in the same place as this one.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn frozen_beside(&self) -> Result<Self, Error> {
        let settings = EngineSettings {
            slots: 1,
            ..self.inner.settings.clone()
        };
        let (network, workshop) = (self.inner.network.clone(), self.inner.workshop.clone());
        let beside = Self::start(&settings, true, network, workshop)?;
        Ok(beside.waited_for_by(&self.waiter))
    }

    /// The same engine, for one who waits for what it loads, and for what engines made beside it load. When that ends the
    /// load does: a process that compiles for it is killed.
    pub fn while_waited_for(&self) -> (Self, Waits) {
        let (waiter, waits) = Waiter::new();
        (self.clone().waited_for_by(&waiter), waits)
    }

    fn waited_for_by(mut self, waiter: &Waiter) -> Self {
        self.waiter = waiter.clone();
        self
    }

    fn start(
        settings: &EngineSettings,
        frozen: bool,
        network: Network,
        workshop: Arc<Workshop>,
    ) -> Result<Self, Error> {
        let refused = |error: wasmtime::Error| Error::Settings {
            slots: settings.slots,
            max_memory_bytes: settings.max_memory_bytes,
            stack_bytes: settings.stack_bytes,
            reason: format!("{error:#}"),
        };
        let wasm = wasmtime::Engine::new(&config(settings)).map_err(refused)?;
        let linker = host::linker(&wasm).map_err(refused)?;
        let http_linker = host::http_linker(&linker).map_err(refused)?;
        let ticker = Arc::new(Ticker::start(wasm.clone()).map_err(Error::Ticker)?);
        let slots = Slots::new(settings.slots.max(1));
        Ok(Self {
            inner: Arc::new(Inner {
                wasm,
                linker,
                workshop,
                http_linker,
                network,
                ticker,
                slots,
                settings: settings.clone(),
                frozen,
            }),
            waiter: Waiter::default(),
        })
    }

    /// Compiles a component, or a core module with component-type information, and checks that it can be a
    /// handler. This blocks for up to what the compiler may take: call it where that is fine.
    ///
    /// # Errors
    /// What is wrong with the bytes, and what to do about it.
    pub fn load(&self, bytes: &[u8], env: &HandlerEnv) -> Result<Revision, LoadError> {
        self.load_with_debug(bytes, None, env)
    }

    /// The same, with a file that is the component with its debug information, from which traps are told with source
    /// lines. One that is of another component is not used.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_with_debug(
        &self,
        bytes: &[u8],
        debug: Option<&[u8]>,
        env: &HandlerEnv,
    ) -> Result<Revision, LoadError> {
        load::revision(self, bytes, debug, env)
    }

    /// The largest file that is taken for a component.
    pub fn max_component_bytes(&self) -> usize {
        self.inner.settings.max_component_bytes
    }

    /// How large it is.
    pub fn settings(&self) -> &EngineSettings {
        &self.inner.settings
    }

    /// How many instances are alive, at work or idle: what tests of leaks ask.
    pub fn instances(&self) -> u32 {
        self.inner.slots.alive()
    }

    /// Tells how often it has compiled, and how often it hadn't to, also of engines [`beside`](Self::beside) it and when it is gone.
    pub fn compilation_counts(&self) -> CompilationCounts {
        CompilationCounts(self.inner.workshop.clone())
    }

    /// Says what a component is, also where it is no handler. As costly as [`load`](Self::load).
    ///
    /// # Errors
    /// The bytes are no component, and no core module that could be made one.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Inspection, LoadError> {
        load::inspection(self, bytes)
    }
}

impl CompilationCounts {
    /// How often it was compiled until now, and how often it hadn't to be.
    pub fn now(&self) -> Compilations {
        self.0.compilations()
    }

    /// Why what is compiled can't be kept at the moment; nothing where it can be, or isn't meant to be.
    pub fn unkept(&self) -> Option<String> {
        self.0.unkept()
    }

    /// Sees whether as much as could not be kept could be by now. This blocks for as long as it takes to write that.
    pub fn try_to_keep(&self) {
        self.0.try_to_keep();
    }
}

impl std::fmt::Debug for CompilationCounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CompilationCounts")
            .field(&self.now())
            .finish()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}

fn workshop(settings: &EngineSettings) -> Arc<Workshop> {
    Arc::new(Workshop::new(settings.compiler.clone()))
}

fn config(settings: &EngineSettings) -> Config {
    let slots = settings.slots.max(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
        .total_memories(slots.saturating_mul(MEMORIES))
        .total_tables(slots.saturating_mul(TABLES))
        .total_stacks(slots)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_module(TABLES)
        .max_component_instance_size(METADATA_BYTES)
        .max_core_instance_size(METADATA_BYTES)
        .table_elements(settings.max_table_elements)
        .max_memory_size(settings.max_memory_bytes.next_multiple_of(PAGE))
        .linear_memory_keep_resident(KEEP_MEMORY_BYTES)
        .table_keep_resident(KEEP_TABLE_BYTES)
        .pagemap_scan(Enabled::Auto);
    let mut config = code_config();
    config
        .max_wasm_stack(settings.stack_bytes)
        .async_stack_size(settings.stack_bytes.saturating_add(HOST_STACK_BYTES))
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// What machine code depends on; all else may differ between who compiles and who runs.
fn code_config() -> Config {
    let mut config = Config::new();
    config
        // The async component model costs a microsecond a call, and nothing here uses it.
        .concurrency_support(false)
        .epoch_interruption(true)
        // Costs nothing where a component has no debug information.
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .with_custom_code_memory(Some(Arc::new(CodeMemory)));
    config
}

/// An engine that compiles and runs nothing: it reserves no address space.
pub(crate) fn compiling() -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&code_config())
}
