//! What `pelton status` says, in lines.

use std::time::{Duration, UNIX_EPOCH};

use pelton_daemon::{
    HandlerOverview, LastError, OldestOverview, Overview, PartitionOverview, RefusedReport, State,
    Transition,
};

use crate::{
    style::{Look, Paint, plain, span},
    table::{self, Column},
};

/// Partitions that are shown of each handler where not all are asked for.
const MOST: usize = 20;

const COLUMNS: [Column; 6] = [
    Column::text("PARTITION", 0),
    Column::number("LAG", 0),
    Column::number("IN FLIGHT", 1),
    Column::number("POSITION", 3),
    Column::number("COMMITTED", 2),
    Column::text("OLDEST UNFINISHED", 0),
];

pub(super) fn lines(overview: &Overview, look: Look, all: bool) -> Vec<String> {
    let up = span(overview.now.saturating_sub(overview.started));
    let mut lines = look.wrap(
        0,
        &format!(
            "pelton {}, up for {up}, {}: {}",
            overview.version,
            overview.config,
            summary(&overview.handlers)
        ),
    );
    for trouble in &overview.troubles {
        lines.extend(look.wrap(2, &plain(trouble.lines().next().unwrap_or_default())));
    }
    for handler in &overview.handlers {
        lines.push(String::new());
        lines.extend(of_handler(handler, overview.now, look, all));
    }
    lines
}

/// How many stand how.
fn summary(handlers: &[HandlerOverview]) -> String {
    if handlers.is_empty() {
        return "no handlers".to_owned();
    }
    let all = [
        State::Failed,
        State::Troubled,
        State::Waiting,
        State::Paused,
        State::Running,
    ];
    let counts = all.map(|state| {
        let count = handlers.iter().filter(|one| one.state == state).count();
        (count > 0).then(|| format!("{count} {}", word(state)))
    });
    let counts: Vec<_> = counts.into_iter().flatten().collect();
    let noun = if handlers.len() == 1 {
        "handler"
    } else {
        "handlers"
    };
    format!("{} {noun}, {}", handlers.len(), counts.join(", "))
}

fn word(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::Running => "running",
        State::Paused => "paused",
        State::Troubled => "troubled",
        State::Failed => "failed",
    }
}

fn of_handler(handler: &HandlerOverview, now: u64, look: Look, all: bool) -> Vec<String> {
    let paint = match handler.state {
        State::Running => Paint::Good,
        State::Waiting | State::Paused | State::Troubled => Paint::Attention,
        State::Failed => Paint::Bad,
    };
    let name = look.paint(Paint::Strong, &handler.handler);
    let mut lines = vec![format!(
        "{name}  {}",
        look.paint(paint, word(handler.state))
    )];
    if handler.paused {
        let resume = format!("paused; `pelton resume {}` lets it go on", handler.handler);
        lines.extend(look.wrap(2, &resume));
    }
    for reason in &handler.reasons {
        lines.extend(look.wrap(2, &plain(reason)));
    }
    if let Some(behind) = &handler.behind {
        lines.extend(look.wrap(2, behind));
    }
    lines.extend(look.wrap(2, &revision(handler, now)));
    if let Some(RefusedReport { component, why }) = &handler.refused {
        let why = plain(why.lines().next().unwrap_or_default());
        let refused = format!("refused: component {component:.12}: {why}");
        lines.extend(look.wrap(2, &refused));
    }
    if let Some(transition) = &handler.last_transition {
        lines.extend(look.wrap(2, &last_transition(transition, now)));
    }
    let topics = handler.topics.join(", ");
    lines.extend(look.wrap(
        2,
        &format!("group {}, subscribed to {topics}", handler.group),
    ));
    lines.extend(look.wrap(2, &figures(handler)));
    if let Some(error) = &handler.last_error {
        lines.extend(look.wrap(2, &last_error(error, now)));
    }
    lines.extend(partitions(handler, now, look, all));
    lines
}

