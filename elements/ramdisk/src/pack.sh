# The whole tree as an archive that a kernel unpacks and starts, to the file $1, compressed by $2; the
# other arguments are left out. What is mounted in the tree is not in it. fstab names disks that such a
# machine does not have, and `policy-rc.d` is there while a program runs in the tree, and no longer.
set -eu
to=$1 level=$2
shift 2
cd "${DIBHOST_TREE:-/}"
for without in "$@"; do
    set -- "$@" -o -path ".$without"
    shift
done
trap 'rm -f ".$to.list" ".$to.cpio" init' EXIT
ln -s sbin/init init
find . -xdev \( -path ".$to*" -o -path ./etc/fstab -o -path ./usr/sbin/policy-rc.d "$@" \) -prune \
    -o -print0 | LC_ALL=C sort -z >".$to.list"
cpio --null --create --format=newc --reproducible --quiet <".$to.list" >".$to.cpio"
zstd --quiet --force -T0 "-$level" -o ".$to" ".$to.cpio"
