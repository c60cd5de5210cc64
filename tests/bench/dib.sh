#!/bin/bash
# Compares the time and CPU seconds of dibhost with those of diskimage-builder (DIB), in one run
# on one machine, both with their downloads cached and their work in tmpfs:
#
#   DIB       disk-image-create debian-minimal vm block-device-gpt      (qcow2, zlib: its default)
#   dibhost   dibhost build debian-minimal vm                           (qcow2, zstd: its default)
#
#   tests/bench/dib.sh [--dib-runs N] [--dibhost-runs N] [--zlib] [--no-warm-up]
#
# N runs each (default 1 of DIB, 3 of dibhost), of which the medians are compared; `--zlib` adds
# runs of dibhost with DIB's own compression. One build of each goes before, unmeasured, to fill
# the caches. 0 runs of DIB leave it out. CPU seconds are user and system time of the process and
# all descendants it waited for. Needs root; `make bench` installs what it needs.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(dirname "$(dirname "$here")")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/dibhost/bench

dib_runs=1
dibhost_runs=3
zlib=
warm_up=yes
while [ $# -gt 0 ]; do
    case $1 in
    --dib-runs) dib_runs=$2 && shift ;;
    --dibhost-runs) dibhost_runs=$2 && shift ;;
    --zlib) zlib=yes ;;
    --no-warm-up) warm_up= ;;
    *)
        echo "dib.sh: \`$1\` is no option; the first lines of the script list them." >&2
        exit 2
        ;;
    esac
    shift
done
if [ "$(id -u)" != 0 ]; then
    echo "dib.sh: both builders need root: \`sudo make bench\`." >&2
    exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$cache"

# --- DIB ----------------------------------------------------------------------------------

# 3.43 is what the project's goals were set against; newer setuptools lack pkg_resources.
venv=$cache/dib-3.43
install_dib() {
    [ ! -x "$venv/bin/disk-image-create" ] || return 0
    echo "Installing diskimage-builder 3.43 in $venv"
    /usr/bin/python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet 'diskimage-builder==3.43.*' 'setuptools<80'
}

# The archive of one suite in this machine's own apt sources.
archive() {
    # shellcheck disable=SC2016 # apt-get replaces these, not the shell
    apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(CREATED_BY) $(REPO_URI)' |
        awk -v suite="$1" '$1 == suite && $2 == "main" && $3 == "Packages" { print $4; exit }'
}

build_dib() {
    local mirror security
    mirror=$(archive bookworm)
    security=$(archive bookworm-security)
    : "${mirror:?the apt sources of this machine name no archive with the suite bookworm}"
    # Where the kernel has device-mapper, the machine's own kpartx is the fair one. Else the shims
    # go where sudo looks first, in a mount namespace of DIB's own.
    local shims=
    if ! grep -qw device-mapper /proc/misc || ! command -v kpartx >/dev/null; then
        shims=$here/dib-shims
    fi
    # shellcheck disable=SC2016 # the inner shell's own variables
    env -i PATH="$venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
        HOME="$work" LC_ALL=C.UTF-8 SHIMS="$shims" DIB_RELEASE=bookworm \
        DIB_DISTRIBUTION_MIRROR="${mirror%/}" \
        ${security:+DIB_DEBIAN_SECURITY_MIRROR="${security%/}"} \
        unshare --mount sh -c '[ -z "$SHIMS" ] || mount --bind "$SHIMS" /usr/local/sbin; exec "$@"' sh \
        disk-image-create --image-cache "$cache/dib-cache" -o "$work/dib" -t qcow2 \
        debian-minimal vm block-device-gpt
}

# --- dibhost ------------------------------------------------------------------------------

dibhost=${DIBHOST:-$root/out/bin/dibhost}
definition() {
    cat >"$work/$1.toml" <<TEXT
[image]
name = "$1"
elements = ["debian-minimal", "vm"]
formats = ["qcow2"]
qcow2-compression = "$2"

[parameters.debian-minimal]
release = "bookworm"
TEXT
}
build_dibhost() {
    # From nothing but what was downloaded: `make bench-cache` is about layers.
    "$dibhost" build --no-cache --cache "$cache/dibhost-cache" "$work/$1.toml" -o "$work/$1.qcow2"
}

# --- measuring ----------------------------------------------------------------------------

# measure NAME COMMAND…: appends "wall cpu" in seconds to $work/NAME.times.
measure() {
    local name=$1 TIMEFORMAT='%R %U %S'
    shift
    rm -f "$work/$name.qcow2"
    if ! { time "$@" >"$work/$name.log" 2>&1; } 2>"$work/time"; then
        echo "dib.sh: building with $name failed; the end of what it said:" >&2
        tail -n 40 "$work/$name.log" >&2
        exit 1
    fi
    awk '{ printf "%.1f %.1f\n", $1, $2 + $3 }' "$work/time" | tee -a "$work/$name.times" |
        sed "s/^/  $name: wall and CPU seconds: /"
}

median() { # NAME COLUMN
    cut -d' ' -f"$2" "$work/$1.times" | sort -n |
        awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

mebibytes() { echo $((($(stat -c %s "$1") + 1048575) / 1048576)); }

row() { # NAME LABEL
    printf '%-28s %6s s %6s s %6s MiB' "$2" "$(median "$1" 1)" "$(median "$1" 2)" "$(mebibytes "$work/$1.qcow2")"
    if [ -f "$work/dib.times" ]; then
        awk -v a="$(median "$1" 1)" -v b="$(median dib 1)" -v c="$(median "$1" 2)" -v d="$(median dib 2)" \
            'BEGIN { printf "   %5.2f %5.2f", a / b, c / d }'
    fi
    echo
}

echo "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg), Linux $(uname -r)"
definition dibhost zstd
definition dibhost-zlib zlib
if [ -n "$warm_up" ] && [ "$dibhost_runs" -gt 0 ]; then
    echo "Filling dibhost's caches"
    build_dibhost dibhost >"$work/warm-up.log" 2>&1 || { tail -n 40 "$work/warm-up.log" >&2; exit 1; }
fi
if [ "$dib_runs" -gt 0 ]; then
    install_dib
    if [ -n "$warm_up" ]; then
        echo "Filling DIB's caches"
        build_dib >"$work/warm-up.log" 2>&1 || { tail -n 40 "$work/warm-up.log" >&2; exit 1; }
    fi
fi

for ((run = 0; run < dib_runs; run++)); do measure dib build_dib; done
for ((run = 0; run < dibhost_runs; run++)); do
    measure dibhost build_dibhost dibhost
    [ -z "$zlib" ] || measure dibhost-zlib build_dibhost dibhost-zlib
done

echo
printf '%-28s %8s %8s %10s   %s\n' "median" "wall" "CPU" "qcow2" "of DIB's"
[ "$dib_runs" -eq 0 ] || row dib "DIB 3.43"
if [ "$dibhost_runs" -gt 0 ]; then
    row dibhost "dibhost (zstd)"
    [ -z "$zlib" ] || row dibhost-zlib "dibhost (zlib)"
    echo
    echo "dibhost's last run:"
    sed -n '/^Where the time went/,/ in all$/p' "$work/dibhost.log"
fi
