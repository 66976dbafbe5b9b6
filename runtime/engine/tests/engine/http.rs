//! HTTP by grant: what goes out goes where it was granted, and whoever answers can do no harm.

mod guest;
mod service;
mod tls;

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use pelton_engine::{
    Addresses, Answers, Call, Canned, CannedAnswer, Curtail, Engine, Names, Network,
};
use tokio::sync::Notify;

use self::{
    guest::{Ask, granted, handled, outcome},
    service::{Answer, Service, whole},
};
use crate::support::{self, engine, messages};

/// Names as a test has them; each look-up is counted.
#[derive(Default)]
struct Known {
    names: HashMap<&'static str, Vec<IpAddr>>,
    asked: AtomicUsize,
}

impl Known {
    fn new(names: &[(&'static str, &[&str])]) -> Arc<Self> {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        Arc::new(Self {
            names: names.iter().map(|(name, to)| (*name, parse(to))).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Names for Known {
    fn resolve<'a>(&'a self, name: &'a str) -> Addresses<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let found = self.names.get(name).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

fn on(names: &Arc<Known>) -> Engine {
    let network = Network::with(names.clone(), vec![tls::AUTHORITY.to_vec()]);
    Engine::on_network(&support::settings(4), network).unwrap()
}

#[tokio::test]
async fn a_request_to_a_granted_origin_is_answered() {
    let service = Service::start(whole("200 OK", "", "hello")).await;
    let mut ask = Ask::get(&service.url("/a/b?c=d"));
    ask.headers = vec![("x-id", "7".to_owned())];
    let env = granted(&[&service.origin()]);
    assert_eq!(outcome(&engine(1), &env, &ask).await, "200 5");
    let expected = format!(
        "GET /a/b?c=d HTTP/1.1\r\nx-id: 7\r\nhost: {}\r\n\r\n",
        service.address
    );
    assert_eq!(service.request(), expected);
}

#[tokio::test]
async fn what_is_no_granted_origin_is_denied_and_nobody_is_asked() {
    let service = Service::start(whole("200 OK", "", "")).await;
    let port = service.address.port();
    let names = Known::new(&[("api.example.com", &["127.0.0.1"])]);
    let engine = on(&names);
    let env = granted(&[&format!("private https://api.example.com:{port}")]);
    for (authority, https, expected) in [
        (format!("api.example.com:{port}"), false, "denied"),
        ("api.example.com".to_owned(), true, "denied"),
        (format!("api.example.com@127.0.0.1:{port}"), true, "denied"),
        (
            format!("evil.example@api.example.com:{port}"),
            true,
            "denied",
        ),
        (format!("api.example.com.:{port}"), true, "denied"),
        (
            format!("api.example.com.evil.example:{port}"),
            true,
            "denied",
        ),
        (format!("127.0.0.1:{port}"), true, "denied"),
        (format!("2130706433:{port}"), true, "denied"),
        (format!("[::1]:{port}"), true, "denied"),
        (format!("[::ffff:127.0.0.1]:{port}"), true, "denied"),
        (format!("xn--api-example.com:{port}"), true, "denied"),
        (format!("api.example.com:{port}/x"), true, "url refused"),
        (
            format!("api.example.com:{port}\r\nx: y"),
            true,
            "url refused",
        ),
        (String::new(), true, "url refused"),
    ] {
        let mut ask = Ask::get("https://replaced/");
        (ask.authority, ask.https) = (authority.clone(), https);
        assert_eq!(
            outcome(&engine, &env, &ask).await,
            expected,
            "{authority:?}"
        );
    }
    let mut ask = Ask::get(&format!("https://api.example.com:{port}/"));
    ask.method = "CONNECT";
    assert_eq!(outcome(&engine, &env, &ask).await, "no such method");
    assert_eq!(names.asked.load(Ordering::SeqCst), 0);
    assert_eq!(service.seen.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_path_or_header_can_not_make_another_request() {
    let service = Service::start(whole("200 OK", "", "")).await;
    let env = granted(&[&service.origin()]);
    let engine = engine(1);
    for path in [
        "http://evil.example/",
        "*",
        "x",
        "/a\r\nhost: evil",
        "/ HTTP/1.1\r\n\r\n",
    ] {
        let mut ask = Ask::get(&service.url("/"));
        ask.path = path.to_owned();
        assert_eq!(
            outcome(&engine, &env, &ask).await,
            "url refused",
            "{path:?}"
        );
    }
    for (name, value) in [
        ("host", "evil.example"),
        ("Host", "evil.example"),
        ("connection", "upgrade"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("keep-alive", "1"),
        ("proxy-authorization", "x"),
        ("x", "a\r\nhost: evil.example"),
        ("content-length", "+5"),
        ("a b", "c"),
    ] {
        let mut ask = Ask::get(&service.url("/"));
        ask.headers = vec![(name, value.to_owned())];
        assert_eq!(
            outcome(&engine, &env, &ask).await,
            "header refused",
            "{name}"
        );
    }
    assert_eq!(service.seen.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_name_is_judged_by_what_it_stands_for() {
    let service = Service::start(whole("200 OK", "", "")).await;
    let port = service.address.port();
    let names = Known::new(&[
        ("loopback.example", &["127.0.0.1"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
        ("metadata.example", &["169.254.169.254"]),
        ("link.example", &["fe80::1"]),
        ("both.example", &["169.254.169.254", "10.0.0.1"]),
        ("localhost", &["10.0.0.1"]),
    ]);
    let engine = on(&names);
    let public = |name: &str| format!("http://{name}:{port}");
    for name in [
        "loopback.example",
        "mapped.example",
        "metadata.example",
        "link.example",
        "both.example",
        // Who answers for names must not make another machine of this one.
        "localhost",
    ] {
        let ask = Ask::get(&public(name));
        let env = granted(&[&public(name)]);
        assert_eq!(outcome(&engine, &env, &ask).await, "prohibited", "{name}");
    }
    for name in ["metadata.example", "link.example"] {
        let ask = Ask::get(&public(name));
        let env = granted(&[&format!("private {}", public(name))]);
        assert_eq!(outcome(&engine, &env, &ask).await, "prohibited", "{name}");
    }
    let ask = Ask::get(&public("nobody.example"));
    let env = granted(&[&public("nobody.example")]);
    assert_eq!(outcome(&engine, &env, &ask).await, "unresolved");
    assert_eq!(service.seen.connections.load(Ordering::SeqCst), 0);
    let ask = Ask::get(&public("loopback.example"));
    let env = granted(&[&format!("private {}", public("loopback.example"))]);
    assert_eq!(outcome(&engine, &env, &ask).await, "200 0");
}

/// Answers with one address at first, and with another from then on.
struct Rebinding(AtomicUsize);

impl Names for Rebinding {
    fn resolve<'a>(&'a self, _: &'a str) -> Addresses<'a> {
        let first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        let address = if first { "127.0.0.2" } else { "127.0.0.1" };
        Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
    }
}

#[tokio::test]
async fn a_connection_goes_to_the_address_that_was_judged() {
    // The service is at 127.0.0.1, and the first look-up says 127.0.0.2: whoever looked again would reach it.
    let service = Service::start(whole("200 OK", "", "")).await;
    let names = Arc::new(Rebinding(AtomicUsize::new(0)));
    let network = Network::with(names.clone(), Vec::new());
    let engine = Engine::on_network(&support::settings(1), network).unwrap();
    let origin = format!("http://rebinding.example:{}", service.address.port());
    let env = granted(&[&format!("private {origin}")]);
    assert_eq!(outcome(&engine, &env, &Ask::get(&origin)).await, "refused");
    assert_eq!(names.0.load(Ordering::SeqCst), 1);
    assert_eq!(service.seen.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn localhost_and_addresses_are_taken_as_they_are_written() {
    let service = Service::start(whole("204 No Content", "", "")).await;
    let port = service.address.port();
    let engine = engine(1);
    for origin in [format!("http://localhost:{port}"), service.origin()] {
        let ask = Ask::get(&format!("{origin}/"));
        assert_eq!(outcome(&engine, &granted(&[&origin]), &ask).await, "204 0");
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let inner = Service::start(whole("200 OK", "", "secret")).await;
    let location = format!("location: {}\r\n", inner.url("/"));
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
    ] {
        let outer = Service::start(whole(status, &location, "")).await;
        let env = granted(&[&outer.origin(), &inner.origin()]);
        let told = outcome(&engine(1), &env, &Ask::get(&outer.url("/"))).await;
        assert_eq!(told, format!("{} 0", &status[..3]));
    }
    assert_eq!(inner.seen.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_answer_is_no_longer_than_it_may_be() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096)).into_bytes();
    let headers = format!("x-long: {}\r\n", "y".repeat(1000)).into_bytes();
    let many: String = (0..200).map(|at| format!("x-{at}: y\r\n")).collect();
    let told = b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n".to_vec();
    let limit = 64 << 10;
    let torn_after = |outcome: &str| -> usize {
        let length = outcome
            .strip_prefix("torn after ")
            .unwrap_or_else(|| panic!("{outcome}"));
        length.parse().unwrap()
    };
    for (answer, expected) in [
        (
            Answer::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), headers),
            "head too long",
        ),
        (whole("200 OK", &many, ""), "head too long"),
        (Answer::Stuck(told), "answer too long"),
        (whole("200 OK", "", &"z".repeat(limit)), "200 65536"),
        (
            whole("200 OK", "", &"z".repeat(limit + 1)),
            "answer too long",
        ),
        (Answer::Bytes(b"SMTP ready\r\n\r\n".to_vec()), "broken"),
        (Answer::Endless(head, chunk), "torn"),
    ] {
        let service = Service::start(answer).await;
        let env = granted(&[&service.origin()]);
        let told = outcome(&engine(1), &env, &Ask::get(&service.url("/"))).await;
        match expected {
            "torn" => assert!(torn_after(&told) <= limit, "{told}"),
            _ => assert_eq!(told, expected),
        }
    }
}

#[tokio::test]
async fn a_request_is_no_longer_than_it_may_be() {
    let service = Service::start(Answer::Stuck(Vec::new())).await;
    let env = granted(&[&service.origin()]);
    let mut ask = Ask::get(&service.url("/"));
    (ask.method, ask.upload) = ("POST", 17);
    assert_eq!(outcome(&engine(1), &env, &ask).await, "request too long");
}

#[tokio::test]
async fn whoever_answers_slowly_costs_the_message_and_nothing_else() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-le".to_vec();
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhal".to_vec();
    for (answer, own) in [
        (Answer::Stuck(Vec::new()), "timed out"),
        (Answer::Stuck(half), "timed out"),
        (Answer::Stuck(head), "torn after 3"),
    ] {
        let service = Service::start(answer).await;
        let engine = engine(1);
        let mut env = granted(&[&service.origin()]);
        let mut ask = Ask::get(&service.url("/"));
        // The guest's own time-out is an error for it to handle,
        ask.timeout = Duration::from_millis(20);
        assert_eq!(outcome(&engine, &env, &ask).await, own);
        service.seen.left.notified().await;
        // and the message's own limit ends the guest.
        ask.timeout = Duration::ZERO;
        env.limits.time_per_message = Duration::from_millis(100);
        assert_eq!(outcome(&engine, &env, &ask).await, "time-limit");
        // Nothing is left of either: the other end sees its connection go.
        service.seen.left.notified().await;
    }
}

#[tokio::test]
async fn a_request_is_over_with_its_message() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    let service = Service::start(Answer::ButHead(Arc::default(), answer)).await;
    let mut ask = Ask::get(&service.url("/"));
    ask.unawaited = true;
    let env = granted(&[&service.origin()]);
    let engine = engine(1);
    let revision = engine.load(&ask.component(), &env).unwrap();
    assert_eq!(handled(&revision).await, "200 0");
    // The guest has returned, and its other request was under way.
    service.seen.left.notified().await;
}

#[tokio::test]
async fn an_answer_that_is_kept_unread_keeps_no_place() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n".to_vec();
    let service = Service::start(Answer::Stuck(head)).await;
    let engine = engine(1);
    let mut env = granted(&[&service.origin()]);
    env.limits.http_requests = 1;
    let mut ask = Ask::get(&service.url("/"));
    ask.unread = true;
    let revision = engine.load(&ask.component(), &env).unwrap();
    for _ in 0..3 {
        assert_eq!(handled(&revision).await, "200 0");
        service.seen.left.notified().await;
    }
}

#[tokio::test]
async fn more_requests_than_allowed_wait() {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    let service = Service::start(Answer::Slowly(answer)).await;
    let mut env = granted(&[&service.origin()]);
    env.limits.http_requests = 3;
    let mut ask = Ask::get(&service.url("/"));
    ask.times = 50;
    assert_eq!(outcome(&engine(1), &env, &ask).await, "200 0");
    let most = service.seen.most.load(Ordering::SeqCst);
    assert!((1..=3).contains(&most), "{most} at once");
}

#[tokio::test]
async fn connections_are_kept_for_further_requests() {
    let service = Service::start(whole("200 OK", "", "hello")).await;
    let engine = engine(1);
    let env = granted(&[&service.origin()]);
    let revision = engine
        .load(&Ask::get(&service.url("/")).component(), &env)
        .unwrap();
    for _ in 0..5 {
        assert_eq!(handled(&revision).await, "200 5");
        tokio::task::yield_now().await;
    }
    assert_eq!(service.seen.requests.lock().unwrap().len(), 5);
    assert!(service.seen.connections.load(Ordering::SeqCst) < 5);
}

#[tokio::test]
async fn waiting_for_an_answer_counts_as_waiting() {
    let told = Arc::new(Notify::new());
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    let service = Service::start(Answer::When(told.clone(), answer)).await;
    let engine = engine(1);
    let env = granted(&[&service.origin()]);
    let revision = engine
        .load(&Ask::get(&service.url("/")).component(), &env)
        .unwrap();
    let message = &messages(&["ask"])[0];
    let (attempts, curtail) = ([(message, 1)], Curtail::new());
    let call = revision.call(Call {
        messages: &attempts,
        fresh: false,
        curtail: &curtail,
    });
    let wait = Duration::from_millis(50);
    let answering = async {
        service.seen.came.notified().await;
        tokio::time::sleep(wait).await;
        told.notify_one();
    };
    let (answer, ()) = tokio::join!(call, answering);
    assert!(answer.waited >= wait, "{:?}", answer.waited);
}

#[tokio::test]
async fn canned_answers_stand_for_the_network() {
    let service = Service::start(whole("200 OK", "", "real")).await;
    let engine = Engine::frozen(&support::settings(1)).unwrap();
    let env = granted(&[&service.origin()]);
    let url = service.url("/users/1");
    let canned = |url: &str, status, body: &'static str| {
        let answer = CannedAnswer::Whole {
            status,
            headers: Vec::new(),
            body: body.into(),
        };
        Canned::new("GET", url, None, answer).unwrap()
    };
    let revision = engine.load(&Ask::get(&url).component(), &env).unwrap();
    let message = &messages(&["ask"])[0];
    let (attempts, curtail) = ([(message, 1)], Curtail::new());
    let call = Call {
        messages: &attempts,
        fresh: false,
        curtail: &curtail,
    };
    let answers = Arc::new(Answers::new(vec![
        canned(&url, 503, ""),
        canned(&url, 200, "canned"),
        canned(&service.url("/other"), 200, ""),
    ]));
    for expected in ["503 0", "200 6", "200 6"] {
        let answer = revision.call_answered(call, &answers).await;
        assert_eq!(
            guest::read(answer.outcomes[0].outputs[0].value.as_ref().unwrap()),
            expected
        );
    }
    assert_eq!(answers.missed(), Vec::<String>::new());
    assert_eq!(
        answers.unasked(),
        [format!("GET {}", service.url("/other"))]
    );
    let none = Arc::new(Answers::default());
    let answer = revision.call_answered(call, &none).await;
    assert_eq!(
        guest::read(answer.outcomes[0].outputs[0].value.as_ref().unwrap()),
        "error 38"
    );
    assert_eq!(none.missed(), [format!("GET {url}")]);
    // Without any, a frozen engine denies.
    assert_eq!(handled(&revision).await, "denied");
    assert_eq!(service.seen.connections.load(Ordering::SeqCst), 0);
}
