//! `#[pelton_sdk::handler]`: see its documentation in `pelton-sdk`.
//!
//! The function stays as it is, so that tests call it like any other. What is added is the component's
//! exports (natively only their types are checked); all they do is in `pelton_sdk::guest`.

use proc_macro::TokenStream;
use quote::quote;
use syn::{
    Error, FnArg, Ident, ItemFn, Path, Signature, Token, Type, parse::Parse, parse::ParseStream,
    parse_macro_input,
};

/// Makes a function the handler of this component.
///
/// See `pelton_sdk::handler` for how it is used.
#[proc_macro_attribute]
pub fn handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as Arguments);
    let function = parse_macro_input!(item as ItemFn);
    match expand(&arguments, &function) {
        Ok(exports) => quote!(#function #exports).into(),
        Err(error) => {
            let error = error.to_compile_error();
            quote!(#function #error).into()
        }
    }
}

/// `setup = path::to::function`, or nothing.
struct Arguments {
    setup: Option<Path>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.is_empty() {
            return Ok(Self { setup: None });
        }
        let name: Ident = input.parse()?;
        if name != "setup" {
            return Err(Error::new(
                name.span(),
                "the only argument is `setup = FUNCTION`",
            ));
        }
        input.parse::<Token![=]>()?;
        let setup = Some(input.parse()?);
        input.parse::<Option<Token![,]>>()?;
        match input.is_empty() {
            true => Ok(Self { setup }),
            false => Err(input.error("the only argument is `setup = FUNCTION`")),
        }
    }
}

fn expand(arguments: &Arguments, function: &ItemFn) -> syn::Result<proc_macro2::TokenStream> {
    let signature = &function.sig;
    let state = check(signature)?;
    let name = &signature.ident;
    let (state, call) = match state {
        Some(state) => (quote!(#state), quote!(#name(__message, __state))),
        None => (
            quote!(()),
            quote!({
                let () = *__state;
                #name(__message)
            }),
        ),
    };
    let setup = match (&arguments.setup, signature.inputs.len()) {
        (Some(setup), _) => quote!(#setup()),
        (None, 1) => quote!(::core::result::Result::<(), ::std::string::String>::Ok(())),
        (None, _) => {
            let text =
                "what the second argument refers to is made by `#[handler(setup = FUNCTION)]`";
            return Err(Error::new_spanned(&signature.inputs, text));
        }
    };
    Ok(quote! {
        const _: () = {
            struct Component;
            ::std::thread_local! {
                static STATE: ::pelton_sdk::guest::State<#state> = const { ::pelton_sdk::guest::State::new() };
            }
            impl ::pelton_sdk::guest::Handler for Component {
                type State = #state;
                fn state() -> &'static ::std::thread::LocalKey<::pelton_sdk::guest::State<Self::State>> {
                    &STATE
                }
                fn setup() -> ::core::result::Result<Self::State, ::std::string::String> {
                    ::core::result::Result::map_err(#setup, |error| ::std::string::ToString::to_string(&error))
                }
                fn handle(
                    __message: &::pelton_sdk::Message<'_>,
                    __state: &mut Self::State,
                ) -> ::core::result::Result<::pelton_sdk::Outputs, ::pelton_sdk::Failure> {
                    match #call {
                        ::core::result::Result::Ok(outputs) => {
                            ::core::result::Result::Ok(::core::convert::Into::into(outputs))
                        }
                        ::core::result::Result::Err(failure) => {
                            ::core::result::Result::Err(::core::convert::Into::into(failure))
                        }
                    }
                }
            }
            #[cfg(target_family = "wasm")]
            ::pelton_sdk::guest::export!(Component);
            #[cfg(not(target_family = "wasm"))]
            const _: () = ::pelton_sdk::guest::check::<Component>();
        };
    })
}

/// Whether the function can be a handler, and the state that it takes, if it takes any.
fn check(signature: &Signature) -> syn::Result<Option<&Type>> {
    if let Some(asyncness) = signature.asyncness {
        let text = "a handler is a plain function: the daemon runs many instances side by side";
        return Err(Error::new_spanned(asyncness, text));
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &signature.generics,
            "a handler can't be generic",
        ));
    }
    let mut inputs = signature.inputs.iter();
    if inputs.next().is_none() {
        return Err(Error::new_spanned(
            &signature.ident,
            "a handler takes a `&Message`",
        ));
    }
    let state = inputs.next().map(state_type).transpose()?;
    if let Some(input) = inputs.next() {
        return Err(Error::new_spanned(
            input,
            "a handler takes a `&Message` and what `setup` returned, no more",
        ));
    }
    Ok(state)
}

/// The `T` of a second argument `&T` or `&mut T`.
fn state_type(input: &FnArg) -> syn::Result<&Type> {
    if let FnArg::Typed(input) = input
        && let Type::Reference(reference) = &*input.ty
    {
        return Ok(&reference.elem);
    }
    Err(Error::new_spanned(
        input,
        "the second argument is a reference to what `setup` returned: `&T` or `&mut T`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(arguments: &str, function: &str) -> Result<String, String> {
        let arguments: Arguments = syn::parse_str(arguments).map_err(|error| error.to_string())?;
        let function: ItemFn = syn::parse_str(function).unwrap();
        expand(&arguments, &function)
            .map(|tokens| tokens.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_handler_may_have_a_state() {
        assert!(
            expanded("", "fn handle(m: &Message) -> R {}")
                .unwrap()
                .contains("type State = () ;")
        );
        let with_state =
            expanded("setup = a::b", "fn handle(m: &Message, s: &mut S) -> R {}").unwrap();
        assert!(
            with_state.contains("type State = S ;") && with_state.contains("a :: b ()"),
            "{with_state}"
        );
    }

    #[test]
    fn each_misuse_is_named() {
        let cases = [
            (
                "",
                "async fn h(m: &Message) {}",
                "a handler is a plain function",
            ),
            ("", "fn h<T>(m: &Message) {}", "a handler can't be generic"),
            ("", "fn h() {}", "a handler takes a `&Message`"),
            (
                "",
                "fn h(m: &Message, s: &S) {}",
                "is made by `#[handler(setup = FUNCTION)]`",
            ),
            (
                "setup = s",
                "fn h(m: &Message, s: S) {}",
                "the second argument is a reference",
            ),
            ("setup = s", "fn h(m: &Message, s: &S, x: u8) {}", "no more"),
            (
                "state = s",
                "fn h(m: &Message) {}",
                "the only argument is `setup = FUNCTION`",
            ),
        ];
        for (arguments, function, expected) in cases {
            let error = expanded(arguments, function).unwrap_err();
            assert!(error.contains(expected), "{function}: {error}");
        }
    }
}