fn revision(handler: &HandlerOverview, now: u64) -> String {
    let Some(revision) = &handler.revision else {
        return "no revision runs".to_owned();
    };
    let since = span(now.saturating_sub(revision.since));
    let probation = if revision.probation {
        ", on probation"
    } else {
        ""
    };
    format!(
        "revision {} (component {:.12}) for {since}{probation}",
        revision.revision, revision.component
    )
}

fn last_transition(transition: &Transition, now: u64) -> String {
    let ago = span(now.saturating_sub(transition.at));
    let what = plain(transition.what.lines().next().unwrap_or_default());
    format!("{ago} ago: {what}")
}

fn figures(handler: &HandlerOverview) -> String {
    let counts = &handler.counts;
    let mut all = vec![format!("handled {}", counts.handled)];
    if !handler.partitions.is_empty() {
        // Without partitions neither is known.
        let (lag, in_flight) = (handler.lag, handler.in_flight);
        all.insert(0, format!("lag {lag}, in flight {in_flight}"));
    }
    for (count, what) in [
        (counts.retried, "retried"),
        (counts.dead_lettered, "dead-lettered"),
        (counts.skipped, "skipped"),
    ] {
        if count > 0 {
            all.push(format!("{what} {count}"));
        }
    }
    all.join(", ")
}

fn last_error(error: &LastError, now: u64) -> String {
    let ago = span(now.saturating_sub(error.at));
    let at = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_millis(error.at));
    let text = plain(error.text.lines().next().unwrap_or_default());
    let LastError {
        topic,
        partition,
        offset,
        attempt,
        kind,
        then,
        ..
    } = error;
    format!(
        "last error {ago} ago ({at}): {topic}/{partition} offset {offset}, attempt {attempt}, {kind}, {then}: {text}"
    )
}

fn partitions(handler: &HandlerOverview, now: u64, look: Look, all: bool) -> Vec<String> {
    let own = &handler.partitions;
    if own.is_empty() {
        let idle =
            "no partitions: the other members of the group have them all; this one stands by";
        return match handler.state {
            State::Running | State::Paused => look.wrap(2, idle),
            State::Waiting | State::Troubled | State::Failed => Vec::new(),
        };
    }
    let shown = shown(own, all);
    let rows: Vec<_> = shown.iter().map(|one| row(one, now)).collect();
    let mut lines = table::lines(look, 2, &COLUMNS, &rows);
    if shown.len() < own.len() {
        let rest = own.len() - shown.len();
        lines.extend(look.wrap(
            2,
            &format!("… and {rest} more with less lag; --all shows them"),
        ));
    }
    lines
}

/// Those that somebody would look for first, where there are many.
fn shown(partitions: &[PartitionOverview], all: bool) -> Vec<&PartitionOverview> {
    let mut shown: Vec<_> = partitions.iter().collect();
    if !all && shown.len() > MOST {
        shown.sort_by_key(|one| (one.stalled.is_none(), std::cmp::Reverse(one.lag)));
        shown.truncate(MOST);
    }
    shown
}

fn row(partition: &PartitionOverview, now: u64) -> Vec<String> {
    let PartitionOverview {
        topic,
        partition: number,
        position,
        committed,
        lag,
        in_flight,
        oldest,
        ..
    } = partition;
    vec![
        format!("{topic}/{number}"),
        lag.map_or_else(|| "?".to_owned(), |lag| lag.to_string()),
        in_flight.to_string(),
        position.to_string(),
        committed.to_string(),
        oldest
            .as_ref()
            .map_or_else(|| "-".to_owned(), |oldest| waits(oldest, now)),
    ]
}

/// Where a message stands and for how long.
fn waits(oldest: &OldestOverview, now: u64) -> String {
    let OldestOverview {
        offset,
        stage,
        attempt,
        since,
        due,
    } = oldest;
    let lasted = span(now.saturating_sub(*since));
    match due {
        Some(due) if *due > now => {
            let left = span(due.saturating_sub(now));
            format!("{offset} retrying for {lasted}, attempt {attempt} in {left}")
        }
        // It waits for an instance, or for the end of a pause.
        Some(_) => format!("{offset} retrying for {lasted}, attempt {attempt} is due"),
        None => format!("{offset} {stage} for {lasted}, attempt {attempt}"),
    }
}

#[cfg(test)]
mod tests;
