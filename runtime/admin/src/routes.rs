//! Every route but the dashboard's files, in one table: what is served and what is described are the same.

use axum::{
    Router, middleware,
    routing::{MethodRouter, get, post},
};
use pelton_daemon::{Overview, Pause, Reload, Report};
use pelton_operator::letters::Shown;
use schemars::{Schema, SchemaGenerator};

use crate::{
    App, dashboard,
    gate::{may_change, may_look},
    handlers, history, letters, lines, openapi, probes,
    query::Parameter,
    reload, status,
};

/// What is under a path.
pub(crate) struct Route {
    pub path: &'static str,
    /// In a line, as OpenAPI tells it.
    pub about: &'static str,
    pub kind: Kind,
    /// What may stand behind `?`.
    pub query: &'static [Parameter],
    /// What is answered with 200.
    pub answer: Answer,
    /// What else is answered, and when.
    pub besides: &'static [(u16, &'static str)],
    pub serve: fn() -> MethodRouter<App>,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Everybody.
    Open,
    /// Who shows the token, where there is one.
    Looks,
    /// The same, and else only who is on this machine.
    Changes,
}

/// What an answer holds.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Text(&'static str),
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Any JSON.
    AnyJson,
}

fn of<T: schemars::JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

const UNKNOWN: (u16, &str) = (404, "There is no such handler.");
const LETTERS: &[(u16, &str)] = &[
    (400, "The filter can't be read."),
    (
        404,
        "There is no such handler, topic or letter, or the handler writes none that can be reached from outside.",
    ),
    (503, "The brokers don't answer, or refuse."),
];
const REDRIVES: &[(u16, &str)] = &[
    LETTERS[0],
    LETTERS[1],
    (409, "A redrive that writes is under way."),
    LETTERS[2],
];
const STOPPING: (u16, &str) = (503, "The daemon, or the handler, is being stopped.");

