//! Settings of the kernel, the host name, mounts and full disks.

use setup_tasks_agent::resources::{File, Hostname, Mount, Sysctl};
use setup_tasks_test::TestNetwork;

use super::client::Agent;

#[test]
fn a_setting_of_the_kernel_is_brought_now_and_for_the_next_start() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("sysctl").boot().unwrap();
    let mut agent = Agent::start(&machine);
    let path = "/etc/sysctl.d/90-setup-tasks-net.ipv4.ip_default_ttl.conf";
    let ttl = |value: &str| Sysctl::set("net.ipv4.ip_default_ttl", value);
    agent.brings(&ttl("77"), &["net.ipv4.ip_default_ttl: 64 instead of 77", &format!("{path}: absent")]);
    machine.run("sysctl -w net.ipv4.ip_default_ttl=64").unwrap();
    agent.brings(&ttl("77"), &["net.ipv4.ip_default_ttl: 64 instead of 77"]);
    let failure = agent.apply(&ttl("many")).unwrap_err();
    assert!(
        failure.starts_with(
            "sysctl net.ipv4.ip_default_ttl: cannot write `/proc/sys/net/ipv4/ip_default_ttl`: Invalid argument"
        ),
        "{failure}"
    );
    assert_eq!(agent.observe(&ttl("77")).unwrap(), [""; 0], "the value and the file stay");
    let failure = agent.observe(&Sysctl::set("net.no.such", "1")).unwrap_err();
    assert_eq!(failure, "sysctl net.no.such: cannot find `net.no.such`: the kernel of the machine has no such setting");
    assert!(agent.observe(&Sysctl::set("../../etc/passwd", "1")).unwrap_err().contains("is not a setting"));
    agent.undo(&ttl("77"));
    assert!(!machine.root().join(path.trim_start_matches('/')).exists());
}

#[test]
fn the_name_of_the_host_is_brought_now_and_for_the_next_start() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("naming").boot().unwrap();
    let mut agent = Agent::start(&machine);
    agent.apply(&Hostname::set("web1.example.org")).unwrap();
    assert_eq!(machine.run("hostname; cat /etc/hostname").unwrap(), "web1.example.org\nweb1.example.org\n");
    machine.run("hostname other").unwrap();
    agent.brings(&Hostname::set("web1.example.org"), &["hostname: other instead of web1.example.org"]);
    assert!(agent.observe(&Hostname::set("a b")).unwrap_err().contains("is not a name of a host"));
}

#[test]
fn a_mount_is_brought_now_and_for_the_next_start_and_a_bad_one_is_taken_back() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("mounts").boot().unwrap();
    let mut agent = Agent::start(&machine);
    machine.run("printf '# kept\\n' > /etc/fstab").unwrap();
    let data = |size: &str| Mount::at("/data dir").source("tmpfs").kind("tmpfs").options(format!("size={size}"));
    agent.brings(&data("1m"), &["/etc/fstab: line of /data dir differs", "/data dir: not mounted"]);
    let mounted = "cat /etc/fstab; mountpoint -q '/data dir' && echo mounted || echo free";
    assert_eq!(machine.run(mounted).unwrap(), "# kept\ntmpfs /data\\040dir tmpfs size=1m 0 0\nmounted\n");
    agent.brings(&data("2m"), &["/etc/fstab: line of /data dir differs"]);
    machine.run("umount '/data dir'").unwrap();
    agent.brings(&data("2m"), &["/data dir: not mounted"]);
    let bad = Mount::at("/bad").source("/dev/no-such-device").kind("ext4");
    let failure = agent.apply(&bad).unwrap_err();
    assert!(failure.starts_with("mount /bad: cannot mount it: `mount /bad` exited with code 32: "), "{failure}");
    assert!(!machine.run("cat /etc/fstab").unwrap().contains("/bad"));
    agent.undo(&data("2m"));
    assert_eq!(machine.run(mounted).unwrap(), "# kept\nfree\n");
}

#[test]
fn a_full_disk_is_named_and_the_old_file_stays() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("full").boot().unwrap();
    let mut agent = Agent::start(&machine);
    agent.apply(&Mount::at("/small").source("tmpfs").kind("tmpfs").options("size=64k")).unwrap();
    agent.apply(&File::at("/small/f").content("old")).unwrap();
    machine.run("head -c 56K /dev/zero > /small/fill").unwrap();
    let failure = agent.apply(&File::at("/small/f").content("x".repeat(16_000))).unwrap_err();
    assert_eq!(failure, "file /small/f: cannot write `/small/f`: No space left on device");
    assert_eq!(machine.run("cat /small/f; echo; ls -A /small").unwrap(), "old\nf\nfill\n");
}
