#!/bin/busybox sh
# shellcheck shell=dash
# The first process of the tests' machine. Runs /job/*.sh, each in a shell of its own with a time
# limit, keeps what each wrote below /out, and writes that as an archive to a disk: a serial
# console may lose or change what goes over it.
/bin/busybox --install -s /bin
export PATH=/usr/sbin:/bin LC_ALL=C DM_DISABLE_UDEV=1 MDADM_NO_UDEV=1 LVM_SUPPRESS_FD_WARNINGS=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
# As udev does; keys are read by it.
ln -s /proc/self/fd /dev/fd
mkdir -p /dev/d /dev/md /run/lock/lvm /run/cryptsetup /run/mdadm /run/lvm
echo "UP $(cut -d' ' -f1 /proc/uptime)"
while read -r module; do
    insmod "$module" 2>/dev/null || echo "NO ${module##*/}"
done </modules/order
echo 0 >/proc/sys/kernel/printk_ratelimit

# The kernel looks for disks in the background: `disks=` on its command line says how many come.
disks=$(sed 's/.*disks=\([0-9]*\).*/\1/' /proc/cmdline)
for _ in $(seq 600); do
    # shellcheck disable=SC2012 # names of devices
    [ "$(ls -d /sys/block/sd* 2>/dev/null | wc -l)" = "$disks" ] && break
    sleep 0.1
done
# /dev/d/N is the Nth disk, /dev/d/N-P its partition P.
for block in /sys/block/sd*; do
    [ -e "$block" ] || continue
    address=$(readlink -f "$block/device")
    address=${address##*/}
    target=${address#*:*:}
    target=${target%:*}
    ln -s "/dev/${block##*/}" "/dev/d/$target"
    for partition in "$block"/sd*; do
        [ -e "$partition" ] || continue
        ln -s "/dev/${partition##*/}" "/dev/d/$target-$(cat "$partition/partition")"
    done
done
for block in /sys/block/vd*; do
    ln -s "/dev/${block##*/}" "/dev/$(cat "$block/serial")"
done
tar -xf /dev/job -C /job
echo "READY $(cut -d' ' -f1 /proc/uptime)"

for script in /job/*.sh; do
    name=${script##*/}
    name=${name%.sh}
    export OUT=/out/$name
    mkdir -p "$OUT"
    timeout 800 sh -c 'set -ex; . /functions.sh; . "$1"' sh "$script" >"$OUT/log" 2>&1
    echo $? >"$OUT/status"
    sh -c '. /functions.sh; release' >>"$OUT/log" 2>&1 || echo left >"$OUT/status"
    echo "CASE $name $(cat "$OUT/status") $(cut -d' ' -f1 /proc/uptime)"
done
dmesg >/out/dmesg
tar -cf /dev/out -C /out .
sync
echo "DONE $(cut -d' ' -f1 /proc/uptime)"
poweroff -f
