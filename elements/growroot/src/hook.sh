#!/bin/sh
# What the script of the element `growroot` starts in the initramfs, beside what is there for LVM and
# RAID anyway.
case ${1-} in
prereqs) exit 0 ;;
esac
# shellcheck source=/dev/null
. /usr/share/initramfs-tools/hook-functions
copy_exec /usr/sbin/sfdisk
copy_exec /usr/bin/partx
