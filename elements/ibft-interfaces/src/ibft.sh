#!/bin/sh
# Tells networkd of the cards that the firmware's table of iSCSI (iBFT) has, as it has them, and to keep
# them so: the disk may be behind one.
# shellcheck shell=dash
set -eu
table=${DIBHOST_SYS:-/sys}/firmware/ibft
to=${DIBHOST_RUN:-/run}/systemd/network

attribute() {
    cat "$1/$2" 2>/dev/null || true
}

# Nothing, or what the firmware has where it has nothing.
is_none() {
    case $1 in
    '' | 0.0.0.0 | ::) return 0 ;;
    *) return 1 ;;
    esac
}

# How many bits a mask has.
length() {
    bits=0
    for byte in $(echo "$1" | tr . ' '); do
        while [ "$byte" -gt 0 ]; do
            bits=$((bits + byte % 2))
            byte=$((byte / 2))
        done
    done
    echo "$bits"
}

for card in "$table"/ethernet*; do
    [ -d "$card" ] || continue
    mac=$(attribute "$card" mac)
    # The first bit says that there is one.
    flags=$(attribute "$card" flags)
    [ -n "$mac" ] && [ $((${flags:-1} % 2)) -eq 1 ] || continue
    mkdir -p "$to"
    {
        echo '# Written at boot by the dibhost element `ibft-interfaces`.'
        printf '[Match]\nMACAddress=%s\n\n[Network]\nKeepConfiguration=yes\n' "$mac"
        address=$(attribute "$card" ip-addr)
        # 3 is "by DHCP", as RFC 4171 and the kernel have it.
        if is_none "$address" || [ "$(attribute "$card" origin)" = 3 ]; then
            echo DHCP=yes
        else
            bits=$(attribute "$card" prefix-len)
            [ -n "$bits" ] || bits=$(length "$(attribute "$card" subnet-mask)")
            printf 'DHCP=no\nAddress=%s/%s\n' "$address" "$bits"
            gateway=$(attribute "$card" gateway)
            is_none "$gateway" || echo "Gateway=$gateway"
            for server in primary-dns secondary-dns; do
                server=$(attribute "$card" "$server")
                is_none "$server" || echo "DNS=$server"
            done
        fi
    } >"$to/60-dibhost-${card##*/}.network"
    echo "ibft-interfaces: ${card##*/} is $mac"
done
