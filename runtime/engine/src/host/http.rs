//! `wasi:http`, outgoing requests alone: what a guest asks for is held against the handler's grants, and sent.

use std::{sync::Arc, time::Duration};

use http::{Request, Response, Uri};
use tracing::Level;
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

use crate::{
    env::HandlerEnv,
    http::{Access, Answers, Exchange},
    journal::Journal,
    meter::Meter,
    state::State,
};

/// Bytes of all headers of one request, as they take memory. A guest may hold a thousand requests.
const HEADER_BYTES: usize = 16 * 1024;
/// Bytes that a guest may write of a body at once, and that are held twice.
const WRITE_BYTES: usize = 16 * 1024;

/// How much longer an exchange may take than its message has left, so that it is always the message's limit that ends
/// the guest, and not an error that it could take for the other side's.
const GRACE: Duration = Duration::from_millis(50);

/// What `Box`es of wasmtime's hooks come to.
type Sent = Result<(Response<WasiBody>, Worker), Error>;
type Worker = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let (http, table) = self.http();
        WasiHttpCtxView {
            ctx: &mut http.ctx,
            table,
            hooks: &mut http.hooks,
        }
    }
}

/// HTTP for one instance.
pub(crate) struct Http {
    ctx: WasiHttpCtx,
    hooks: Hooks,
}

struct Hooks {
    env: Arc<HandlerEnv>,
    journal: Arc<Journal>,
    meter: Arc<Meter>,
    access: Option<Arc<Access>>,
    /// Who answers instead of the network.
    answers: Option<Arc<Answers>>,
    /// Requests of the message under way.
    exchanges: Vec<Arc<Exchange>>,
}

impl Http {
    pub(crate) fn new(
        env: &Arc<HandlerEnv>,
        journal: &Arc<Journal>,
        meter: &Arc<Meter>,
        access: Option<Arc<Access>>,
    ) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(HEADER_BYTES);
        Self {
            ctx,
            hooks: Hooks {
                env: env.clone(),
                journal: journal.clone(),
                meter: meter.clone(),
                access,
                answers: None,
                exchanges: Vec::new(),
            },
        }
    }

    /// From here on these answer, and not the network.
    pub(crate) fn answer_by(&mut self, answers: Option<&Arc<Answers>>) {
        self.hooks.answers = answers.cloned();
    }

    /// Ends what is under way: the message that it was for is over.
    pub(crate) fn end(&mut self) {
        for exchange in self.hooks.exchanges.drain(..) {
            exchange.end();
        }
    }
}

impl Hooks {
    fn send(
        &mut self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Box<dyn Future<Output = Result<Response<WasiBody>, Error>> + Send> {
        let Some(access) = self.access.clone() else {
            return Box::new(std::future::ready(Err(Error::HttpRequestDenied)));
        };
        let host = host(request.uri());
        let request = match access.origins.admit(request) {
            Ok(request) => request,
            Err(error) => {
                explain(&error, &host, &self.env, &self.journal);
                return Box::new(std::future::ready(Err(error)));
            }
        };
        if let Some(answers) = self.answers.clone() {
            let limit = self.env.limits.http_body_bytes as u64;
            return Box::new(async move { answers.answer(request, limit).await });
        }
        // Whatever the guest still holds has this one's count at two.
        self.exchanges.retain(|kept| Arc::strong_count(kept) > 1);
        let exchange = Arc::new(Exchange::default());
        self.exchanges.push(exchange.clone());
        let left = self.meter.remaining().saturating_add(GRACE);
        let (env, journal) = (self.env.clone(), self.journal.clone());
        Box::new(async move {
            let Some(client) = &access.client else {
                return Err(Error::HttpRequestDenied);
            };
            let answered = client.send(request, options, left, exchange).await;
            if let Err(error) = &answered {
                explain(error, &host, &env, &journal);
            }
            answered
        })
    }
}

/// Says in the handler's log what the error's code can't: which line of the configuration decides.
fn explain(error: &Error, host: &str, env: &HandlerEnv, journal: &Journal) {
    let (why, key) = match error {
        Error::HttpRequestDenied => ("its origin is not granted", "http"),
        Error::DestinationIpProhibited => ("it stands for no public address", "http-private"),
        _ => return,
    };
    let name = &env.name;
    let line = format!(
        "an HTTP request to {host} is denied: {why}; if it is meant, add it to `{key}` of [handlers.{name}.grants]"
    );
    journal.write(Level::WARN, &line, true);
}

/// Scheme, host and port, without a user that may stand before them.
fn host(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or_default();
    let host = url.host().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let answer = Box::into_pin(self.send(request, options.unwrap_or_default()));
        Box::new(async move {
            let worker: Worker = Box::new(std::future::ready(Ok(())));
            Ok((answer.await?, worker))
        })
    }

    /// The grant writes it.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        WRITE_BYTES
    }
}
