#!/bin/sh
# Grows the partition that / is on, and its filesystem, as far as the disk goes. Nothing to do is
# fine, and so is a root that is no partition or whose filesystem is not known here.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

source=$(findmnt --noheadings --nofsroot --output SOURCE /) || exit 1
kind=$(findmnt --noheadings --output FSTYPE /) || exit 1
case $source in
/dev/*) ;;
*)
    echo "growroot: / is on $source, which is no device"
    exit 0
    ;;
esac
device=$(readlink -f "$source")
name=${device##*/}

if [ -e "/sys/class/block/$name/partition" ]; then
    number=$(cat "/sys/class/block/$name/partition")
    folder=$(readlink -f "/sys/class/block/$name")
    disk=/dev/$(basename "$(dirname "$folder")")
    # 0: grown; 1: there is nothing to grow into.
    growpart "$disk" "$number"
    status=$?
    if [ "$status" -gt 1 ]; then
        echo "growroot: growing partition $number of $disk failed with status $status" >&2
        exit "$status"
    fi
fi

case $kind in
ext2 | ext3 | ext4) exec resize2fs "$device" ;;
xfs) exec xfs_growfs / ;;
btrfs) exec btrfs filesystem resize max / ;;
*) echo "growroot: how to grow $kind is not known" ;;
esac
