//! A server that writes what a test wants, byte by byte, whether it is HTTP or not.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One thing that the server does.
#[derive(Clone, Debug)]
pub enum Step {
    Send(String),
    /// Again and again, until the client hangs up.
    SendForEver(String),
    /// Byte by byte, with a pause before each.
    Drip(String, Duration),
    /// Leaves the connection open, and says no more.
    FallSilent,
}

/// What a request is answered with; after the last step, the connection is closed.
pub type Answer = Vec<Step>;

/// A running server; ends when it is dropped.
#[derive(Debug)]
pub struct RawServer {
    pub url: String,
    task: JoinHandle<()>,
}

impl RawServer {
    /// The answer depends on the request's first line and headers.
    pub async fn start(answer: impl Fn(&str) -> Answer + Send + Sync + Clone + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let answer = answer.clone();
                tokio::spawn(async move {
                    let request = head_of(&mut socket).await;
                    let _ = play(&mut socket, answer(&request)).await;
                });
            }
        });
        Self { url, task }
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn head_of(socket: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match socket.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(length) => head.extend_from_slice(&piece[..length]),
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

async fn play(socket: &mut TcpStream, answer: Answer) -> std::io::Result<()> {
    for step in answer {
        match step {
            Step::Send(text) => socket.write_all(text.as_bytes()).await?,
            Step::SendForEver(text) => loop {
                socket.write_all(text.as_bytes()).await?;
            },
            Step::Drip(text, pause) => {
                for byte in text.as_bytes() {
                    tokio::time::sleep(pause).await;
                    socket.write_all(&[*byte]).await?;
                }
            }
            Step::FallSilent => std::future::pending().await,
        }
    }
    socket.shutdown().await
}
