//! What `#[handler]` expands to is built from this. Not for use by hand, and not covered by any promise of
//! stability.
#![doc(hidden)]

use std::{cell::RefCell, thread::LocalKey};

use crate::{Failure, Message, Outputs};

#[cfg(target_family = "wasm")]
pub use crate::guest::bindings::export;

/// What `setup` returned, once it has run in this instance.
pub struct State<T>(RefCell<Option<T>>);

impl<T> State<T> {
    /// Before the set-up.
    #[expect(
        clippy::new_without_default,
        reason = "`const`, and used by generated code only"
    )]
    pub const fn new() -> Self {
        Self(RefCell::new(None))
    }
}

/// A handler, as the attribute implements it.
pub trait Handler {
    /// What `setup` returns.
    type State: 'static;
    /// Where it is kept.
    fn state() -> &'static LocalKey<State<Self::State>>;
    /// Prepares the state.
    ///
    /// # Errors
    /// The revision is to be refused, for this reason.
    fn setup() -> Result<Self::State, String>;
    /// Handles one message.
    ///
    /// # Errors
    /// What the handler's own function says.
    fn handle(message: &Message<'_>, state: &mut Self::State) -> Result<Outputs, Failure>;
}

/// Natively there is nothing to export, but what would be is checked, and counts as used.
#[cfg(not(target_family = "wasm"))]
pub const fn check<H: Handler>() {}

/// The generated side of the `packed` world.
#[cfg(target_family = "wasm")]
pub mod bindings {
    #![allow(
        missing_docs,
        unsafe_code,
        clippy::allow_attributes_without_reason,
        reason = "generated from the contract"
    )]
    wit_bindgen::generate!({
        path: "../../wit",
        world: "packed",
        pub_export_macro: true,
        default_bindings_module: "::pelton_sdk::guest::bindings",
    });
}

#[cfg(target_family = "wasm")]
mod exports {
    use std::{cell::RefCell, panic::PanicHookInfo};

    use pelton_codec::AnswerWriter;

    use super::{
        Handler,
        bindings::{
            exports::pelton::handler::{lifecycle, packed_handler},
            pelton::handler::batch,
        },
    };
    use crate::{answer::answer_batch, log};

    thread_local! {
        // Kept between calls for its buffers.
        static ANSWER: RefCell<AnswerWriter> = RefCell::new(AnswerWriter::new());
    }

    impl<H: Handler> lifecycle::Guest for H {
        fn setup() -> Result<(), String> {
            std::panic::set_hook(Box::new(report));
            let state = H::setup()?;
            H::state().with(|slot| *slot.0.borrow_mut() = Some(state));
            Ok(())
        }
    }

    /// A trap carries no text of its own, so the panic's goes to the handler's log.
    fn report(panic: &PanicHookInfo<'_>) {
        let text = panic.payload_as_str().unwrap_or("no text");
        match panic.location() {
            Some(place) => log::write(log::Level::Error, &format!("panicked at {place}: {text}")),
            None => log::write(log::Level::Error, &format!("panicked: {text}")),
        }
    }

    impl<H: Handler> packed_handler::Guest for H {
        #[expect(
            clippy::panic,
            reason = "a batch that can't be read, or a set-up that fails late, can only trap"
        )]
        fn handle(arena: Vec<u8>, index: Vec<u32>) {
            if H::state().with(|slot| slot.0.borrow().is_none())
                && let Err(error) = <H as lifecycle::Guest>::setup()
            {
                panic!("the set-up failed: {error}");
            }
            ANSWER.with_borrow_mut(|answer| {
                H::state().with(|slot| {
                    let mut slot = slot.0.borrow_mut();
                    let Some(state) = slot.as_mut() else { return };
                    let handle = |message: &crate::Message<'_>| H::handle(message, state);
                    if let Err(error) = answer_batch(&arena, &index, answer, batch::next, handle) {
                        panic!("the batch can't be read: {error}");
                    }
                });
                batch::emit(answer.arena(), answer.index());
            });
        }
    }
}
