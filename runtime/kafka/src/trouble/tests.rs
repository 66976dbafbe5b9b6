use super::*;

#[test]
fn an_outage_is_told_once_and_so_is_its_end() {
    let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
    assert_eq!(
        troubles.error(Code::BrokerTransportFailure, "Connection refused", now),
        None
    );
    let (class, text) = troubles
        .error(Code::AllBrokersDown, "1/1 brokers are down", now)
        .expect("a report");
    assert_eq!(class, TroubleClass::Unreachable);
    assert!(
        text.contains("broker:9092") && text.contains("Connection refused"),
        "{text}"
    );
    assert_eq!(
        troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now),
        None
    );
    assert!(troubles.is_disconnected());
    assert_eq!(troubles.connected(), [TroubleClass::Unreachable]);
    assert!(troubles.connected().is_empty());
}

#[test]
fn the_reason_of_an_outage_may_follow_it_or_not() {
    let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
    assert_eq!(
        troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now),
        None
    );
    let (_, text) = troubles
        .error(Code::BrokerTransportFailure, "Connection refused", now)
        .expect("a report");
    assert!(text.contains("Connection refused"), "{text}");
    troubles.connected();
    assert_eq!(
        troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now),
        None
    );
    assert!(troubles.unreachable(now).is_none());
    assert!(troubles.unreachable(now + REASON).is_some());
    assert!(troubles.unreachable(now + REASON).is_none());
}

/// What librdkafka says where a broker refuses the client's certificate by TLS 1.3.
const REFUSED: &str = "ssl://broker:9092/bootstrap: Receive failed: error:0A000415:SSL routines::ssl/tls alert \
                       certificate expired: SSL alert number 45 (after 2ms in state APIVERSION_QUERY)";

#[test]
fn a_certificate_that_is_refused_behind_the_handshake_is_no_outage() {
    let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
    let lost = Code::BrokerTransportFailure;
    let (class, text) = troubles.error(lost, REFUSED, now).expect("a report");
    assert_eq!(class, TroubleClass::Tls);
    assert!(text.contains("ssl.certificate.pem"), "{text}");
    let down = troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now);
    assert!(down.is_none() && troubles.unreachable(now + REASON).is_none());
    assert_eq!(troubles.error(lost, REFUSED, now), None, "it is told once");
    assert_eq!(troubles.connected(), [TroubleClass::Tls]);
}

#[test]
fn a_broker_that_is_back_and_refuses_is_not_called_unreachable_any_more() {
    let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
    let lost = Code::BrokerTransportFailure;
    troubles.error(lost, "Connect failed: Connection refused", now);
    let down = troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now);
    assert!(down.is_some_and(|(class, _)| class == TroubleClass::Unreachable));
    assert!(troubles.calm(now).is_empty());
    assert!(troubles.error(lost, REFUSED, now).is_some());
    assert_eq!(troubles.calm(now), [TroubleClass::Unreachable]);
    assert!(troubles.calm(now).is_empty());
}

#[test]
fn a_connection_with_tls_that_just_ends_is_an_outage() {
    let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
    let ended = "ssl://broker:9092/1: Disconnected: SSL connection closed by peer";
    assert_eq!(
        troubles.error(Code::BrokerTransportFailure, ended, now),
        None
    );
    let down = troubles.error(Code::AllBrokersDown, "1/1 brokers are down", now);
    assert!(down.is_some_and(|(class, _)| class == TroubleClass::Unreachable));
}

#[test]
fn a_single_lost_connection_is_no_trouble() {
    let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
    assert_eq!(
        troubles.error(Code::BrokerTransportFailure, "Disconnected", now),
        None
    );
    assert!(troubles.unreachable(now + REASON).is_none() && !troubles.is_disconnected());
}

#[test]
fn a_log_that_could_not_be_read_is_well_again_when_nobody_speaks_of_it() {
    let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
    let said = troubles.error(Code::InvalidMessage, "CORRUPT_MESSAGE", now);
    assert!(said.is_some_and(|(class, _)| class == TroubleClass::Corrupt));
    assert!(troubles.calm(now).is_empty());
    let again = now + CALM / 2;
    assert_eq!(
        troubles.error(Code::InvalidMessage, "CORRUPT_MESSAGE", again),
        None
    );
    assert!(troubles.calm(now + CALM).is_empty());
    assert_eq!(troubles.calm(again + CALM), [TroubleClass::Corrupt]);
    assert!(troubles.calm(again + CALM).is_empty());
}

#[test]
fn wrong_credentials_are_named() {
    let (mut troubles, now) = (Troubles::new("broker:9092"), Instant::now());
    let said = "SASL authentication error (after 3ms in state AUTH_REQ)";
    let (class, text) = troubles
        .error(Code::Authentication, said, now)
        .expect("a report");
    assert_eq!(class, TroubleClass::Authentication);
    assert!(
        text.contains("credentials") && !text.contains("3ms"),
        "{text}"
    );
    assert!(text.contains("sasl.password"), "{text}");
}
