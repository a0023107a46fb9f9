#!/usr/bin/env bash
# Runs bench/make-bundle's folder in bare systems, with PoCL in place of the GPU: bundle.sh [SUITE]...
# A system is a new root folder made by debootstrap, with nothing installed but PoCL, its driver; there
# is no network. Needs a build with tests in build/, root and debootstrap.
#   DEBIAN_MIRROR    where Debian's packages come from (default: this machine's own)
#   UBUNTU_MIRROR    the same for Ubuntu (default: the archive); Ubuntu is skipped without an answer
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)}
ubuntu=${UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu}
[ "$(id -u)" = 0 ] || { echo "bundle: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "bundle: needs debootstrap" >&2; exit 1; }

folder=$(mktemp -d)
root=$folder/root
leave() {
  for mounted in dev sys proc; do umount -l "$root/$mounted" 2>/dev/null; done
  rm -rf --one-file-system "$root"
}
trap 'leave; rm -rf "$folder"' EXIT
"$source/bench/make-bundle" "$folder/bundle" "$source/build" || exit 1

# make_root SUITE: 2 where the system's packages cannot be reached.
make_root() {
  local suite=$1 from=$mirror options=
  case $suite in jammy | noble) from=$ubuntu options=--components=main,universe ;; esac
  timeout 900 debootstrap --variant=minbase --include=pocl-opencl-icd $options "$suite" "$root" "$from" \
    >"$folder/debootstrap.log" 2>&1 || {
    [ "$from" = "$ubuntu" ] && return 2
    tail -n 3 "$folder/debootstrap.log"
    return 1
  }
  for mounted in proc sys dev; do
    mount --rbind "/$mounted" "$root/$mounted" && mount --make-rslave "$root/$mounted" || return 1
  done
  cp -r "$folder/bundle" "$root/bundle"
}

# Each program of the bundle, without a network. On a busy processor some steps of gpu-check have too
# little time, which is no fault of the bundle. Ubuntu 22.04's PoCL does not know new processors.
run_bundle() {
  local bare="unshare -n chroot $root /usr/bin/env -i HOME=/root PATH=/usr/bin:/bin" device=opencl:0:0
  $bare /bundle/tessera devices | grep -A 2 "^$device" | grep -q '^ *usable' || device=cpu
  echo "$device" >"$folder/device"
  $bare /bundle/test_opencl -tc='the cache folder*' &&
    $bare /bundle/tessera profile --device $device --model tutorial --batch 4 --steps 2 || return
  [ $device != cpu ] || return 0
  $bare /bundle/gpu-check --device $device --minutes 2 --out /report
  grep -q 'open  *right' "$root/report/logs/02-doctor.log" &&
    grep -q 'steps failed;' "$root/report/report.md"
}

status=0
[ $# -gt 0 ] || set -- trixie jammy noble
for suite; do
  make_root "$suite"
  case $? in
    0)
      if run_bundle >"$folder/log" 2>&1; then
        echo "bundle $suite: passed on $(cat "$folder/device")"
      else
        echo "bundle $suite: FAILED"
        tail -n 20 "$folder/log"
        cat "$root/report/report.md" 2>/dev/null
        status=1
      fi
      ;;
    2) echo "bundle $suite: skipped, its packages cannot be reached" ;;
    *) status=1 ;;
  esac
  leave
done
exit $status
