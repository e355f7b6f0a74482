//! Packages and their sources, as far as files show them. `tests/machines/resources/packages.rs` has the programs.

use super::machine::Machine;
use crate::far::Far;
use crate::resources::{AptSource, Packages};

const STATUS: &str = "\
Package: nginx-light
Status: install ok installed
Version: 1.22.1-9
Architecture: amd64
Provides: httpd, nginx (= 1.22.1-9)
Description: small web server
 Package: not-a-field

Package: libc6
Status: install ok installed
Architecture: i386
Version: 2.36-9

Package: libc6
Status: deinstall ok config-files
Architecture: amd64
Version: 2.36-8

Package: old
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: torn
Status: install ok half-configured
Architecture: all
Version: 3
";

/// Returns a machine with apt.
fn machine() -> Machine {
    let mut machine = Machine::new();
    machine.write("/usr/bin/apt-get", "");
    machine.write("/var/lib/dpkg/status", STATUS);
    machine.far = Far::in_directory(&machine.path("/")).unwrap();
    machine
}

#[test]
fn packages_differ_by_presence_version_and_state() {
    let mut machine = machine();
    let seen = |machine: &mut Machine, packages: Packages| machine.observe(&packages);
    assert_eq!(
        seen(&mut machine, Packages::installed(["nginx-light", "httpd", "libc6", "libc6:i386", "nginx-light:amd64"])),
        [""; 0]
    );
    assert_eq!(
        seen(&mut machine, Packages::installed(["libc6:amd64", "not-a-field", "old", "torn"])),
        ["libc6:amd64: absent", "not-a-field: absent", "old: absent", "torn: half-configured instead of installed"]
    );
    let pinned = |version| Packages::installed(["nginx-light"]).version("nginx-light", version);
    assert_eq!(seen(&mut machine, pinned("1.22.1-9")), [""; 0]);
    assert_eq!(seen(&mut machine, pinned("1.22.*")), [""; 0]);
    assert_eq!(seen(&mut machine, pinned("1.24")), ["nginx-light: 1.22.1-9 instead of 1.24"]);
    assert_eq!(
        seen(&mut machine, Packages::absent(["old", "nginx-light", "none"])),
        ["nginx-light: 1.22.1-9 instead of absent"]
    );
    assert_eq!(seen(&mut machine, Packages::absent(["old"]).purge()), ["old: configuration is left instead of absent"]);
}

#[test]
fn names_that_apt_takes_for_something_else_are_refused() {
    let mut machine = machine();
    for name in ["-y", "nginx-", "a b", "./local.deb", "a/b", "", "a*", "g+-"] {
        assert!(machine.refuses(&Packages::installed([name])).contains("is not a name of a package"), "{name}");
    }
    assert_eq!(machine.observe(&Packages::installed(["g++"])), ["g++: absent"]);
    let version = Packages::installed(["a"]).version("a", "1 -o x");
    assert!(machine.refuses(&version).contains("is not a version of a package"));
    let mut other = Machine::new();
    assert_eq!(
        other.refuses(&Packages::installed(["a"])),
        "cannot manage the packages: the machine has no known package manager"
    );
}

#[test]
fn a_source_that_cannot_be_is_refused() {
    let mut machine = machine();
    let good = || AptSource::named("x").uri("https://example.org/debian").suite("stable");
    for (source, reason) in [
        (AptSource::named("../x").uri("u").suite("s"), "letters, digits"),
        (AptSource::named("x").uri("u"), "it has no suite"),
        (good().components(["main contrib"]), "contains a space"),
        (good().key("not a key"), "not in its armored form"),
        (good().suite("a\nTrusted: yes"), "contains a space"),
    ] {
        assert!(machine.refuses(&source).contains(reason), "{source:?}");
    }
    let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n";
    let differences = ["/etc/apt/keyrings/x.asc: absent", "/etc/apt/sources.list.d/x.sources: absent"];
    assert_eq!(machine.observe(&good().key(key)), differences);
    // Its programs do not run here, so the files are taken back.
    assert!(machine.apply(&good().key(key)).is_err());
    assert_eq!(machine.observe(&good().key(key)), differences);
}
