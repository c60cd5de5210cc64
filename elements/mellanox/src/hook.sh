#!/bin/sh
# Puts the rules for cards of Mellanox into the initramfs; their modules are named to it elsewhere.
set -eu
case ${1-} in
prereqs) exit 0 ;;
esac
mkdir -p "$DESTDIR/lib/udev/rules.d"
cp /etc/udev/rules.d/60-dibhost-mellanox.rules "$DESTDIR/lib/udev/rules.d/"
