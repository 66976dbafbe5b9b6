//! The description of every route, made of the table that serves them.

use axum::{extract::State, http::StatusCode, response::Response};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    App,
    answer::{Wrong, json as answer_json},
    query::{Parameter, Takes},
    routes::{Answer, Kind, ROUTES, Route},
};

pub(crate) async fn serve(State(app): State<App>) -> Response {
    answer_json(StatusCode::OK, &document(app.gate.is_set()))
}

/// OpenAPI 3.1, of a daemon where a token is set, or none.
pub(crate) fn document(guarded: bool) -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for route in ROUTES {
        paths.insert(route.path.to_owned(), path(route, guarded, &mut generator));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pelton",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What a daemon is asked by who operates it.",
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The token of [admin] token-file. Where none is set, what changes something takes the header x-pelton instead.",
                },
            },
        },
    })
}

fn path(route: &Route, guarded: bool, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    responses.insert("200".to_owned(), answered(route.answer, generator));
    let wrong = generator.subschema_for::<Wrong>();
    let refused: &[_] = match route.kind {
        Kind::Open => &[],
        Kind::Looks => &[
            (401, "The token is not shown."),
            (
                403,
                "There is no token, and who asks may be a web page of another site.",
            ),
            UNREADABLE,
        ],
        Kind::Changes => &[
            (401, "The token is not shown."),
            (
                403,
                "There is no token, and who asks is not on this machine, or may be a web page.",
            ),
            UNREADABLE,
        ],
    };
    for (status, when) in route.besides.iter().chain(refused) {
        // A 409 that tells a `problem` holds what a 200 does besides.
        let content = match (route.answer, *status) {
            (Answer::Json(schema), 409) if when.contains("`problem`") => {
                json!({ "application/json": { "schema": schema(generator) } })
            }
            (Answer::Text(kind), _) => json!({ kind: { "schema": { "type": "string" } } }),
            _ => json!({ "application/json": { "schema": wrong } }),
        };
        let response = json!({ "description": when, "content": content });
        responses.entry(status.to_string()).or_insert(response);
    }
    let mut operation = json!({ "summary": route.about, "responses": responses });
    if guarded && route.kind != Kind::Open {
        operation["security"] = json!([{ "token": [] }]);
    }
    let method = if route.kind == Kind::Changes {
        "post"
    } else {
        "get"
    };
    let mut path = json!({ method: operation });
    path["parameters"] = parameters(route);
    path
}

/// What is in the path, and what may stand behind it.
fn parameters(route: &Route) -> Value {
    const IN_PATH: [Parameter; 2] = [
        Parameter {
            name: "handler",
            takes: Takes::Text,
            about: "The handler's name.",
        },
        Parameter {
            name: "letter",
            takes: Takes::Place,
            about: "Where the letter stands: its partition and offset, as in `0@42`.",
        },
    ];
    let described = |one: &Parameter, place: &str| {
        json!({
            "name": one.name,
            "in": place,
            "required": place == "path",
            "description": one.about,
            "schema": one.takes.schema(),
        })
    };
    let named = |one: &&Parameter| route.path.contains(&format!("{{{}}}", one.name));
    let in_path = IN_PATH.iter().filter(named);
    let all = in_path.map(|one| described(one, "path"));
    let query = route.query.iter().map(|one| described(one, "query"));
    all.chain(query).collect()
}

const UNREADABLE: (u16, &str) = (503, "The token's file can't be read.");

fn answered(answer: Answer, generator: &mut SchemaGenerator) -> Value {
    let content = match answer {
        Answer::Text(kind) => json!({ kind: { "schema": { "type": "string" } } }),
        Answer::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Answer::AnyJson => json!({ "application/json": { "schema": {} } }),
    };
    json!({ "description": "As asked.", "content": content })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` in a document.
    fn references<'d>(value: &'d Value, found: &mut Vec<&'d str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn everything_that_is_named_is_described() {
        let document = document(true);
        let mut all = Vec::new();
        references(&document, &mut all);
        assert!(all.len() > 10, "{all:?}");
        for reference in all {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn what_changes_something_is_posted_and_says_whom_it_refuses() {
        let document = document(true);
        for (path, methods) in document["paths"].as_object().unwrap() {
            let changes = methods.get("post");
            assert!(changes.is_some() != methods.get("get").is_some(), "{path}");
            if let Some(operation) = changes {
                for refused in ["401", "403"] {
                    assert!(operation["responses"].get(refused).is_some(), "{path}");
                }
            }
        }
    }
}
