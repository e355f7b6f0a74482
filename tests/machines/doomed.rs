//! A program with a network of machines that waits until it is killed.
#![expect(clippy::print_stdout, reason = "it prints to its test")]

use setup_tasks_test::TestNetwork;

fn main() {
    let network = TestNetwork::start().unwrap();
    let machine = network.machine("doomed").boot().unwrap();
    let bastion = network.machine("behind").behind(&machine).systemd().boot().unwrap();
    println!("{}", network.directory().display());
    println!("{}", network.namespaces([&machine, &bastion]).unwrap().join(" "));
    // A client that outlives the program.
    let mut client = std::process::Command::new(network.ssh_program())
        .args(["doomed", "echo connected; sleep 1000"])
        .spawn()
        .unwrap();
    client.wait().unwrap();
}
