//! The distance between the client and the machines: a router that holds each packet for half of the round trip.
//!
//! It works on every Linux with TUN devices, also where the kernel has no `netem`.

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tun_rs::{DeviceBuilder, SyncDevice};

/// The largest packet, in bytes.
const MTU: u16 = 1500;

/// A router between two network namespaces, with a network device in each. Its threads end with the process.
pub struct Distance {
    /// The time that a packet takes in one direction, in microseconds.
    half: Arc<AtomicU64>,
}

/// The packets in one direction, with the times at which they arrive.
#[derive(Default)]
struct Cable {
    packets: Mutex<VecDeque<(Instant, Vec<u8>)>>,
    comes: Condvar,
}

impl Distance {
    /// Creates the device `name` in the network namespaces of two processes, and carries packets between them.
    pub fn between(name: &str, pids: [u32; 2]) -> Result<Self> {
        let [here, there] = pids.map(|pid| device(name, pid).map(Arc::new));
        let (here, there) = (here?, there?);
        let half = Arc::new(AtomicU64::new(0));
        for (from, to) in [(here.clone(), there.clone()), (there, here)] {
            let cable = Arc::new(Cable::default());
            let (half, taken, given) = (half.clone(), cable.clone(), to.clone());
            std::thread::spawn(move || taken.take(&from, &given, &half));
            std::thread::spawn(move || cable.give(&to));
        }
        Ok(Self { half })
    }

    /// Sets the time of a round trip.
    pub fn set(&self, round_trip: Duration) {
        self.half.store(u64::try_from(round_trip.as_micros() / 2).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Cable {
    /// Takes packets from a device.
    fn take(&self, from: &SyncDevice, to: &SyncDevice, half: &AtomicU64) {
        let mut packet = vec![0; usize::from(MTU)];
        loop {
            let Ok(size) = from.recv(&mut packet) else {
                // The device is not up yet.
                std::thread::sleep(Duration::from_millis(20));
                continue;
            };
            let half = Duration::from_micros(half.load(Ordering::Relaxed));
            if half.is_zero() {
                // The kernel may drop a packet, as every network does.
                let _ = to.send(&packet[..size]);
                continue;
            }
            let mut packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner);
            packets.push_back((Instant::now() + half, packet[..size].to_vec()));
            self.comes.notify_one();
        }
    }

    /// Passes packets on when their time has come.
    fn give(&self, to: &SyncDevice) {
        loop {
            let packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner);
            let mut packets =
                self.comes.wait_while(packets, |packets| packets.is_empty()).unwrap_or_else(PoisonError::into_inner);
            let Some((due, packet)) = packets.pop_front() else { continue };
            drop(packets);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let _ = to.send(&packet);
        }
    }
}

/// Creates a device in the network namespace of a process.
fn device(name: &str, pid: u32) -> Result<SyncDevice> {
    let path = format!("/proc/{pid}/ns/net");
    let namespace = File::open(&path).with_context(|| format!("cannot open {path}"))?;
    // A device belongs to the namespace of the thread that creates it. The thread ends afterwards.
    let create = || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
        DeviceBuilder::new().name(name).mtu(MTU).build_sync()
    };
    let device = std::thread::scope(|scope| scope.spawn(create).join());
    device.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).context("cannot create a TUN device")
}
