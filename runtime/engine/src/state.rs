//! What the store of an instance holds: all that its host functions work on.

use std::sync::Arc;

use pelton_types::Message;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::WasiCtx;

use crate::{
    call::Curtail,
    env::HandlerEnv,
    frozen::Frozen,
    host::{http::Http, wasi::Wasi},
    http::{Access, Answers},
    journal::Journal,
    limiter::{Limiter, Memory},
    log_budget::LogBudget,
    meter::Meter,
};

/// Host resources (streams, clocks' pollables) that a guest may hold at once.
const RESOURCES: usize = 1024;
/// Handles of a component's own resources, which the host keeps a table of.
pub(crate) const HANDLES: usize = 10_000;

/// The host's side of one instance.
pub(crate) struct State {
    pub(crate) env: Arc<HandlerEnv>,
    /// The revision, as the log names it.
    pub(crate) revision: Arc<str>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) limiter: Limiter,
    pub(crate) batch: Batch,
    /// What the clocks and the random numbers are made of, where they are to be the same each time.
    frozen: Option<Frozen>,
    /// Made when first asked for: most handlers have no use for WASI.
    wasi: Option<Wasi>,
    http: Http,
    table: ResourceTable,
}

/// The call under way.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    curtail: Curtail,
    /// Whether the guest was told to stop.
    pub(crate) curtailed: bool,
    /// Which messages were begun, by position.
    pub(crate) begun: Vec<bool>,
    /// The first position that may be begun next.
    next: u32,
    /// The first rule of the contract that the guest broke.
    pub(crate) broken: Option<String>,
    /// The answer: arena and index.
    pub(crate) answer: Option<(Vec<u8>, Vec<u32>)>,
}

impl State {
    pub(crate) fn new(
        env: Arc<HandlerEnv>,
        revision: Arc<str>,
        logs: Arc<LogBudget>,
        meter: Arc<Meter>,
        http: Option<Arc<Access>>,
        memory: Memory,
        frozen: bool,
    ) -> Self {
        let limiter = Limiter::new(&env.limits, memory);
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let journal = Arc::new(Journal::new(logs));
        Self {
            http: Http::new(&env, &journal, &meter, http),
            env,
            revision,
            journal,
            meter,
            limiter,
            batch: Batch::default(),
            frozen: frozen.then(Frozen::before_any_message),
            wasi: None,
            table,
        }
    }

    /// A call with these messages begins; where answers are given, they stand for the network.
    pub(crate) fn open(
        &mut self,
        messages: &[(&Message, u32)],
        curtail: &Curtail,
        answers: Option<&Arc<Answers>>,
    ) {
        self.http.answer_by(answers);
        if let Some(frozen) = &mut self.frozen {
            frozen.open(messages);
        }
        self.journal.open(messages);
        self.limiter.forget();
        let batch = &mut self.batch;
        batch.curtail = curtail.clone();
        batch.curtailed = false;
        batch.begun.clear();
        batch.begun.resize(messages.len(), false);
        batch.next = 0;
        batch.broken = None;
        batch.answer = None;
    }

    /// The call is over, and its answer has been taken.
    pub(crate) fn close(&mut self) {
        self.end_lines();
        self.http.end();
        self.journal.close();
        self.batch.begun.clear();
        self.batch.curtail = Curtail::new();
    }

    /// Whether the call is to stop; from here on it counts as told.
    pub(crate) fn is_curtailed(&mut self) -> bool {
        self.batch.curtailed |= self.batch.curtail.is_curtailed();
        self.batch.curtailed
    }

    /// The message at this position begins. Returns whether there is one, and it is not behind another.
    pub(crate) fn begin(&mut self, position: u32) -> bool {
        let Ok(slot) = usize::try_from(position) else {
            return false;
        };
        let Some(begun) = self.batch.begun.get_mut(slot) else {
            return false;
        };
        if position < self.batch.next {
            return false;
        }
        *begun = true;
        self.batch.next = position + 1;
        self.end_lines();
        self.http.end();
        self.journal.begin(position);
        if let Some(frozen) = &mut self.frozen {
            frozen.begin(slot);
            // Another message, other random numbers: the context is made anew when it is next asked for.
            self.wasi = None;
        }
        self.meter.restart();
        self.limiter.forget();
        true
    }

    /// Whether clocks stand still.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// WASI's context and its resources.
    pub(crate) fn wasi(&mut self) -> (&mut WasiCtx, &mut ResourceTable) {
        let (journal, frozen) = (&self.journal, self.frozen.as_ref());
        let wasi = self.wasi.get_or_insert_with(|| Wasi::new(journal, frozen));
        (&mut wasi.ctx, &mut self.table)
    }

    /// HTTP's context and its resources.
    pub(crate) fn http(&mut self) -> (&mut Http, &mut ResourceTable) {
        (&mut self.http, &mut self.table)
    }

    /// Writes lines of standard output and error that were begun.
    pub(crate) fn end_lines(&self) {
        if let Some(wasi) = &self.wasi {
            wasi.end_lines();
        }
    }
}
