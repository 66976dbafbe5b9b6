//! An HTTP service for handlers that ask one: it takes its time for each answer, and counts how many it is asked for at
//! once.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;

/// The answer to a path: its status and its body.
pub type Answer = fn(&str) -> (u16, String);

/// A service on a port of this machine. It goes on until the test's process ends.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

impl Service {
    /// Starts it.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(takes: Duration, answer: Answer) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let theirs = counts.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = theirs.clone();
                // Whoever leaves amid a request has left.
                thread::spawn(move || serve(stream, takes, answer, &counts).ok());
            }
        });
        Ok(Self { address, counts })
    }

    /// Its origin, as a grant names it.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.counts.all.load(Ordering::SeqCst)
    }

    /// The most requests that were being answered at once.
    pub fn most_at_once(&self) -> usize {
        self.counts.most.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, takes: Duration, answer: Answer, counts: &Counts) -> Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let mut stream = stream;
    // A request has no body here: it ends with an empty line.
    while let Some(line) = lines.next().transpose()? {
        let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
        for line in lines.by_ref() {
            if line?.is_empty() {
                break;
            }
        }
        counts.all.fetch_add(1, Ordering::SeqCst);
        let now = counts.now.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(now, Ordering::SeqCst);
        thread::sleep(takes);
        let (status, body) = answer(&path);
        let length = body.len();
        counts.now.fetch_sub(1, Ordering::SeqCst);
        write!(
            stream,
            "HTTP/1.1 {status} Answer\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
    }
    Ok(())
}
