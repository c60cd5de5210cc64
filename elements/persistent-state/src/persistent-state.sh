#!/bin/sh
# Keeps what is to outlive a redeploy on a filesystem of its own. `start` finds it, or makes it where there
# is none, mounts it and binds what is on it to where it belongs; `save` takes up host keys that were made
# since. What is there already is never formatted.
# shellcheck shell=dash
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

label=dibhost-state
at=/var/lib/persistent-state
size=0 device='' folders='' host_keys=no
# shellcheck source=/dev/null
. "${DIBHOST_PERSISTENT_STATE:-/etc/dibhost/persistent-state}"

fail() {
    echo "persistent-state: $*" >&2
    exit 1
}

# The partition of this name on a disk.
partition() {
    sfdisk --dump "/dev/$1" 2>/dev/null | sed -n "s|^\(/dev/[^ ]*\) :.* name=\"$label\".*|\1|p" | head -n 1
}

# Sectors of 512 bytes up to where the last partition of a disk ends.
used() {
    end=0
    for part in "/sys/class/block/$1/$1"*; do
        [ -e "$part/start" ] || continue
        stop=$(($(cat "$part/start") + $(cat "$part/size")))
        [ "$stop" -le "$end" ] || end=$stop
    done
    echo "$end"
}

# At the end of the disk, counted from there: what writes the image anew comes not so far, and the next
# system finds it in the same place.
make_partition() {
    disk=$1
    whole=$(($(cat "/sys/class/block/$disk/size") / 2048))
    # The last MiB is the table's.
    start=$((whole - 1 - size))
    if [ "$start" -lt $((($(used "$disk") + 2047) / 2048)) ]; then
        fail "the disk $disk has no $size MiB behind its partitions"
    fi
    unit=$(($(cat "/sys/class/block/$disk/queue/logical_block_size") / 512))
    # The copy of the table is where the image ended.
    said=$(sfdisk --quiet --no-reread --no-tell-kernel --force --relocate gpt-bak-std "/dev/$disk" 2>&1) ||
        fail "moving the copy of the table of $disk to its end: $said"
    said=$(echo "start=$((start * 2048 / unit)), size=$((size * 2048 / unit)), type=linux, name=$label" |
        sfdisk --quiet --no-reread --no-tell-kernel --force --append "/dev/$disk" 2>&1) ||
        fail "adding a partition to $disk: $said"
    made=$(partition "$disk")
    [ -n "$made" ] || fail "the new partition of $disk is not in its table"
    number=$(echo "$made" | sed -E 's/.*[^0-9]([0-9]+)$/\1/')
    partx --add --nr "$number" "/dev/$disk" || fail "telling the kernel of $made"
}

# The device that all is kept on.
find_device() {
    if [ -n "$device" ]; then
        [ -b "$device" ] || fail "there is no device $device"
        return
    fi
    source=$(findmnt --noheadings --nofsroot --output SOURCE /) || fail "looking for what / is on"
    name=$(readlink -f "$source")
    name=${name##*/}
    [ -e "/sys/class/block/$name/partition" ] || fail "/ is on $source, which is no partition"
    folder=$(readlink -f "/sys/class/block/$name")
    folder=${folder%/*}
    disk=${folder##*/}
    device=$(partition "$disk")
    if [ -z "$device" ]; then
        make_partition "$disk"
        device=$made
    fi
}

# A filesystem of ours is on it afterwards, made only where there was nothing at all.
make_filesystem() {
    kind=$(blkid --probe --output value --match-tag TYPE "$device")
    table=$(blkid --probe --output value --match-tag PTTYPE "$device")
    own=$(blkid --probe --output value --match-tag LABEL "$device")
    case "$kind.$table" in
    .) mkfs.ext4 -q -L "$label" "$device" || fail "making a filesystem on $device" ;;
    ext4.)
        [ "$own" = "$label" ] || fail "$device has an ext4 called '$own', which is left alone"
        fsck.ext4 -p "$device"
        [ $? -le 1 ] || fail "the filesystem on $device has to be repaired: fsck.ext4 $device"
        ;;
    *) fail "$device has '$kind$table' on it, which is left alone; 'wipefs --all' takes it away" ;;
    esac
}

# A folder of the image as it was made there, whole or not at all.
take() {
    from=$1 to=$2
    rm -rf "$to.new"
    mkdir -p "$to.new" || return 1
    cp -a "$from/." "$to.new/" && chown --reference="$from" "$to.new" &&
        chmod --reference="$from" "$to.new" && mv "$to.new" "$to"
}

start() {
    find_device
    make_filesystem
    mkdir -p "$at" || fail "making $at"
    mountpoint -q "$at" || mount -t ext4 -o nosuid,nodev "$device" "$at" || fail "mounting $device"
    for folder in $folders; do
        mkdir -p "$folder" || fail "making $folder"
        kept=$at/folders$folder
        [ -d "$kept" ] || take "$folder" "$kept" || fail "keeping $folder"
        mountpoint -q "$folder" || mount --bind "$kept" "$folder" || fail "binding $folder"
    done
    if [ "$host_keys" = yes ] && [ -d "$at/ssh" ]; then
        cp -p "$at/ssh/"ssh_host_* /etc/ssh/ || fail "placing the host keys"
    fi
}

save() {
    mountpoint -q "$at" || fail "$at is not there"
    [ "$host_keys" = yes ] && [ ! -d "$at/ssh" ] || return 0
    set -- /etc/ssh/ssh_host_*
    [ -e "$1" ] || return 0
    rm -rf "$at/ssh.new"
    mkdir -m 0700 "$at/ssh.new" && cp -p "$@" "$at/ssh.new/" && sync "$at/ssh.new" &&
        mv "$at/ssh.new" "$at/ssh" || fail "keeping the host keys"
}

case ${1-} in
start) start ;;
save) save ;;
*) fail "it takes 'start' or 'save'" ;;
esac
