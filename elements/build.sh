#!/bin/sh
# Builds elements to components:
#
#   elements/build.sh [--out DIR]                 all of them, into DIR (default: out/elements)
#   elements/build.sh --only FOLDER [--out DIR]   the element in FOLDER
#
# DIR/NAME.wasm is written only when it changed. DIR/digests.txt lists those that come with
# dibhost (`sha256:… NAME`). The examples are in DIR/examples: nobody who lists elements, or mistypes
# the name of one, means them. The digests are those of the sources: no path of the builder is in a
# component.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(dirname -- "$here")
out=$root/out/elements
only=
target=wasm32-wasip2

fail() {
    printf '%s\n' "elements/build.sh: $*" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
    --out | --only)
        [ $# -ge 2 ] || fail "\`$1\` needs a folder after it."
        if [ "$1" = --out ]; then out=$2; else only=$2; fi
        shift 2
        ;;
    *) fail "\`$1\` is no option; there are \`--out DIR\` and \`--only FOLDER\`." ;;
    esac
done

cache=${DIBHOST_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/dibhost}
target_dir=$cache/guest-target
mkdir -p "$out" "$target_dir"
out=$(CDPATH='' cd -- "$out" && pwd -P)

# Where the sources are taken from, in the order of the folders' names.
if [ -n "$only" ]; then
    [ -f "$only/Cargo.toml" ] || fail "there is no element in \`$only\`: it has no Cargo.toml."
    workspace=$(CDPATH='' cd -- "$only" && pwd -P)
    set -- "$workspace"
else
    workspace=$here
    set --
    for manifest in "$here"/*/Cargo.toml "$here"/examples/*/Cargo.toml; do
        # What is no component is a library of others.
        grep -q cdylib "$manifest" || continue
        set -- "$@" "${manifest%/Cargo.toml}"
    done
fi

# One build at a time: what is copied below is what was built here.
if command -v flock >/dev/null; then
    exec 9>"$target_dir/build.lock"
    flock 9
fi

# Puts standard input at "$1" as a whole, unless that is what is there.
place() {
    new=$1.new.$$
    cat >"$new"
    if cmp -s "$new" "$1"; then rm -f "$new"; else mv -f "$new" "$1"; fi
}

# What makes the same bytes at every place. Cargo names a crate outside of its workspace (the SDK)
# by its path, and all symbols after that name; here they are named by name and version. Not
# RUSTFLAGS, which would have every clone build the standard library for itself.
wrapper=$target_dir/rustc-anywhere
place "$wrapper" <<'WRAPPER'
#!/bin/sh
rustc=$1
shift
[ -n "${CARGO_MANIFEST_DIR:-}" ] || exec "$rustc" "$@"
case $CARGO_MANIFEST_DIR/ in
"$DIBHOST_ROOT"/* | "$DIBHOST_WORKSPACE"/*)
    for argument; do
        shift
        case $argument in
        metadata=*) argument=metadata=$CARGO_PKG_NAME-$CARGO_PKG_VERSION ;;
        esac
        set -- "$@" "$argument"
    done
    ;;
esac
# Of several that fit, the last counts.
exec "$rustc" "$@" --remap-path-prefix="$DIBHOST_CARGO_HOME=/cargo" \
    --remap-path-prefix="$DIBHOST_TARGET_DIR=/target" \
    --remap-path-prefix="$DIBHOST_WORKSPACE=/element" \
    --remap-path-prefix="$DIBHOST_ROOT=/dibhost"
WRAPPER
[ -x "$wrapper" ] || chmod +x "$wrapper"
export DIBHOST_ROOT="$root" DIBHOST_WORKSPACE="$workspace" DIBHOST_TARGET_DIR="$target_dir"
export DIBHOST_CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" RUSTC_WRAPPER="$wrapper"

newest() {
    find "$1" -maxdepth "$2" -path "$3" 2>/dev/null | sort -V | tail -n 1
}

sysroot=$(cd "$workspace" && rustc --print sysroot 2>/dev/null) || sysroot=
debian_sysroot=$(/usr/bin/rustc --print sysroot 2>/dev/null) || debian_sysroot=
debian_libc=/usr/lib/wasm32-wasi
lld=$(newest /usr/bin 1 '/usr/bin/lld-[0-9]*')
wasm_ld=$(newest /usr/lib 3 '/usr/lib/llvm-*/bin/wasm-ld')

if [ -n "$sysroot" ] && [ -d "$sysroot/lib/rustlib/$target" ]; then
    # The toolchain of this folder has the target: `rustup target add`.
    build() {
        cargo build "$@"
    }
elif [ -x /usr/bin/cargo ] && [ -d "$debian_libc" ] && [ -n "$lld" ] && [ -n "$wasm_ld" ] &&
    [ -e "$debian_sysroot/lib/rustlib/src/rust/library/Cargo.lock" ]; then
    # Debian's packages build the standard library themselves. Their rustc calls its linker by
    # the names that rustup's toolchains have.
    links=$target_dir/linkers
    mkdir -p "$links"
    ln -sfn "$lld" "$links/rust-lld"
    ln -sfn "$wasm_ld" "$links/wasm-ld"
    build() {
        PATH=$links:/usr/bin:$PATH RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 \
            RUSTFLAGS="-L $debian_libc" \
            /usr/bin/cargo build -Zbuild-std=std,panic_abort "$@"
    }
else
    fail "no Rust toolchain here builds for $target: run \`rustup target add $target\`, or on" \
        "Debian \`apt-get install --no-install-recommends rustc-web cargo-web rust-web-src" \
        "rust-web-llvm lld-19 wasi-libc\`."
fi

# Settings of the host's build are not those of the elements'.
unset CARGO_TARGET_DIR CARGO_BUILD_TARGET CARGO_BUILD_RUSTFLAGS CARGO_ENCODED_RUSTFLAGS RUSTFLAGS
locked=
if [ -f "$workspace/Cargo.lock" ]; then locked=--locked; fi
build ${locked:+"$locked"} --release --target "$target" --target-dir "$target_dir" \
    --manifest-path "$workspace/Cargo.toml"

digests=
for folder in "$@"; do
    name=$(sed -n 's/^name = "\(.*\)"$/\1/p' "$folder/Cargo.toml" | head -n 1)
    file=$(printf '%s' "$name" | tr - _).wasm
    made=$target_dir/$target/release/$file
    case $folder in
    "$here"/examples/*)
        mkdir -p "$out/examples"
        place "$out/examples/$name.wasm" <"$made"
        # Where they were before.
        rm -f "$out/$name.wasm"
        continue
        ;;
    esac
    place "$out/$name.wasm" <"$made"
    case $folder in
    "$here"/*) ;;
    *) continue ;;
    esac
    digest=$(sha256sum <"$out/$name.wasm")
    digests="${digests}sha256:${digest%% *} $name
"
done
if [ -z "$only" ]; then
    printf '%s' "$digests" | place "$out/digests.txt"
fi
