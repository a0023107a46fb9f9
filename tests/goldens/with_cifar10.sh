#!/bin/sh
# with_cifar10.sh SOURCE_ROOT FOLDER COMMAND...: runs the command with TESSERA_CIFAR10_DIR set. Where
# it is not, and compressed files lie beside the source, they are unpacked into FOLDER, once.
set -eu
compressed=$1/../shared/data/cifar10
folder=$2
shift 2
if [ -z "${TESSERA_CIFAR10_DIR:-}" ] && [ -d "$compressed" ]; then
  mkdir -p "$folder"
  for file in "$compressed"/data_batch_*.bin.xz; do
    out=$folder/$(basename "$file" .xz)
    [ -f "$out" ] || { xz -dc "$file" >"$out.part" && mv "$out.part" "$out"; }
  done
  export TESSERA_CIFAR10_DIR="$folder"
fi
exec "$@"
