#!/bin/sh
# Makes what two Xen servers start from: sh image.sh TARGET MIRROR SECURITY_MIRROR LOG
# image.py runs it in namespaces of its own and takes this text, and that of guest-init, as the key of its cache.
# TARGET gets: dom0.img (the servers' disk), vmlinuz and initrd (dom0's), xen-VERSION (hypervisors), id (ssh's key).
set -eu
here=$(dirname "$(readlink -f "$0")")
target=$1 mirror=$2 security=$3 log=$4
exec >"$log" 2>&1
set -x

root=$target/root
kernel=$root/var/tmp/kernel
mkdir -p "$root/etc/dpkg/dpkg.cfg.d" "$kernel"
# An image that is lost in a crash is built again: no fsync for each file.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/lab"
printf 'path-exclude=/usr/share/%s/*\n' doc man locale >>"$root/etc/dpkg/dpkg.cfg.d/lab"

# packages

debootstrap --variant=minbase bookworm "$root" "$mirror"
echo "deb $security bookworm-security main" >>"$root/etc/apt/sources.list"
in_root() { DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }

printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"  # invoke-rc.d(8): start nothing in here
chmod 755 "$root/usr/sbin/policy-rc.d"
in_root apt-get update
in_root apt-get install -y --no-install-recommends \
    systemd-sysv dbus iproute2 iputils-ping openssh-server procps kmod gawk python3 \
    xen-utils-4.17 corosync pacemaker pacemaker-cli-utils resource-agents \
    sbd nfs-kernel-server \
    lvm2 qemu-system-xen python3-click python3-jinja2 python3-lxml python3-pluggy python3-rich python3-sh
rm "$root/usr/sbin/policy-rc.d"

