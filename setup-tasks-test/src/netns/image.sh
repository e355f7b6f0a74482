# Makes the root of all test machines in the directory $1 and packs it into the file $2.
# It runs in namespaces of its own, so that no mount and no process stays.
set -eu
root=$1 archive=$2 mirror=$3
debootstrap --variant=minbase --include=openssh-server,sudo,systemd-sysv,busybox bookworm "$root" "$mirror"

# Fish as a login shell, without its documentation tools and their interpreter.
chroot "$root" sh -euc '
    cd /tmp && apt-get -qq download fish fish-common libpcre2-32-0
    for package in *.deb; do dpkg-deb -x "$package" /; done
    rm ./*.deb && echo /usr/bin/fish >>/etc/shells && echo /bin/busybox >>/etc/shells && ldconfig'

# A package source on the machine itself, so that packages can be installed without a network.
mkdir -p "$root/srv/packages" "$root/tmp/build"
# Adds one package: name, version, further fields, and the script after its installation.
package() {
    build=$root/tmp/build/$1
    rm -rf "$build" && mkdir -p "$build/DEBIAN" "$build/usr/share/$1"
    echo "$2" >"$build/usr/share/$1/version"
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Tests <tests@example.org>\n%bDescription: A package for tests\n' \
        "$1" "$2" "$3" >"$build/DEBIAN/control"
    if [ -n "$4" ]; then printf '#!/bin/sh\n%s\n' "$4" >"$build/DEBIAN/postinst" && chmod 755 "$build/DEBIAN/postinst"; fi
    if [ "$1" = tiny-daemon ]; then
        mkdir -p "$build/lib/systemd/system"
        printf '[Unit]\nDescription=A service for tests\n[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
            >"$build/lib/systemd/system/tiny-daemon.service"
    fi
    file=$1_$2_all.deb
    chroot "$root" dpkg-deb --root-owner-group -b "/tmp/build/$1" "/srv/packages/$file" >/dev/null
    {
        cat "$build/DEBIAN/control"
        echo "Filename: ./$file"
        echo "Size: $(stat -c %s "$root/srv/packages/$file")"
        echo "SHA256: $(sha256sum "$root/srv/packages/$file" | cut -d' ' -f1)"
        echo
    } >>"$root/srv/packages/Packages"
}
package tiny-hello 1.0-1 '' ''
package tiny-hello 2.0-1 '' ''
package tiny-friend 1.0-1 'Depends: tiny-hello\n' ''
package tiny-rival 1.0-1 'Conflicts: tiny-hello\n' ''
package tiny-broken 1.0-1 '' 'echo "tiny-broken: the disk of the test is on fire" >&2; exit 1'
package tiny-daemon 1.0-1 '' ''
rm -rf "$root/tmp/build"
echo 'deb [trusted=yes] file:/srv/packages ./' >"$root/etc/apt/sources.list"
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
chroot "$root" apt-get -qq update
rm -f "$root"/var/cache/apt/*.bin

# An SSH server that answers at once. Each machine gets host keys of its own.
printf 'UseDNS no\nMaxStartups 200\n' >"$root/etc/ssh/sshd_config.d/tests.conf"
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/machine-id" "$root/etc/resolv.conf" "$root"/var/log/*.log
rm -rf "$root"/usr/share/doc/* "$root"/usr/share/man/* "$root"/usr/share/locale/* "$root"/usr/share/info/*
: >"$root/etc/machine-id"
tar -C "$root" --numeric-owner --one-file-system -c . | gzip -1 >"$archive"
