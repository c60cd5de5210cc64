#!/bin/sh
# Lets in whom the kernel's command line names: `rootpwd=` is root's password as crypt(3) hashes it,
# `sshkey=` a public key that logs in as root. Either may be in base64, which no boot loader takes
# apart at its spaces and dollar signs.
# shellcheck shell=dash
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
umask 077

failed=0
fail() {
    echo "dynamic-login: $*" >&2
    failed=1
}

line=" $(cat /proc/cmdline) "

# What the last `NAME=` of the command line says: a word, or what stands between quotes. Boot loaders
# put them around the value or around all of it.
value() {
    local rest=''
    case $line in
    *" $1="*)
        rest=${line##*" $1="}
        case $rest in
        \"*)
            rest=${rest#\"}
            rest=${rest%%\"*}
            ;;
        *) rest=${rest%% *} ;;
        esac
        ;;
    *" \"$1="*)
        rest=${line##*" \"$1="}
        rest=${rest%%\"*}
        ;;
    esac
    printf '%s' "$rest"
}

password=$(value rootpwd)
if [ -n "$password" ]; then
    case $password in
    \$*) ;;
    *) password=$(printf '%s' "$password" | base64 -d 2>/dev/null) || password='' ;;
    esac
    case $password in
    # A second line would be another account.
    *[!A-Za-z0-9./\$=,+_-]*) fail "\`rootpwd=\` is no password that crypt(3) hashed" ;;
    \$?*\$?*) printf 'root:%s\n' "$password" | chpasswd --encrypted || fail "setting root's password" ;;
    *) fail "\`rootpwd=\` is neither a password that crypt(3) hashed nor one in base64" ;;
    esac
fi

key=$(value sshkey)
if [ -n "$key" ]; then
    case $key in
    *' '*) ;;
    *) key=$(printf '%s' "$key" | base64 -d 2>/dev/null) || key='' ;;
    esac
    # Its kind and the key alone: what stands before them would be options, and behind them a comment.
    kind=${key%% *}
    rest=${key#* }
    key="$kind ${rest%% *}"
    case $key in
    *[!A-Za-z0-9@.+/=\ -]*) fail "\`sshkey=\` is no public key" ;;
    ssh-?*\ ?* | ecdsa-?*\ ?* | sk-?*\ ?*)
        file=/root/.ssh/authorized_keys
        if mkdir -p /root/.ssh && touch "$file"; then
            if ! grep -qF -- "$key" "$file"; then
                # The last line of a file may have no end.
                [ -z "$(tail -c 1 "$file")" ] || echo >>"$file"
                printf '%s dynamic-login\n' "$key" >>"$file" || fail "writing $file"
            fi
            ! command -v restorecon >/dev/null || restorecon -R /root/.ssh
        else
            fail "making $file"
        fi
        ;;
    *) fail "\`sshkey=\` is neither a public key nor one in base64" ;;
    esac
fi
exit "$failed"
