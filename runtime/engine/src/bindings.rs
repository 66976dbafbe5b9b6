//! The contract of `wit/` as Rust types, written by wasmtime's generator.
//!
//! One world with everything that any handler may import or export: a component exports only some of
//! it, so the exports are looked up one interface at a time (`GuestIndices`), never as a whole world.
#![allow(
    missing_docs,
    clippy::all,
    reason = "generated from the documented WIT"
)]

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package pelton:host;
        world host {
            import pelton:handler/delivery@0.1.0;
            import pelton:handler/log@0.1.0;
            import pelton:handler/settings@0.1.0;
            import pelton:handler/batch@0.1.0;
            export pelton:handler/lifecycle@0.1.0;
            export pelton:handler/simple-handler@0.1.0;
            export pelton:handler/packed-handler@0.1.0;
        }
    ",
    exports: { default: async },
    ownership: Borrowing { duplicate_if_necessary: true },
});
