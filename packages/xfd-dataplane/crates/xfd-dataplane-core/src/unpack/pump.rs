//! Decompression on a thread of its own, so that it overlaps with the creation of files.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use crate::error::Result;

const BUFFER_BYTES: usize = 256 * 1024;
const BUFFERS: usize = 6;

/// What the other thread sends: a full buffer, or the error that ended it.
type Filled = io::Result<Vec<u8>>;

/// The stream as it comes out of the other thread.
pub(super) struct Piped {
    filled: Receiver<Filled>,
    empty: Sender<Vec<u8>>,
    current: Vec<u8>,
    position: usize,
    ended: bool,
}

/// Runs `then` over what `open` reads, which happens on another thread.
///
/// When `then` returns early, the other thread ends at its next full buffer: this waits for it,
/// because the source is borrowed.
pub(super) fn with<'a, T>(
    open: impl FnOnce() -> io::Result<Box<dyn Read + 'a>> + Send + 'a,
    then: impl FnOnce(&mut Piped) -> Result<T>,
) -> Result<T> {
    std::thread::scope(|scope| {
        let (to, filled) = sync_channel(BUFFERS);
        let (empty, from) = channel();
        for _ in 0..BUFFERS {
            // The receiver is at hand, so this cannot fail.
            let _ = empty.send(Vec::new());
        }
        scope.spawn(move || fill(open, &to, &from));
        // Dropped before the scope waits, which ends the other thread.
        let mut piped = Piped {
            filled,
            empty,
            current: Vec::new(),
            position: 0,
            ended: false,
        };
        let result = then(&mut piped);
        drop(piped);
        result
    })
}

fn fill<'a>(
    open: impl FnOnce() -> io::Result<Box<dyn Read + 'a>>,
    to: &SyncSender<Filled>,
    from: &Receiver<Vec<u8>>,
) {
    let mut reader = match open() {
        Ok(reader) => reader,
        Err(error) => {
            let _ = to.send(Err(error));
            return;
        }
    };
    while let Ok(mut buffer) = from.recv() {
        buffer.resize(BUFFER_BYTES, 0);
        let mut length = 0;
        let end = loop {
            match reader.read(&mut buffer[length..]) {
                Ok(0) => break Some(None),
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(Some(error)),
            }
            if length == buffer.len() {
                break None;
            }
        };
        buffer.truncate(length);
        if (length > 0 && to.send(Ok(buffer)).is_err()) || end.is_some() {
            if let Some(Some(error)) = end {
                let _ = to.send(Err(error));
            }
            return;
        }
    }
}

impl BufRead for Piped {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.current.len() && !self.ended {
            // Fails only when the other thread has ended, which then wants no buffers.
            let _ = self.empty.send(std::mem::take(&mut self.current));
            self.position = 0;
            match self.filled.recv() {
                Ok(Ok(buffer)) => self.current = buffer,
                Ok(Err(error)) => {
                    self.ended = true;
                    return Err(error);
                }
                Err(_) => self.ended = true,
            }
        }
        Ok(&self.current[self.position..])
    }

    fn consume(&mut self, amount: usize) {
        self.position = (self.position + amount).min(self.current.len());
    }
}

impl Read for Piped {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let length = available.len().min(into.len());
        into[..length].copy_from_slice(&available[..length]);
        self.consume(length);
        Ok(length)
    }
}
