//! One instance of a component: its store, and the function that handles messages.

use std::sync::Arc;

use pelton_codec::BatchWriter;
use wasmtime::Store;

use crate::{
    bindings::exports::pelton::handler::{packed_handler, simple_handler},
    error::TrialError,
    fault,
    meter::{Meter, SLICE},
    revision::{Blueprint, Handler},
    slots::Place,
    state::{HANDLES, State},
    text::bounded,
};

/// Bytes of a guest's text about its set-up.
const TEXT_BYTES: usize = 2048;

/// An instance between or within calls.
pub(crate) struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) guest: Guest,
    pub(crate) meter: Arc<Meter>,
    /// Keeps its buffers from batch to batch.
    pub(crate) writer: BatchWriter,
    /// The last field, so that it is given back after the store has gone.
    _place: Place,
}

/// How the guest is called.
#[derive(Clone)]
pub(crate) enum Guest {
    Packed(packed_handler::Guest),
    Simple(simple_handler::Guest),
}

impl Instance {
    /// Makes an instance and sets it up.
    pub(crate) async fn create(blueprint: &Blueprint, place: Place) -> Result<Self, TrialError> {
        let engine = &blueprint.engine.inner;
        let limit = blueprint.env.limits.time_per_message;
        let meter = Arc::new(Meter::new(engine.ticker.clone(), limit));
        let state = State::new(
            blueprint.env.clone(),
            blueprint.name.clone(),
            blueprint.logs.clone(),
            meter.clone(),
            blueprint.http.clone(),
            blueprint.memory.clone(),
            engine.frozen,
        );
        let mut store = Store::new(&engine.wasm, state);
        store.set_max_component_handles(HANDLES);
        store.set_hostcall_fuel(blueprint.env.limits.host_call_bytes);
        store.limiter(|state| &mut state.limiter);
        store.epoch_deadline_callback(|context| Ok(context.data().meter.at_epoch()));
        store.set_epoch_deadline(SLICE);
        let failed = |halt, store: &Store<State>| {
            TrialError::Instantiate(fault::failure(&halt, store.data()))
        };
        let instantiated = meter.run(blueprint.pre.instantiate_async(&mut store)).await;
        let instance = instantiated.map_err(|halt| failed(halt, &store))?;
        let loaded = match &blueprint.handler {
            Handler::Packed(indices) => indices.load(&mut store, &instance).map(Guest::Packed),
            Handler::Simple(indices) => indices.load(&mut store, &instance).map(Guest::Simple),
        };
        let guest = loaded.map_err(|error| failed(crate::meter::Halt::Guest(error), &store))?;
        if let Some(indices) = &blueprint.setup {
            let setup = indices.load(&mut store, &instance);
            let setup = setup.map_err(|error| failed(crate::meter::Halt::Guest(error), &store))?;
            store.set_epoch_deadline(SLICE);
            match meter.run(setup.call_setup(&mut store)).await {
                Ok(Ok(())) => {}
                Ok(Err(text)) => return Err(TrialError::Refused(bounded(&text, TEXT_BYTES))),
                Err(halt) => return Err(TrialError::Setup(fault::failure(&halt, store.data()))),
            }
        }
        Ok(Self {
            store,
            guest,
            meter,
            writer: BatchWriter::new(),
            _place: place,
        })
    }
}
