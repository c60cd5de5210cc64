#!/bin/sh
# Grows all that / is on as far as the disks go: partitions, RAIDs, physical volumes, the logical
# volume, the filesystem. Nothing to do is fine. An encryption takes what lies below it when it is
# opened: what has to grow before that is grown in the initramfs, by these functions too.
# shellcheck shell=dash
# shellcheck disable=SC2034 # `failed` is read by what follows
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH

failed=0
fail() {
    echo "growroot: $*" >&2
    failed=1
}

# Sectors of 512 bytes between the end of a partition and what comes after it on its disk.
behind() {
    local disk="$1" name="$2" start end next other
    start=$(cat "/sys/class/block/$name/start")
    end=$((start + $(cat "/sys/class/block/$name/size")))
    next=$(cat "/sys/class/block/$disk/size")
    for other in "/sys/class/block/$disk/$disk"*/start; do
        [ -e "$other" ] || continue
        other=$(cat "$other")
        [ "$other" -le "$start" ] || [ "$other" -ge "$next" ] || next=$other
    done
    echo $((next - end))
}

# Gives an entry of the table a size; none: up to where the next one begins, or the disk ends.
entry() {
    local said
    said=$(echo ",${3:-+}" | sfdisk --quiet --no-reread --no-tell-kernel --force -N "$2" "/dev/$1" 2>&1) ||
        fail "growing partition $2 of $1: $said"
}

# A partition, and before it the extended one that it lies in.
partition() {
    local name="$1" number folder disk extended gap size
    number=$(cat "/sys/class/block/$name/partition")
    folder=$(readlink -f "/sys/class/block/$name")
    folder=${folder%/*}
    disk=${folder##*/}
    # Less than 2 MiB is what tables and alignment leave.
    gap=$(behind "$disk" "$name")
    [ "$gap" -ge 4096 ] || return 0
    size=$(cat "/sys/class/block/$name/size")
    if [ "$number" -gt 4 ]; then
        extended=$(sfdisk --dump "/dev/$disk" 2>/dev/null |
            sed -nE 's/^[^ ]*[^0-9]([0-9]+) : .*type=(5|f|85)(,.*)?$/\1/p')
        [ -z "$extended" ] || entry "$disk" "$extended"
    fi
    # Whole MiB, for an encryption of 4096-byte sectors opens on no other; the last one is the table's.
    size=$(((size + gap) / 2048 - 1))
    entry "$disk" "$number" "${size}MiB"
    partx --update --nr "$number" "/dev/$disk" || fail "telling the kernel of partition $number of $disk"
}

array() {
    [ "$(cat "/sys/class/block/$1/md/level")" = raid1 ] || return 0
    mdadm --quiet --grow "/dev/$1" --size=max || fail "growing the RAID $1"
}

# The logical volume of a group, or the pool that it is in, takes what its group has left.
volume() {
    local group="$1" name="$2" pool free
    pool=$(lvm lvs --noheadings --options pool_lv "$group/$name") || fail "looking at $group/$name"
    free=$(lvm vgs --noheadings --options vg_free_count "$group") || fail "looking at $group"
    pool=$(printf %s "$pool" | tr -d ' ')
    free=$(printf %s "$free" | tr -d ' ')
    [ "${free:-0}" -gt 0 ] || return 0
    lvm lvextend --quiet --quiet --extents +100%FREE "$group/${pool:-$name}" >/dev/null ||
        fail "growing $group/${pool:-$name}"
}

# A block device by its name in /sys, after all that it is on.
grow() {
    local name="$1" kind='' lower
    if [ -e "/sys/class/block/$name/partition" ]; then
        partition "$name"
        return
    fi
    [ ! -e "/sys/class/block/$name/dm/uuid" ] || kind=$(cat "/sys/class/block/$name/dm/uuid")
    for lower in "/sys/class/block/$name/slaves/"*; do
        [ -e "$lower" ] || continue
        lower=${lower##*/}
        grow "$lower"
        case $kind in
        LVM-*)
            # What is no part of LVM itself is a physical volume.
            case $(cat "/sys/class/block/$lower/dm/uuid" 2>/dev/null) in
            LVM-*) ;;
            *) lvm pvresize --quiet --quiet "/dev/$lower" || fail "growing the physical volume $lower" ;;
            esac
            ;;
        esac
    done
    if [ -e "/sys/class/block/$name/md" ]; then
        array "$name"
    fi
    case $kind in
    # Hidden ones, as the data of a pool, have a word behind the two identifiers.
    LVM-*-*) ;;
    LVM-*)
        lower=/dev/mapper/$(cat "/sys/class/block/$name/dm/name")
        # shellcheck disable=SC2046 # two words
        set -- $(lvm lvs --noheadings --options vg_name,lv_name "$lower")
        [ $# -eq 2 ] || fail "looking at $lower"
        [ $# -ne 2 ] || volume "$1" "$2"
        ;;
    esac
}
