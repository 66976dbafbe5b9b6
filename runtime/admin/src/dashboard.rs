//! The dashboard: a page at `/`, served from the binary, that asks the same routes as everybody else.
//!
//! Invariant: the page holds nothing of the daemon's, so that it is served without a token. It loads nothing from
//! elsewhere and runs nothing but its own modules: the policy that is sent with it lets a browser do neither, and lets
//! no text become markup.

use axum::{
    Router,
    http::{
        HeaderName,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
            X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::IntoResponse,
    routing::get,
};

/// What a browser may do with the page: load its own files, ask its own daemon, and be framed by nobody.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A file of the page.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// A file by its name in the folder `dashboard`.
macro_rules! file {
    ($kind:expr, $name:literal) => {
        File {
            path: concat!("/dashboard/", $name),
            kind: $kind,
            text: include_str!(concat!("../dashboard/", $name)),
        }
    };
}

const FILES: &[File] = &[
    File {
        path: "/",
        kind: HTML,
        text: include_str!("../dashboard/index.html"),
    },
    file!("image/svg+xml", "icon.svg"),
    file!(CSS, "base.css"),
    file!(CSS, "overview.css"),
    file!(CSS, "hour.css"),
    file!(CSS, "letters.css"),
    file!(CSS, "log.css"),
    file!(CSS, "panels.css"),
    file!(SCRIPT, "ask.js"),
    file!(SCRIPT, "bytes.js"),
    file!(SCRIPT, "chart.js"),
    file!(SCRIPT, "details.js"),
    file!(SCRIPT, "dialog.js"),
    file!(SCRIPT, "dom.js"),
    file!(SCRIPT, "handler.js"),
    file!(SCRIPT, "handlers.js"),
    file!(SCRIPT, "header.js"),
    file!(SCRIPT, "hour.js"),
    file!(SCRIPT, "letter.js"),
    file!(SCRIPT, "letters.js"),
    file!(SCRIPT, "log.js"),
    file!(SCRIPT, "main.js"),
    file!(SCRIPT, "partitions.js"),
    file!(SCRIPT, "redrive.js"),
    file!(SCRIPT, "revisions.js"),
    file!(SCRIPT, "throughput.js"),
    file!(SCRIPT, "token.js"),
    file!(SCRIPT, "words.js"),
];

/// What answers them.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |router, file| {
        router.route(file.path, get(|| async { serve(file) }))
    })
}

fn serve(file: &'static File) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 5] = [
        (CONTENT_TYPE, file.kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // Another version of the daemon has another page, and all of its files go together.
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, file.text)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboard");
        let there: BTreeSet<String> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        let name = |file: &File| match file.path {
            "/" => "index.html".to_owned(),
            path => path.trim_start_matches("/dashboard/").to_owned(),
        };
        let served: BTreeSet<String> = FILES.iter().map(name).collect();
        assert_eq!(served, there);
    }

    /// The browser's policy would refuse these at run time, for whoever happens to come across them.
    #[test]
    fn nothing_becomes_markup_or_script_and_nothing_comes_from_elsewhere() {
        for file in FILES {
            for wrong in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "style=",
                "https://",
                "@import",
            ] {
                assert!(!file.text.contains(wrong), "{}: {wrong}", file.path);
            }
        }
    }
}
