//! A connection to a server that can be cut just after the client has said something.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A way to a server on this machine.
pub(crate) struct Proxy {
    port: u16,
    cuts: Arc<AtomicUsize>,
}

impl Proxy {
    /// A way to the server on `port`. After `word`, which the server still gets, the connection is cut
    /// as often as [`Proxy::cut`] was called; the client never hears the answer.
    pub(crate) fn to(port: u16, word: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let cuts = Arc::new(AtomicUsize::new(0));
        let of_clients = Arc::clone(&cuts);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, cuts) = (client.unwrap(), Arc::clone(&of_clients));
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (back, forth) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || pass(server, back, &|_| false));
                thread::spawn(move || {
                    let said = |bytes: &[u8]| {
                        let mut windows = bytes.windows(word.len());
                        windows.any(|window| window == word.as_bytes()) && take_one(&cuts)
                    };
                    pass(client, forth, &said);
                });
            }
        });
        Proxy { port: own, cuts }
    }

    /// Cuts one connection at the next chance.
    pub(crate) fn cut(&self) {
        self.cuts.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether every cut was made.
    pub(crate) fn is_done(&self) -> bool {
        self.cuts.load(Ordering::SeqCst) == 0
    }

    /// Where it is reached.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

/// Passes bytes on until one side ends, or `last` says that these were the last ones. In that case the
/// sender is cut off at once, and the receiver only hears that no more will come.
fn pass(mut from: TcpStream, mut to: TcpStream, last: &dyn Fn(&[u8]) -> bool) {
    use std::net::Shutdown;
    let mut bytes = [0; 65536];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let cut = last(&bytes[..length]);
        if cut {
            let _ = from.shutdown(Shutdown::Both);
        }
        if to.write_all(&bytes[..length]).is_err() || cut {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn take_one(cuts: &AtomicUsize) -> bool {
    let taken = cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |cuts| {
        cuts.checked_sub(1)
    });
    taken.is_ok()
}
