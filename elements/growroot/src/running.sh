# shellcheck shell=dash disable=SC2154

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
grow "${device##*/}"

case $kind in
ext2 | ext3 | ext4) resize2fs "$device" || fail "growing the $kind" ;;
xfs) xfs_growfs / || fail "growing the xfs" ;;
btrfs) btrfs filesystem resize max / || fail "growing the btrfs" ;;
*) echo "growroot: how to grow $kind is not known" ;;
esac
exit "$failed"