# Not installed: nothing of these shall be configured in there, and both hypervisors are wanted.
image=$(in_root apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: //p')
in_root sh -c "cd /var/tmp && apt-get download $image busybox-static"
# The last hypervisor of Debian 12 with shadow paging, which live migration of PV guests needs, and the one without
# (XSA-495).
hypervisor() {
    in_root sh -c "cd /var/tmp && apt-get download xen-hypervisor-4.17-amd64=$2"
    deb=$(echo "$root"/var/tmp/xen-hypervisor-*.deb)
    echo "$3  $deb" | sha256sum --check
    dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './boot/xen-4.17-amd64.gz' | gunzip >"$target/xen-$1"
    rm "$deb"
}
hypervisor 4.17.5 '4.17.5+72-g01140da4e8-1' b602bb2aa83042bd1e3390ff66201b62da806d2ff6f2c86a2759997aa968222b
hypervisor 4.17.7 '4.17.7+13-g2445b30a44-0+deb12u1' fc074298a677325306662eea382cc4503339b8e1f4db54b24702b0b07cf6741d
for deb in "$root"/var/tmp/*.deb; do
    dpkg-deb -x "$deb" "$kernel"
done
rm "$root"/var/tmp/*.deb
in_root apt-get clean
rm -rf "$root"/var/lib/apt/lists/*

# kernel, and of its 390 MB of modules those that are used here: Xen's, the machine's, and for shared images
# Nobody loads the watchdog but who wants it.

cp "$kernel"/boot/vmlinuz-* "$target/vmlinuz"
version=$(basename "$kernel"/lib/modules/*)
in_root depmod --basedir "${kernel#"$root"}" "$version"
modules() {  # the files of these modules and of all that they need, in the order of loading
    for module in "$@"; do
        in_root modprobe --dirname "${kernel#"$root"}" --set-version "$version" --show-depends "$module" || exit 1
    done | sed -n 's|^insmod \([^ ]*\).*|'"$root"'\1|p' | awk '!seen[$0]++'
}
boot_modules='virtio_pci virtio_blk ext4 crc32c_generic'
dom0_modules='xenfs xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xen-netback xen-blkback bridge virtio_net virtio_rng'
other_modules='xen_wdt autofs4 loop nfsd nfsv3 nfsv4 dm-mod dm-snapshot dm-mirror dm-thin-pool'
# shellcheck disable=SC2086  # lists of words
for file in $(modules $boot_modules $dom0_modules $other_modules); do
    install -D -m 644 "$file" "$root/${file#"$kernel"/}"
done
cp "$kernel/lib/modules/$version"/modules.builtin* "$kernel/lib/modules/$version/modules.order" "$root/lib/modules/$version/"
in_root depmod "$version"
echo "$dom0_modules" | tr ' ' '\n' >"$root/etc/modules-load.d/lab.conf"

# An initramfs: TARGET_FILE INIT MODULE...
initramfs() (
    file=$1 init=$2 tree=$target/initramfs
    shift 2
    mkdir -p "$tree/bin" "$tree/modules" "$tree/dev" "$tree/proc" "$tree/root" "$tree/sbin"
    cp "$kernel/bin/busybox" "$tree/bin/"
    # A console from the first moment: without it init's output is lost.
    mknod "$tree/dev/console" c 5 1
    for applet in sh mount insmod switch_root sleep tee dd ip; do
        ln -s busybox "$tree/bin/$applet"
    done
    # What the kernel calls when the toolstack asks a guest to shut down or to reboot.
    for way in poweroff reboot; do
        printf '#!/bin/sh\nexec busybox %s -f\n' "$way" >"$tree/sbin/$way"
        chmod 755 "$tree/sbin/$way"
    done
    number=100
    for module in $(modules "$@"); do
        number=$((number + 1))
        cp "$module" "$tree/modules/$number.ko"
    done
    install -m 755 "$init" "$tree/init"
    cd "$tree"
    find . | cpio --quiet -o -H newc >"$file"
    rm -rf "$tree"
)
cat >"$target/dom0-init" <<'END'
#!/bin/sh
mount -t devtmpfs dev /dev
for module in /modules/*; do
    insmod "$module"
done
mount -t ext4 -o noatime /dev/vda /root
exec switch_root /root /lib/systemd/systemd
END
# shellcheck disable=SC2086
initramfs "$target/initrd" "$target/dom0-init" $boot_modules
mkdir "$root/guest"
initramfs "$root/guest/initrd" "$here/guest-init" xen-netfront xen-blkfront
# Unpacked by hand: the decompressor takes the emulated processor 12 s at each start of a guest.
python3 - "$target/vmlinuz" "$root/guest/vmlinux" <<'END'
import lzma, sys
from pathlib import Path
image = Path(sys.argv[1]).read_bytes()
Path(sys.argv[2]).write_bytes(lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(image[image.index(b"\xfd7zXZ\0") :]))
END

# As sites have it, too: a guest that is to become a PVH one is asked for its kernel's version.
cp "$target/vmlinuz" "$root/guest/"

# dom0's own settings

# Without udev LVM makes its devices itself.
cat >"$root/etc/lvm/lvmlocal.conf" <<'END'
activation {
    udev_sync = 0
    udev_rules = 0
}
devices {
    obtain_device_list_from_udev = 0
    external_device_info_source = "none"
}
END
# snow0N is 10.78.0.N. The name comes from the kernel's command line.
printf '127.0.0.1 localhost\n10.78.0.1 snow01\n10.78.0.2 snow02\n' >"$root/etc/hosts"
rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
: >"$root/etc/resolv.conf"
: >"$root/etc/machine-id"

cat >"$root/usr/local/sbin/lab-network" <<'END'
#!/bin/sh
# eth0 leads to the machine (ssh from outside only), eth1 is the servers' own network, with their guests.
set -e
ip link add xenbr0 type bridge
ip link set dev eth1 mtu 9000 master xenbr0 up
ip link set dev xenbr0 mtu 9000 up
name=$(uname -n)
ip address add "10.78.0.${name#snow0}/24" dev xenbr0
ip address add 10.0.2.15/24 dev eth0
ip link set dev eth0 up
END
chmod 755 "$root/usr/local/sbin/lab-network"
cat >"$root/etc/systemd/system/lab-network.service" <<'END'
[Unit]
Description=The lab's networks
After=systemd-modules-load.service
Before=network.target ssh.service corosync.service
Wants=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/lab-network
[Install]
WantedBy=multi-user.target
END
in_root systemctl enable lab-network.service
# Cluster, fencing and NFS are started by who needs them; domains by nobody but who creates them. An sbd that is enabled
# keeps corosync from starting until it has a configuration.
in_root systemctl disable corosync.service pacemaker.service sbd.service sbd_remote.service xendomains.service \
    nfs-server.service nfs-client.target rpcbind.service rpcbind.socket \
    lvm2-monitor.service lvm2-lvmpolld.socket blk-availability.service
# What an emulated processor should not spend its time on.
for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket systemd-udevd-control.socket \
    systemd-logind.service systemd-random-seed.service systemd-update-utmp.service systemd-update-utmp-runlevel.service \
    systemd-user-sessions.service systemd-journal-flush.service systemd-sysctl.service systemd-binfmt.service \
    systemd-pstore.service proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount sys-kernel-tracing.mount \
    sys-kernel-config.mount dev-hugepages.mount modprobe@.service getty@tty1.service serial-getty@hvc0.service \
    logd.service e2scrub_reap.service systemd-tmpfiles-clean.timer; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
rm -f "$root"/etc/systemd/system/timers.target.wants/*

cat >"$root/etc/corosync/corosync.conf" <<'END'
totem {
    version: 2
    cluster_name: xenlab
    transport: knet
    # An emulated server may be silent for seconds.
    token: 10000
}
nodelist {
    node {
        name: snow01
        nodeid: 1
        ring0_addr: 10.78.0.1
    }
    node {
        name: snow02
        nodeid: 2
        ring0_addr: 10.78.0.2
    }
}
quorum {
    provider: corosync_votequorum
    two_node: 1
}
logging {
    to_syslog: yes
}
END

# One key for all: it opens nothing but the servers of a lab, which listen on loopback.
ssh-keygen -q -t ed25519 -N '' -C xenlab -f "$target/id"
rm -f "$root"/etc/ssh/ssh_host_*
install -d -m 700 "$root/root/.ssh"
install -m 600 "$target/id" "$root/etc/ssh/ssh_host_ed25519_key"
install -m 600 "$target/id" "$root/root/.ssh/id_ed25519"
install -m 600 "$target/id.pub" "$root/root/.ssh/authorized_keys"
printf 'snow01,snow02,10.78.0.1,10.78.0.2 %s\n' "$(cat "$target/id.pub")" | tee "$target/known_hosts" >"$root/root/.ssh/known_hosts"
# Light, and one connection for all: each new one costs seconds here. A cut network is noticed in 6 s.
cat >"$root/root/.ssh/config" <<'END'
Host snow0? 10.78.0.?
    Ciphers aes128-ctr
    MACs umac-64-etm@openssh.com
    ControlMaster auto
    ControlPath /run/ssh-%C
    ControlPersist yes
    ServerAliveInterval 2
    ServerAliveCountMax 3
END
cat >"$root/etc/ssh/sshd_config" <<'END'
HostKey /etc/ssh/ssh_host_ed25519_key
UseDNS no
MaxSessions 100
MaxStartups 100
END
mkdir -p "$root/usr/lib/ocf/resource.d/snow"

truncate -s 3G "$target/dom0.img"
rm -rf "$kernel"
mkfs.ext4 -q -O ^metadata_csum -m 0 -d "$root" "$target/dom0.img"
rm -rf "$root" "$target/dom0-init" "$target/id.pub"
