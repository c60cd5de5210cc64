# shellcheck shell=dash disable=SC2154
# What follows the functions of `growroot`, which grow partitions and physical volumes: here the volumes
# of a group take the shares that were said, once for each size that the group comes to have.

# Nobody takes all.
volume() { :; }

kept=/var/lib/dibhost-growvols

# Extents of a group: its `vg_extent_count`, `vg_free_count`, or bytes of each (`vg_extent_size`).
of_group() {
    lvm vgs --noheadings --nosuffix --units b --options "$2" "$1" | tr -d ' '
}

# The filesystem that is mounted there, on the device.
resize() {
    local at="$1" device="$2"
    case $(findmnt --noheadings --output FSTYPE --mountpoint "$at") in
    ext2 | ext3 | ext4) resize2fs "$device" || fail "growing the filesystem at $at" ;;
    xfs) xfs_growfs "$at" || fail "growing the filesystem at $at" ;;
    btrfs) btrfs filesystem resize max "$at" || fail "growing the filesystem at $at" ;;
    *) fail "how to grow what is at $at is not known" ;;
    esac
}

# Group, volume, place, extents.
extend() {
    [ "$4" -gt 0 ] || return 0
    lvm lvextend --quiet --quiet --extents "+$4" "$1/$2" >/dev/null || {
        fail "growing $1/$2"
        return 0
    }
    resize "$3" "/dev/$1/$2"
}

# A size in MiB, as far as there is so much; what is left is in `left`.
size() {
    local extents=$(($4 * 1048576 / extent))
    [ "$extents" -le "$left" ] || extents=$left
    left=$((left - extents))
    extend "$1" "$2" "$3" "$extents"
}

# Hundredths of what was left after all sizes; the last of all hundred takes what rounding left.
percent() {
    local extents=$((whole * $4 / 100))
    given=$((given + $4))
    [ "$given" -lt 100 ] || extents=$left
    left=$((left - extents))
    extend "$1" "$2" "$3" "$extents"
}

# Grows what a group is on; false where it has no more than it had.
group() {
    local device
    device=$(readlink -f "/dev/$1/$2")
    grow "${device##*/}"
    count=$(of_group "$1" vg_extent_count) && extent=$(of_group "$1" vg_extent_size) &&
        left=$(of_group "$1" vg_free_count) || {
        fail "looking at $1"
        return 1
    }
    [ "$(cat "$kept/$1" 2>/dev/null)" != "$count" ] || return 1
    given=0
}

# What is noted is not shared anew.
note() {
    mkdir -p "$kept" && echo "$count" >"$kept/$1" || fail "noting the size of $1"
}
