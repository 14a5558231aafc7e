#!/bin/sh
# Installs the package and the stand-ins over the base: sh install.sh BASE UPPER WORK ROOT PACKAGE LAB LIBRARIES
# Runs in a mount namespace of its own (see installation.py); what is new ends up in UPPER.
set -eu
base=$1 upper=$2 work=$3 root=$4 package=$5 lab=$6 libraries=$7

mount --make-rprivate /
mount -t overlay -o "lowerdir=$base,upperdir=$upper,workdir=$work,volatile" overlay "$root"
mount -t tmpfs tmpfs "$root/tmp"
cp "$package" "$root/tmp/snow-ha.deb"
chroot "$root" dpkg --install /tmp/snow-ha.deb

# The stand-in for Xen's xl, and its modules, which it finds through the link.
mkdir -p "$root/usr/lib/xl-stand-in" "$root/sNow" "$root/lab/world" "$root/lab/power"
cp -rL "$lab/xl" "$lab/xlstandin" "$root/usr/lib/xl-stand-in"
chroot "$root" python3 -m compileall -q /usr/lib/xl-stand-in
ln -s ../lib/xl-stand-in/xl "$root/usr/sbin/xl"

# The watchdog: its devices for sbd, and what loads their modules, which systemd's own program cannot.
install -D -m 644 "$libraries/watchdog.so" "$root/usr/lib/lab/watchdog.so"
install -D -m 755 "$lab/modprobe.py" "$root/usr/local/sbin/modprobe"
install -D -m 755 "$lab/modules-load.sh" "$root/usr/lib/lab/modules-load"
mkdir -p "$root/etc/systemd/system/sbd.service.d" "$root/etc/systemd/system/systemd-modules-load.service.d"
printf '[Service]\nEnvironment="LD_PRELOAD=/usr/lib/lab/watchdog.so /usr/lib/lab/clock.so"\n' \
    >"$root/etc/systemd/system/sbd.service.d/lab-watchdog.conf"
printf '[Service]\nExecStart=\nExecStart=/usr/lib/lab/modules-load\n' \
    >"$root/etc/systemd/system/systemd-modules-load.service.d/lab-modprobe.conf"

# The time of day, as the cluster's daemons, and what they start, see it.
install -m 644 "$libraries/clock.so" "$root/usr/lib/lab/clock.so"
for service in corosync corosync-qdevice pacemaker; do
    mkdir -p "$root/etc/systemd/system/$service.service.d"
    printf '[Service]\nEnvironment=LD_PRELOAD=/usr/lib/lab/clock.so\n' \
        >"$root/etc/systemd/system/$service.service.d/lab-clock.conf"
done

# root may log in from every server to every server. They share one host key.
mkdir -m 700 "$root/root/.ssh"
for key in /root/.ssh/id_ed25519 /etc/ssh/ssh_host_ed25519_key; do
    chroot "$root" ssh-keygen -q -t ed25519 -N "" -C lab -f "$key"
done
cp "$root/root/.ssh/id_ed25519.pub" "$root/root/.ssh/authorized_keys"
echo "* $(cat "$root/etc/ssh/ssh_host_ed25519_key.pub")" >"$root/etc/ssh/ssh_known_hosts"