/// All of them.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        path: "/livez",
        about: "Whether the process lives and its loops move. Neither a rebalance nor an outage fails it.",
        kind: Kind::Open,
        query: &[],
        answer: Answer::Text("text/plain"),
        besides: &[(
            503,
            "A loop hangs and the daemon is to be restarted; which one stands in the text, a line for each.",
        )],
        serve: || get(probes::live),
    },
    Route {
        path: "/readyz",
        about: "Whether every handler can work: a member of its group, outputs reachable, nothing stalled.",
        kind: Kind::Open,
        query: &[],
        answer: Answer::Text("text/plain"),
        besides: &[(
            503,
            "It is not; why stands in the text, a line for each reason.",
        )],
        serve: || get(probes::ready),
    },
    Route {
        path: "/metrics",
        about: "What is counted, in the OpenMetrics text format.",
        kind: Kind::Open,
        query: &[],
        answer: Answer::Text(probes::OPENMETRICS),
        besides: &[],
        serve: || get(probes::metrics),
    },
    Route {
        path: "/v1/openapi.json",
        about: "This description.",
        kind: Kind::Open,
        query: &[],
        answer: Answer::AnyJson,
        besides: &[],
        serve: || get(openapi::serve),
    },
    Route {
        path: "/v1/status",
        about: "How every handler and each of its partitions stands.",
        kind: Kind::Looks,
        query: &[],
        answer: Answer::Json(of::<Overview>),
        besides: &[],
        serve: || get(status::status),
    },
    Route {
        path: "/v1/reload",
        about: "Read the configuration anew and look at each component's file, and answer when all that follows is done.",
        kind: Kind::Changes,
        query: &[],
        answer: Answer::Json(of::<Reload>),
        besides: &[
            (
                409,
                "It is refused, as `problem` says; nothing has changed.",
            ),
            STOPPING,
        ],
        serve: || post(reload::reload),
    },
    Route {
        path: "/v1/handlers/{handler}/revisions",
        about: "Which revision of a handler's component runs, and what happened last.",
        kind: Kind::Looks,
        query: &[],
        answer: Answer::Json(of::<Report>),
        besides: &[UNKNOWN, STOPPING],
        serve: || get(handlers::revisions),
    },
    Route {
        path: "/v1/handlers/{handler}/reload",
        about: "Load a handler's component from its file, and answer when it runs or is refused.",
        kind: Kind::Changes,
        query: handlers::RELOAD,
        answer: Answer::Json(of::<Report>),
        besides: &[
            (400, "What stands behind `?` can't be read."),
            (409, "It is refused, as `problem` says."),
            UNKNOWN,
            STOPPING,
        ],
        serve: || post(handlers::reload),
    },
    Route {
        path: "/v1/handlers/{handler}/rollback",
        about: "Bring a handler's revision before back.",
        kind: Kind::Changes,
        query: &[],
        answer: Answer::Json(of::<Report>),
        besides: &[
            (409, "There is none, as `problem` says."),
            UNKNOWN,
            STOPPING,
        ],
        serve: || post(handlers::roll_back),
    },
    Route {
        path: "/v1/handlers/{handler}/pause",
        about: "Pause a handler: what is under way is finished and committed, its partitions stay, nothing more is handled.",
        kind: Kind::Changes,
        query: &[],
        answer: Answer::Json(of::<Pause>),
        besides: &[UNKNOWN],
        serve: || post(handlers::pause),
    },
    Route {
        path: "/v1/handlers/{handler}/resume",
        about: "Let a paused handler go on.",
        kind: Kind::Changes,
        query: &[],
        answer: Answer::Json(of::<Pause>),
        besides: &[UNKNOWN],
        serve: || post(handlers::resume),
    },
    Route {
        path: "/v1/handlers/{handler}/history",
        about: "How much a handler has done, how long that took and how far it lagged over the last hour.",
        kind: Kind::Looks,
        query: &[],
        answer: Answer::Json(of::<history::Hour>),
        besides: &[UNKNOWN],
        serve: || get(history::history),
    },
    Route {
        path: "/v1/handlers/{handler}/log",
        about: "The last lines of the daemon's log that are about a handler, its component's own among them.",
        kind: Kind::Looks,
        query: &[],
        answer: Answer::Json(of::<lines::Told>),
        besides: &[UNKNOWN],
        serve: || get(lines::lines),
    },
    Route {
        path: "/v1/handlers/{handler}/dead-letters",
        about: "The dead letters of a handler that the filter lets through, the oldest of each partition first.",
        kind: Kind::Looks,
        query: letters::FILTER,
        answer: Answer::Json(of::<letters::Page>),
        besides: LETTERS,
        serve: || get(letters::list),
    },
    Route {
        path: "/v1/handlers/{handler}/dead-letters/{letter}",
        about: "One dead letter with all of its message.",
        kind: Kind::Looks,
        query: &[],
        answer: Answer::Json(of::<Shown>),
        besides: LETTERS,
        serve: || get(letters::show),
    },
    Route {
        path: "/v1/handlers/{handler}/redrive",
        about: "Give the dead letters that the filter lets through back to their handler. Without `execute` it only says what would be.",
        kind: Kind::Changes,
        query: letters::REDRIVE,
        answer: Answer::Json(of::<letters::Redriven>),
        besides: REDRIVES,
        serve: || post(letters::redrive),
    },
];

/// What answers them.
pub(crate) fn router(app: App) -> Router {
    let gate = app.gate.clone();
    let of_kind = |kind: Kind| {
        let routes = ROUTES.iter().filter(|route| route.kind == kind);
        routes.fold(Router::new(), |router, route| {
            router.route(route.path, (route.serve)())
        })
    };
    let looks = middleware::from_fn_with_state(gate.clone(), may_look);
    let changes = middleware::from_fn_with_state(gate, may_change);
    of_kind(Kind::Open)
        .merge(dashboard::router())
        .merge(of_kind(Kind::Looks).layer(looks))
        .merge(of_kind(Kind::Changes).layer(changes))
        .with_state(app)
}
