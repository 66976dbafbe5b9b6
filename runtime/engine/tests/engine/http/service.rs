//! A server on this machine that answers as it is told, well or badly, and remembers what it was asked.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinSet,
};

/// What it does with each request.
#[derive(Clone)]
pub enum Answer {
    /// Writes this.
    Bytes(Vec<u8>),
    /// Writes the first, then the second again and again until the other end has gone.
    Endless(Vec<u8>, Vec<u8>),
    /// Writes the first, and then nothing more, with the connection open.
    Stuck(Vec<u8>),
    /// Takes a moment, in which other requests may come, and writes this.
    Slowly(Vec<u8>),
    /// Writes this once it is let go.
    When(Arc<Notify>, Vec<u8>),
    /// Leaves a HEAD unanswered, and writes this to another request once a HEAD has come.
    ButHead(Arc<Notify>, Vec<u8>),
}

pub struct Service {
    pub address: SocketAddr,
    pub seen: Arc<Seen>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
pub struct Seen {
    /// The head of each request.
    pub requests: Mutex<Vec<String>>,
    pub connections: AtomicUsize,
    /// Requests that are being answered now, and the most there were.
    pub now: AtomicUsize,
    pub most: AtomicUsize,
    /// A connection was closed by the other end while it was being answered.
    pub left: Notify,
    /// A request has come.
    pub came: Notify,
}

pub fn whole(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Bytes(
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
            .into_bytes(),
    )
}

impl Service {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let theirs = seen.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                theirs.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(serve(stream, answer.clone(), theirs.clone()));
            }
        });
        Self {
            address,
            seen,
            _tasks: tasks,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The head of the only request.
    pub fn request(&self) -> String {
        let requests = self.seen.requests.lock().unwrap();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, seen: Arc<Seen>) {
    while let Some(head) = head(&mut stream).await {
        let is_head = head.starts_with("HEAD ");
        seen.requests.lock().unwrap().push(head);
        let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
        seen.most.fetch_max(now, Ordering::SeqCst);
        seen.came.notify_one();
        let went_well = respond(&mut stream, &answer, is_head).await;
        seen.now.fetch_sub(1, Ordering::SeqCst);
        if !went_well {
            seen.left.notify_one();
            return;
        }
    }
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(String::from_utf8(head).unwrap())
}

async fn respond(stream: &mut TcpStream, answer: &Answer, is_head: bool) -> bool {
    match answer {
        Answer::Bytes(bytes) => stream.write_all(bytes).await.is_ok(),
        Answer::Endless(first, again) => {
            let mut fine = stream.write_all(first).await.is_ok();
            while fine {
                fine = stream.write_all(again).await.is_ok();
            }
            false
        }
        Answer::Stuck(first) => {
            stream.write_all(first).await.unwrap();
            // It ends when the other end has gone, or sends something out of turn.
            stream.read_u8().await.is_ok()
        }
        Answer::Slowly(bytes) => {
            tokio::time::sleep(Duration::from_millis(2)).await;
            stream.write_all(bytes).await.is_ok()
        }
        Answer::When(told, bytes) => {
            let mut byte = [0];
            tokio::select! {
                () = told.notified() => stream.write_all(bytes).await.is_ok(),
                _ = stream.peek(&mut byte) => false,
            }
        }
        Answer::ButHead(came, _) if is_head => {
            came.notify_one();
            stream.read_u8().await.is_ok()
        }
        Answer::ButHead(came, bytes) => {
            came.notified().await;
            stream.write_all(bytes).await.is_ok()
        }
    }
}
