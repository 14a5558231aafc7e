#!/bin/sh
# Makes the disk that every server starts from: sh base.sh RELEASE TARGET MIRROR LOG
# base.py runs it in namespaces of its own and takes this text as the key of its cache.
set -eu
release=$1 target=$2 mirror=$3 log=$4
exec >"$log" 2>&1

# Only what can fence a server here where Debian has split them: all of them are 1.7 GB there.
case $release in
    bookworm) fence_agents=fence-agents ;;
    *) fence_agents="fence-agents-ipmilan fence-agents-sbd" ;;
esac
# Without recommended packages; udev is left out on purpose, a container has no devices to manage.
packages="
    systemd-sysv dbus iproute2 iputils-ping openssh-server procps kmod gawk ca-certificates nftables
    corosync pacemaker pacemaker-cli-utils crmsh resource-agents $fence_agents ipmitool libxml2-utils
    sbd corosync-qdevice corosync-qnetd libnss3-tools
    python3 python3-pluggy python3-sh python3-lxml python3-click python3-jinja2 python3-rich
    python3-pytest python3-pytest-mock python3-hypothesis python3-prometheus-client"

# A base that is lost in a crash is built again: no fsync for each file.
mkdir -p "$target/etc/dpkg/dpkg.cfg.d"
echo force-unsafe-io >"$target/etc/dpkg/dpkg.cfg.d/lab"

debootstrap --variant=minbase "$release" "$target" "$mirror"

printf '#!/bin/sh\nexit 101\n' >"$target/usr/sbin/policy-rc.d"  # invoke-rc.d(8): start nothing in here
chmod 755 "$target/usr/sbin/policy-rc.d"
# shellcheck disable=SC2086  # a list of words
DEBIAN_FRONTEND=noninteractive chroot "$target" apt-get install -y --no-install-recommends $packages
rm "$target/usr/sbin/policy-rc.d"
# What a server would download that gets a cluster for the first time: that too is tested without a network.
mkdir "$target/var/lib/lab-packages"
for package in corosync pacemaker pacemaker-cli-utils crmsh; do
    mv "$target/var/cache/apt/archives/${package}_"*.deb "$target/var/lib/lab-packages"
done
chroot "$target" apt-get clean
rm -rf "$target"/var/lib/apt/lists/*

# What every server must have of its own.
rm -f "$target"/etc/ssh/ssh_host_* "$target/etc/hostname" "$target/var/lib/dbus/machine-id"
: >"$target/etc/machine-id"
# No name server answers in the lab: an unknown name must fail at once.
rm -f "$target/etc/resolv.conf"
: >"$target/etc/resolv.conf"

# Debian enables them all. qnetd is for a third host, and the others need a configuration: without one, sbd keeps
# corosync from starting, which it is a requirement of.
chroot "$target" systemctl disable corosync-qnetd corosync-qdevice sbd sbd_remote
# The console is a null device, no server has a BMC or a watchdog that these could open, and nightly jobs only
# disturb measurements.
for service in console-getty openipmi ipmievd wdmd; do
    ln -sf /dev/null "$target/etc/systemd/system/$service.service"
done
rm -f "$target"/etc/systemd/system/timers.target.wants/*
