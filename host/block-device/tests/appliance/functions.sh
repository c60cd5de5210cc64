# shellcheck shell=dash
# What the scripts of layouts are made of. Each stops its script unless all is as it should be.

fail() {
    echo "FAIL: $*"
    exit 1
}

# is WHAT HAVE WANT
is() {
    [ "$2" = "$3" ] || fail "$1 is \`$2\`, not \`$3\`"
}

# refused COMMAND...
refused() {
    if "$@"; then fail "\`$*\` was not refused"; fi
}

# size DEVICE BYTES
size() {
    echo "SIZE=$(blockdev --getsize64 "$1")" >>"$OUT/identity"
    is "the size of $1" "$(blockdev --getsize64 "$1")" "$2"
}

# tags DEVICE TAG=VALUE...: what blkid reads on a device
tags() {
    device=$1
    shift
    blkid -p -o export "$device" >"$OUT/blkid"
    # Btrfs gives each device a random UUID of its own, and the kernel numbers disks as they come.
    grep -vE '^(DEVNAME|UUID_SUB|PART_ENTRY_DISK)=' "$OUT/blkid" >>"$OUT/identity"
    for tag; do
        grep -qxF "$tag" "$OUT/blkid" || fail "$device has no $tag: $(cat "$OUT/blkid")"
    done
}

# luks DEVICE NAME OPTION KEY: OPTION is `--key-file` or `--volume-key-file`
luks() {
    cryptsetup luksDump "$1" >/dev/null
    cryptsetup open --type luks2 "$3" "$4" "$1" "$2"
}

# table DEVICE: a GPT
table() {
    sgdisk -v "$1" >"$OUT/sgdisk"
    grep -q 'No problems found' "$OUT/sgdisk" || fail "sgdisk -v $1: $(cat "$OUT/sgdisk")"
}

# array DEVICE LEVEL MEMBERS...
array() {
    md=$1
    level=$2
    shift 2
    for member; do
        mdadm --examine "$member" >"$OUT/examine"
        grep -q 'Checksum : .* - correct' "$OUT/examine" || fail "mdadm --examine $member"
    done
    mdadm --assemble "$md" "$@"
    [ "$level" != raid1 ] || in_step "/sys/block/${md##*/}/md"
    mdadm --detail "$md" >"$OUT/detail"
    grep -q "Raid Level : $level\$" "$OUT/detail" || fail "the level of $md"
    grep -qE 'State : (clean|active) *$' "$OUT/detail" || fail "the state of $md: $(grep State "$OUT/detail")"
    is "active devices of $md" "$(sed -n 's/.*Active Devices : //p' "$OUT/detail")" $#
}

# in_step FOLDER: a mirror whose halves are not made equal yet becomes so, and then they are, wherever
# the kernel looks
in_step() {
    mdadm --readwrite "$md" 2>/dev/null || :
    echo 1000000 >"$1/sync_speed_min"
    idle "$1"
    echo check >"$1/sync_action"
    idle "$1"
    is "mismatches of $md" "$(cat "$1/mismatch_cnt")" 0
}

# idle FOLDER: waits until an array does nothing by itself
idle() {
    until [ "$(cat "$1/sync_action")" = idle ]; do sleep 0.1; done
}

# group NAME DEVICES...: activates a volume group
group() {
    vg=$1
    shift
    devices=$(echo "$*" | tr ' ' ,)
    lvm vgck --devices "$devices" "$vg" >"$OUT/vgck" 2>&1
    is "what vgck says" "$(cat "$OUT/vgck")" ""
    lvm vgchange --devices "$devices" -ay "$vg"
    lvm lvs --devices "$devices" -a -o lv_name,segtype,lv_size,devices,lv_health_status "$vg"
}

# check KIND DEVICE: the kind's own fsck
check() {
    case $1 in
    ext?) e2fsck -fn "$2" ;;
    xfs) xfs_repair -n "$2" ;;
    btrfs) btrfs check --readonly "$2" ;;
    vfat) fsck.fat -n "$2" ;;
    erofs) fsck.erofs "$2" ;;
    squashfs) ;;
    *) fail "no check for $1" ;;
    esac
}

# list KIND DEVICE NAME TIME OPTIONS: mounts it and says what it holds
list() {
    mount -t "$1" -o "ro$5" "$2" /mnt
    list-tree /mnt "$4" >"$OUT/$3.list"
    umount /mnt
}

# writes KIND DEVICE: the kernel can write to it, and it is whole afterwards
writes() {
    mount -t "$1" "$2" /mnt
    mkdir /mnt/written
    dd if=/bin/busybox of=/mnt/written/file bs=64k 2>/dev/null
    umount /mnt
    mount -t "$1" -o ro "$2" /mnt
    cmp /bin/busybox /mnt/written/file
    umount /mnt
    check "$1" "$2"
}

# swap DEVICE
swap() {
    swapon "$1"
    grep "^$(readlink -f "$1") " /proc/swaps
    swapoff "$1"
}

# held DISK WORDS: the back-end `device` does not open it, and says so
held() {
    refused open-device "$1" 2>"$OUT/held"
    grep -qF "$2" "$OUT/held" || fail "$1: \`$2\` is not in: $(cat "$OUT/held")"
}

# inside NAME TIME NODE SECTOR...: makes the disks itself, and numbers them from 0 on. The shell has a
# `losetup` of its own, which knows no sectors.
inside() {
    folder=/made/$1
    grep -q ' /made ' /proc/mounts || mount -t ext4 /dev/work /made
    make-disks "$folder" /job/keys "$2"
    shift 2
    rm -f /dev/d/*
    number=0
    while [ $# -gt 0 ]; do
        disk=$(/usr/sbin/losetup --show --find --partscan --sector-size "$2" "$folder/$1.raw")
        ln -s "$disk" "/dev/d/$number"
        for partition in "$disk"p*; do
            [ -e "$partition" ] && ln -s "$partition" "/dev/d/$number-${partition#"$disk"p}"
        done
        number=$((number + 1))
        shift 2
    done
}

# Undoes all that a script may have left; fails if something stays.
release() {
    cd / || return 1
    for _ in 1 2 3 4 5 6 7 8; do
        while umount /mnt 2>/dev/null; do :; done
        swapoff -a 2>/dev/null
        dmsetup remove_all
        mdadm --stop --scan 2>/dev/null
        /usr/sbin/losetup --detach-all
        if [ "$(dmsetup ls)" = "No devices found" ] && ! ls -d /sys/block/md* 2>/dev/null; then
            return 0
        fi
        sleep 0.2
    done
    dmsetup ls --tree
    cat /proc/mdstat /proc/mounts
    return 1
}
