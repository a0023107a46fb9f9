#!/usr/bin/env bash
# Builds and tests the project in bare systems: systems.sh [SUITE:COMPILER]...
# By default the systems that README names, each with its own GCC, and Debian 13 with clang. A system
# is a new root folder made by debootstrap, with nothing installed but apt: what is missing in
# ./quickstart's lists is missed here. Needs root, debootstrap, and about an hour for each.
#   SYSTEMS_COMMAND  what runs in the checkout (default: ./quickstart test)
#   DEBIAN_MIRROR    where Debian's packages come from (default: this machine's own)
#   UBUNTU_MIRROR    the same for Ubuntu (default: the archive); Ubuntu is skipped without an answer
set -uo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)}
ubuntu=${UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu}
[ "$(id -u)" = 0 ] || { echo "systems: needs root" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "systems: needs debootstrap" >&2; exit 1; }

root=
leave() {
  [ -n "$root" ] || return 0
  for folder in dev sys proc; do umount -l "$root/$folder" 2>/dev/null; done
  rm -rf --one-file-system "$root"
  root=
}
trap leave EXIT

# make_root SUITE: 2 where the system's packages cannot be reached.
make_root() {
  local suite=$1 from=$mirror folder file
  root=$(mktemp -d)
  chmod 755 "$root"
  case $suite in
    noble | questing)
      from=$ubuntu
      timeout 600 debootstrap --variant=minbase --include=ca-certificates \
        --components=main,universe "$suite" "$root" "$from" >"$root.log" 2>&1 || return 2
      ;;
    *)
      debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$from" \
        >"$root.log" 2>&1 || { tail -n 3 "$root.log"; return 1; }
      ;;
  esac
  rm -f "$root.log"
  for folder in proc sys dev; do
    # A slave: what is unmounted below the root stays mounted in this system.
    mount --rbind "/$folder" "$root/$folder" && mount --make-rslave "$root/$folder" || return 1
  done
  # The way to the mirror: names, proxies and certificates are this machine's.
  for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt \
    /etc/apt/apt.conf.d/*proxy*; do
    [ ! -f "$file" ] || cp --remove-destination "$file" "$root$file"
  done
  mkdir -p "$root/tessera"
  git -C "$source" archive HEAD | tar x -C "$root/tessera"
}

# build_in SUITE COMPILER
build_in() {
  local packages=
  case $2 in clang++) packages=clang ;; g++) ;; *) packages=$2 ;; esac
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive CI=true CXX="$2" sh -ec "
      apt-get update -q
      [ -z '$packages' ] || apt-get install -qy --no-install-recommends $packages
      cd /tessera
      ${SYSTEMS_COMMAND:-./quickstart test}"
}

status=0
[ $# -gt 0 ] || set -- bookworm:g++ trixie:g++ trixie:clang++ noble:g++
for system; do
  suite=${system%%:*} compiler=${system#*:}
  log=systems-$suite-$compiler.log
  make_root "$suite"
  case $? in
    0)
      if build_in "$suite" "$compiler" >"$log" 2>&1; then
        echo "system $system: passed ($(sed -n 's/^Ok: *//p' "$log" | tail -n 1) tests)"
      else
        echo "system $system: FAILED, the log is $log"
        tail -n 20 "$log"
        status=1
      fi
      ;;
    2) echo "system $system: skipped, its packages cannot be reached" ;;
    *)
      echo "system $system: FAILED, no root folder could be made"
      status=1
      ;;
  esac
  leave
done
exit $status
