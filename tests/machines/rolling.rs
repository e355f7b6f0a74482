//! Tests of rolling runs over machines: `--batch N --max-failures M`.

use setup_tasks::fleet::{FleetReport, FleetRun, ObjectStatus};
use setup_tasks::{Layout, prelude::*};
use setup_tasks_machines::resources::File;
use setup_tasks_machines::{Ensure, Machine};
use setup_tasks_test::{NetnsMachine, TestNetwork};

use crate::machine;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct Site {
    name: String,
    version: u32,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Site {
    /// Write the version
    #[setup_task]
    const VERSION: Ensure<Self, File> = Ensure::new(|site| {
        File::at("/srv/version").content(format!("{}\n", site.version)).validate("test ! -e /srv/broken")
    });
}

/// The objects in the order of adding.
const NAMES: [&str; 5] = ["web1", "web2", "web3", "web4", "web5"];

fn start() -> Option<(TestNetwork, Vec<NetnsMachine>)> {
    let network = TestNetwork::start_or_skip()?;
    let hosts = NAMES.iter().map(|name| network.machine(*name).boot().unwrap()).collect();
    Some((network, hosts))
}

fn layout(network: &TestNetwork, version: u32) -> Layout {
    let layout = Layout::in_memory().unwrap();
    for name in NAMES {
        layout.add(Site { name: name.to_owned(), version, machine: machine(network, name) }).unwrap();
    }
    layout
}

async fn outcomes(fleet: FleetRun) -> Vec<ObjectStatus> {
    let report: FleetReport = fleet.await.unwrap();
    report.objects.iter().map(|result| result.outcome).collect()
}

/// Returns the version on each machine, with `-` for none.
fn versions(hosts: &[NetnsMachine]) -> String {
    let version = |host: &NetnsMachine| std::fs::read_to_string(host.root().join("srv/version"));
    hosts.iter().map(|host| version(host).map_or("-".to_owned(), |text| text.trim().to_owned())).collect()
}

#[tokio::test]
async fn a_machine_that_fails_stops_the_next_batch_and_the_next_run_goes_on() {
    use ObjectStatus::{Failed, NotTried, Ran, UpToDate};
    let Some((network, hosts)) = start() else { return };
    let layout = layout(&network, 1);
    hosts[2].run("touch /srv/broken").unwrap();
    assert_eq!(outcomes(layout.run().batch(2)).await, [Ran, Ran, Failed, Ran, NotTried]);
    assert_eq!(versions(&hosts), "11-1-", "the batch of the failed machine ends, and no other begins");
    // One failure is allowed.
    assert_eq!(outcomes(layout.run().batch(2).max_failures(1)).await, [UpToDate, UpToDate, Failed, UpToDate, Ran]);
    assert_eq!(versions(&hosts), "11-11");
    hosts[2].run("rm /srv/broken").unwrap();
    assert_eq!(outcomes(layout.run().batch(2)).await, [UpToDate, UpToDate, Ran, UpToDate, UpToDate]);
    assert_eq!(versions(&hosts), "11111");
}

#[tokio::test]
async fn a_machine_that_cannot_be_reached_stops_the_next_batch() {
    use ObjectStatus::{Failed, NotTried, Ran};
    let Some((network, mut hosts)) = start() else { return };
    hosts.remove(1).power_off();
    assert_eq!(outcomes(layout(&network, 2).run().batch(1)).await, [Ran, Failed, NotTried, NotTried, NotTried]);
    assert_eq!(versions(&hosts), "2---");
    // A run that verifies asks all machines before its first batch, and changes only those of the batches that begin.
    let third = layout(&network, 3);
    assert_eq!(outcomes(third.run().verify().batch(1)).await, [Ran, Failed, NotTried, NotTried, NotTried]);
    assert_eq!(versions(&hosts), "3---");
}
