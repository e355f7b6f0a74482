//! Copies of the standard input.

use std::io::Read;
use std::sync::Arc;

use tokio::sync::mpsc;

/// The number of parts that may wait for a machine. The slowest machine sets the pace.
const PARTS: usize = 4;
/// The size of a part in bytes.
const PART: usize = 64 << 10;

type Part = Arc<[u8]>;

/// Returns copies of the standard input, which is read as fast as the slowest receiver takes it. A dropped receiver is left out.
pub(super) fn copies(count: usize) -> Vec<mpsc::Receiver<Part>> {
    let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::channel::<Part>(PARTS)).unzip();
    // A read of the standard input cannot be cancelled. The thread ends with the process at the latest.
    std::thread::spawn(move || {
        let (mut input, mut part) = (std::io::stdin().lock(), vec![0; PART]);
        while !senders.is_empty() {
            // An input that cannot be read ends here, as it does for `cat`.
            let Ok(count @ 1..) = input.read(&mut part) else { return };
            let copy: Part = part[..count].into();
            senders.retain(|sender| sender.blocking_send(copy.clone()).is_ok());
        }
    });
    receivers
}
