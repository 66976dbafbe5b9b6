//! The proxy before a broker that answers everything at once and says what it got.

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use super::{Api, Fault, Kind, Proxy, Release, Rule, frame::Frame};

const LIMIT: Duration = Duration::from_secs(10);

/// A proxy, and the numbers of the requests that reach the broker, in order.
fn proxied() -> (Proxy, Receiver<i32>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let (arrived, arrivals) = channel();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, arrived) = (client.unwrap(), arrived.clone());
            thread::spawn(move || {
                while let Ok(frame) = Frame::read(&mut client) {
                    let number = frame.request().unwrap().correlation;
                    arrived.send(number).unwrap();
                    let answer = [4_i32.to_be_bytes(), number.to_be_bytes()].concat();
                    client.write_all(&answer).unwrap();
                }
            });
        }
    });
    (proxy, arrivals)
}

fn connect(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(proxy.bootstrap()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client
}

/// Sends a request of this kind and with this number, in the name of a client without one.
fn ask(mut client: &TcpStream, api: i16, number: i32) {
    let mut frame = 10_i32.to_be_bytes().to_vec();
    frame.extend([api.to_be_bytes(), [0, 0]].concat());
    frame.extend(number.to_be_bytes());
    frame.extend((-1_i16).to_be_bytes());
    client.write_all(&frame).unwrap();
}

/// The number of the next answer, `None` when the connection is cut.
fn answer(mut client: &TcpStream) -> Option<i32> {
    let frame = Frame::read(&mut client).ok()?;
    Some(frame.correlation().unwrap())
}

const END: i16 = 26;

#[test]
fn what_is_delayed_holds_up_what_is_behind_it() {
    let (proxy, arrivals) = proxied();
    let delay = Duration::from_millis(50);
    proxy.inject(Rule::new(Api::EndTxn, Fault::Delay(delay)));
    let (client, begun) = (connect(&proxy), Instant::now());
    ask(&client, END, 1);
    ask(&client, 3, 2);
    assert_eq!([answer(&client), answer(&client)], [Some(1), Some(2)]);
    assert!(begun.elapsed() >= delay);
    assert_eq!([arrivals.recv(), arrivals.recv()], [Ok(1), Ok(2)]);
}

#[test]
fn what_is_swallowed_is_missed_and_the_connection_goes_on() {
    let (proxy, arrivals) = proxied();
    proxy.inject(Rule::new(Api::EndTxn, Fault::Swallow));
    let client = connect(&proxy);
    ask(&client, END, 1);
    ask(&client, END, 2);
    assert_eq!(answer(&client), Some(2));
    assert_eq!(arrivals.recv(), Ok(2));
    assert_eq!(
        (proxy.seen(Api::EndTxn), proxy.answered(Api::EndTxn)),
        (2, 1)
    );
    assert_eq!(proxy.injected(Api::EndTxn, Kind::Swallow), 1);
}

#[test]
fn a_connection_is_cut_before_the_request_or_in_place_of_its_answer() {
    let (proxy, arrivals) = proxied();
    for (fault, arrives) in [(Fault::Drop, false), (Fault::CutAfter, true)] {
        proxy.inject(Rule::new(Api::EndTxn, fault));
        let client = connect(&proxy);
        ask(&client, 3, 1);
        assert_eq!(answer(&client), Some(1));
        ask(&client, END, 2);
        assert_eq!(answer(&client), None);
        // Whoever comes next is behind whatever has arrived.
        let next = connect(&proxy);
        ask(&next, END, 3);
        assert_eq!(answer(&next), Some(3));
        let arrived: Vec<i32> = arrivals.try_iter().collect();
        let all: &[i32] = if arrives { &[1, 2, 3] } else { &[1, 3] };
        assert_eq!(arrived, all, "{fault:?}");
    }
}

#[test]
fn what_is_held_strikes_before_its_trigger_goes_on() {
    let (proxy, arrivals) = proxied();
    let (api, count) = (Api::Produce, 2);
    let seen = Fault::Hold(Release::WhenSeen { api, count });
    let answered = Fault::Hold(Release::AfterAnswered { api, count });
    for (fault, order) in [(seen, [2, 1, 3]), (answered, [2, 3, 1])] {
        proxy.inject(Rule::new(Api::EndTxn, fault));
        let client = connect(&proxy);
        ask(&client, END, 1);
        assert_eq!(answer(&client), None);
        let next = connect(&proxy);
        for number in [2, 3] {
            assert_eq!(proxy.holding(), 1);
            ask(&next, 0, number);
            assert_eq!(answer(&next), Some(number));
        }
        let arrived: Vec<i32> = arrivals.try_iter().collect();
        assert_eq!(arrived, order, "{fault:?}");
        assert_eq!(proxy.holding(), 0);
    }
    let late = proxy.late();
    assert!(late.len() == 2 && late.iter().all(|late| late.answered));
}

#[test]
fn a_proxy_ends_with_clients_connected_and_requests_held() {
    let (proxy, arrivals) = proxied();
    proxy.inject(Rule::new(Api::EndTxn, Fault::Hold(Release::OnDemand)).times(2));
    for number in [1, 2] {
        let client = connect(&proxy);
        ask(&client, END, number);
        assert_eq!(answer(&client), None);
        match number {
            1 => assert_eq!(proxy.release_held(), 1),
            _ => assert_eq!(proxy.holding(), 1),
        }
    }
    proxy.wait_for_late(1, LIMIT).unwrap();
    let idle = connect(&proxy);
    ask(&idle, 3, 3);
    assert_eq!(answer(&idle), Some(3));
    let begun = Instant::now();
    drop(proxy);
    assert!(begun.elapsed() < LIMIT / 2);
    assert_eq!(answer(&idle), None);
    let arrived: Vec<i32> = arrivals.try_iter().collect();
    assert_eq!(arrived, [1, 3], "the second was never released");
}
