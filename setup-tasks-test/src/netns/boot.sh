# Starts one machine. It is the first process in namespaces of the machine's own.
# $1: name. $2: directory of all machines. $3: file with the client's public key. $4: "systemd" or "sshd".
set -eu
name=$1 machines=$2 key=$3 init=$4
# The mount of /proc is still that of the client, so this is the process id that the client sees.
read -r pid _ </proc/self/stat
# An earlier machine of this name has lost its disk.
rm -rf "${machines:?}/$name"
mkdir -p "$machines/$name/upper" "$machines/$name/work" "$machines/$name/root"
root=$machines/$name/root
mount -t overlay overlay -o "lowerdir=$machines/base,upperdir=$machines/$name/upper,workdir=$machines/$name/work" "$root"

mount -t proc proc "$root/proc"
# The settings of the network belong to the namespace. All others would be those of the host.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
if [ -e "$root/proc/sysrq-trigger" ]; then mount --bind /dev/null "$root/proc/sysrq-trigger"; fi
mount -t sysfs -o ro sysfs "$root/sys"
if [ "$init" = systemd ]; then mount -t cgroup2 cgroup "$root/sys/fs/cgroup"; fi
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do cp -a "/dev/$device" "$root/dev/"; done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
for link in fd:fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do ln -s "/proc/self/${link#*:}" "$root/dev/${link%%:*}"; done
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir "$root/run/sshd"
# A boot id of its own, which differs after each restart.
cat /proc/sys/kernel/random/uuid >"$root/run/boot-id"
mount --bind "$root/run/boot-id" "$root/proc/sys/kernel/random/boot_id"

if [ "$init" = sshd ]; then
    # A restart, as far as its users notice: all processes end, and the SSH server comes up again with another boot id.
    cat >"$root/usr/local/sbin/reboot" <<'REBOOT'
#!/bin/sh
setsid sh -c '
    sleep 0.2
    rm -f /run/sshd.pid
    for p in /proc/[0-9]*; do
        p=${p#/proc/}
        if [ "$p" != 1 ] && [ "$p" != $$ ]; then kill -9 "$p" 2>/dev/null; fi
    done
    cat /proc/sys/kernel/random/uuid >/run/boot-id
    exec /usr/sbin/sshd -E /var/log/sshd.log' </dev/null >/dev/null 2>&1 &
REBOOT
    chmod 755 "$root/usr/local/sbin/reboot"
fi
ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$root/etc/ssh/ssh_host_ed25519_key"
mkdir -p "$root/root/.ssh" && chmod 700 "$root/root/.ssh"
cp "$key" "$root/root/.ssh/authorized_keys"
echo "$name" >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >"$root/etc/hosts"
hostname "$name"
ip link set lo up
cd "$root"
pivot_root . mnt
umount -l mnt
echo "pid $pid"
# Only rights over the machine itself stay.
lost=-sys_module,-sys_time,-sys_boot,-syslog,-mac_admin,-mac_override,-sys_rawio,-wake_alarm
if [ "$init" = systemd ]; then
    exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        setpriv --bounding-set "$lost" /sbin/init </dev/null >/dev/null 2>&1
fi
# Bash reaps processes that lost their parent.
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    setpriv --bounding-set "$lost" /bin/bash -c '/usr/sbin/sshd -E /var/log/sshd.log; while :; do sleep infinity & wait; done' </dev/null >/dev/null 2>&1
