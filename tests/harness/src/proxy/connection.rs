//! One client's connection, and the one to the broker that it stands for.
//!
//! Requests and answers are pumped by a thread each. Invariants: what goes on to the broker keeps the order in
//! which the client sent it; once the client is cut off nothing more goes to it, while the connection to the
//! broker lives until all that was sent there is answered.

use std::{
    collections::BTreeMap,
    io::{self, BufReader},
    net::{Shutdown, TcpStream},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

use super::{
    frame::{Frame, Request},
    held::HeldId,
    ledger::{Decision, Ledger},
    rule::Fault,
};

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Deliver,
    Cut,
    Late(HeldId),
}

#[derive(Debug, Default)]
struct State {
    /// What the broker hasn't answered yet, by its number.
    pending: BTreeMap<i32, (Request, Fate)>,
    /// Whether the client is cut off.
    cut: bool,
    held: Option<HeldId>,
    /// Whether the broker has ended the connection.
    ended: bool,
}

struct Connection<'a> {
    ledger: &'a Ledger,
    client: &'a TcpStream,
    upstream: &'a TcpStream,
    state: Mutex<State>,
}

/// Serves a client until either side ends its connection.
pub(super) fn serve(ledger: &Ledger, client: &TcpStream, upstream: &TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let sides = [client.try_clone()?, upstream.try_clone()?];
    let Some(id) = ledger.register(sides) else {
        return Ok(());
    };
    let connection = Connection {
        ledger,
        client,
        upstream,
        state: Mutex::default(),
    };
    thread::scope(|scope| {
        scope.spawn(|| connection.answers());
        connection.requests();
    });
    ledger.unregister(id);
    Ok(())
}

impl Connection<'_> {
    /// Pumps requests. The broker sees the end of the stream only behind all that was sent to it.
    fn requests(&self) {
        // Why it ends doesn't matter: the client learns it from its connection.
        let _ = self.pump_requests();
        self.cut();
        let _ = self.upstream.shutdown(Shutdown::Write);
    }

    fn pump_requests(&self) -> io::Result<()> {
        let mut from = BufReader::new(self.client);
        loop {
            let frame = Frame::read(&mut from)?;
            let request = frame.request()?;
            let (decision, struck) = self.ledger.decide(&request);
            self.ledger.until_over(&struck);
            match decision {
                Decision::Forward => self.forward(&frame, request, Fate::Deliver)?,
                Decision::Fault(Fault::Delay(time)) => {
                    self.ledger.pause(time);
                    self.forward(&frame, request, Fate::Deliver)?;
                }
                Decision::Fault(Fault::Drop | Fault::Hold(_)) => return Ok(()),
                Decision::Fault(Fault::Swallow) => {}
                Decision::Fault(Fault::CutAfter) => self.forward(&frame, request, Fate::Cut)?,
                Decision::Hold(id) => return self.hold(&frame, request, id),
            }
        }
    }

    fn forward(&self, frame: &Frame, request: Request, fate: Fate) -> io::Result<()> {
        // Before it is written: the answer may be there at once.
        let number = request.correlation;
        self.state().pending.insert(number, (request, fate));
        frame.write(&mut &*self.upstream)
    }

    /// Keeps a request and the connection to the broker, until it is released and answered.
    fn hold(&self, frame: &Frame, request: Request, id: HeldId) -> io::Result<()> {
        let ended = {
            let mut state = self.state();
            state.held = Some(id);
            state.ended
        };
        self.cut();
        if ended {
            self.ledger.over(id, false, None);
        }
        if self.ledger.until_due(id) {
            self.forward(frame, request, Fate::Late(id))?;
            self.ledger.until_over(&[id]);
        }
        Ok(())
    }

    /// Pumps answers until the broker ends the connection.
    fn answers(&self) {
        let _ = self.pump_answers();
        let held = {
            let mut state = self.state();
            state.ended = true;
            state.held
        };
        self.cut();
        if let Some(id) = held {
            self.ledger.over(id, false, None);
        }
    }

    fn pump_answers(&self) -> io::Result<()> {
        let mut from = BufReader::new(self.upstream);
        loop {
            let frame = Frame::read(&mut from)?;
            let pending = self.state().pending.remove(&frame.correlation()?);
            let Some((request, fate)) = pending else {
                return Err(io::Error::other("an answer that nobody asked for"));
            };
            let struck = self.ledger.answered(&request);
            match fate {
                Fate::Late(id) => self.ledger.over(id, true, frame.error(&request)),
                Fate::Cut => self.cut(),
                Fate::Deliver => self.deliver(&frame, &struck),
            }
        }
    }

    /// Gives an answer to the client, after what it released has struck. An answer to one that is cut off
    /// doesn't wait: what it would wait for may be behind it on this very connection.
    fn deliver(&self, frame: &Frame, struck: &[HeldId]) {
        if self.state().cut {
            return;
        }
        self.ledger.until_over(struck);
        if frame.write(&mut &*self.client).is_err() {
            self.cut();
        }
    }

    /// Cuts the client off.
    fn cut(&self) {
        self.state().cut = true;
        let _ = self.client.shutdown(Shutdown::Both);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
