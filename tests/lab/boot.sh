#!/bin/sh
# PID 1 of a server until systemd takes over: sh boot.sh ROOT HOSTNAME SHARED WORLD POWER LOOP...
# Runs in new namespaces (see chassis.py), in the cgroup that becomes the root of the server's own tree.
set -eu
root=$1 hostname=$2 shared=$3 world=$4 power=$5
shift 5

hostname "$hostname"
mount --make-rprivate /
cd "$root"

mount -t proc proc proc
# As systemd-nspawn does: kernel settings belong to the machine, only the network's are the server's own.
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,rw proc/sys/net
# sbd resets a server by writing here, and Pacemaker when it panics: the chassis reads it.
if [ -e proc/sysrq-trigger ]; then
    mount --bind "$power/sysrq" proc/sysrq-trigger
fi

mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount --bind "$power/class" sys/class/watchdog
mount -o remount,bind,ro sys/class/watchdog
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
# loop0 and so on are its own ones of the machine's, here and in /sys, where losetup looks for them, too.
mount -t tmpfs -o mode=755,nosuid,nodev,noexec tmpfs sys/block
index=0
for number; do
    mknod -m 660 "dev/loop$index" b 7 "$number"
    ln -s "../devices/virtual/block/loop$number" "sys/block/loop$index"
    index=$((index + 1))
done
mount -o remount,ro sys/block

mount --bind "$shared" sNow
mount --bind "$world" lab/world
mount --bind "$power" lab/power

pivot_root . mnt
cd /
umount -l /mnt
exec env -i container=lab PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
