# Owns the namespaces of a network of test machines, until the end of standard input.
# It runs in a mount and a network namespace of its own. The machines run in a process namespace below it.
# $1: the directory of the network. $2: the directory with the root of all machines.
set -eu
directory=$1 root=$2
trap '' INT TERM HUP
mount -t tmpfs -o mode=0700,size=50% machines "$directory/machines"
mkdir "$directory/machines/cgroup" "$directory/machines/base"
mount --bind "$root" "$directory/machines/base"
mount -o remount,bind,ro "$directory/machines/base"
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
cgroup=
if mount -t cgroup2 cgroup "$directory/machines/cgroup" 2>/dev/null; then
    cgroup=$directory/machines/cgroup/${directory##*/}
fi

# The first process of the process namespace. All machines die with it, and it dies with the keeper.
setpriv --pdeathsig KILL unshare --pid --fork --kill-child \
    sh -c 'read -r pid _ </proc/self/stat && echo "first $pid" && exec sleep infinity' </dev/null &
echo "cgroup $cgroup"
while read -r _; do :; done

# The end: first the machines, then what a client started within the network namespace.
kill -KILL $! 2>/dev/null || true
wait || true
namespace=$(readlink /proc/$$/ns/net)
for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    if [ "$pid" != $$ ] && [ "$(readlink "$process/ns/net" 2>/dev/null)" = "$namespace" ]; then
        kill -KILL "$pid" 2>/dev/null || true
    fi
done
# The cgroups are empty once the last process is gone.
if [ -d "$cgroup" ]; then
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
        [ -d "$cgroup" ] || break
        sleep 0.05
    done
fi
for mount in base cgroup; do umount -l "$directory/machines/$mount" 2>/dev/null || true; done
umount -l "$directory/machines" || true
exec rm -rf "$directory"
