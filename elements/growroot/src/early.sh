# shellcheck shell=dash disable=SC2154

# Waits until udev has made a device, and says which one it is.
device() {
    local tries=0
    while [ ! -e "$1" ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 100 ]; then
            fail "there is no $1"
            return 1
        fi
        sleep 0.1
    done
    set -- "$(readlink -f "$1")"
    echo "${1##*/}"
}

# What lies below an encryption, the lowest first.
