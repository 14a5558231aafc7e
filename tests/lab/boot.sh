#!/bin/sh
# PID 1 of a server until systemd takes over: sh boot.sh ROOT HOSTNAME SHARED WORLD
# Runs in new namespaces (see server.py), in the cgroup that becomes the root of the server's own tree.
set -eu
root=$1 hostname=$2 shared=$3 world=$4

hostname "$hostname"
mount --make-rprivate /
cd "$root"

mount -t proc proc proc
# As systemd-nspawn does: kernel settings belong to the machine, only the network's are the server's own.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,rw proc/sys/net
# Pacemaker panics a node by writing here: that must not reboot the machine.
if [ -e proc/sysrq-trigger ]; then
    mount --bind proc/sysrq-trigger proc/sysrq-trigger
    mount -o remount,bind,ro proc/sysrq-trigger
fi

mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup

mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mount -t tmpfs -o mode=755,nosuid tmpfs dev
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx

# Devices of its own, never binds of the machine's: systemd takes ownership of its console.
while read -r name major minor; do
    mknod -m 666 "dev/$name" c "$major" "$minor"
done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
console 1 3
END

mount --bind "$shared" sNow
mount --bind "$world" lab/world

pivot_root . mnt
cd /
umount -l /mnt
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
