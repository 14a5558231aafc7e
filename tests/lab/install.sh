#!/bin/sh
# Installs a copy of the project over the base: sh install.sh BASE UPPER WORK ROOT COPY
# Runs in a mount namespace of its own (see installation.py); what is new ends up in UPPER.
set -eu
base=$1 upper=$2 work=$3 root=$4 copy=$5

mount --make-rprivate /
mount -t overlay -o "lowerdir=$base,upperdir=$upper,workdir=$work,volatile" overlay "$root"
mount -t tmpfs tmpfs "$root/tmp"
mkdir "$root/tmp/project"
mount --bind "$copy" "$root/tmp/project"

# Debian's layout, as dh_python3 would make it: dist-packages and /usr, not site-packages and /usr/local.
DEB_PYTHON_INSTALL_LAYOUT=deb chroot "$root" pip install --quiet --prefix=/usr --no-index --no-deps \
    --no-build-isolation --break-system-packages --root-user-action=ignore /tmp/project

# The stand-in for Xen's xl, and its modules, which it finds through the link.
mkdir -p "$root/usr/lib/xl-stand-in" "$root/sNow" "$root/lab/world"
cp -r "$copy/tests/lab/xl" "$copy/tests/lab/xlstandin" "$root/usr/lib/xl-stand-in"
chroot "$root" python3 -m compileall -q /usr/lib/xl-stand-in
ln -s ../lib/xl-stand-in/xl "$root/usr/sbin/xl"

# root may log in from every server to every server. They share one host key.
mkdir -m 700 "$root/root/.ssh"
for key in /root/.ssh/id_ed25519 /etc/ssh/ssh_host_ed25519_key; do
    chroot "$root" ssh-keygen -q -t ed25519 -N "" -C lab -f "$key"
done
cp "$root/root/.ssh/id_ed25519.pub" "$root/root/.ssh/authorized_keys"
echo "* $(cat "$root/etc/ssh/ssh_host_ed25519_key.pub")" >"$root/etc/ssh/ssh_known_hosts"
