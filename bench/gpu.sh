#!/bin/sh
# bench/gpu.sh [--minutes N] [--device ID] [--build DIR] [--out DIR]
# Checks, profiles, compares and tunes Tessera on a GPU within a time budget, the important first.
# Everything is written under --out as it goes: a run that is cut short keeps what it has.
#   --minutes  the budget, 10 by default; the limit of each step grows and shrinks with it
#   --device   an id of `tessera devices`; default: the first OpenCL GPU
#   --build    a build with tests; default: build/, which is made first if it is not there
#   --out      default: gpu-<device>
# DIR gets report.md, logs/ (each step's output), programs/ (source, build log and binary of each
# program; NVIDIA's binaries are PTX), traces/ and tuning/. Drivers without a registered .icd file are
# found. The variable PYTHON names a Python with PyTorch (default: python3); without CUDA there, or
# without Python, the comparison is left out. The exit code is 1 if a step failed.
set -u
here=$PWD
cd "$(dirname "$0")/.." || exit 1

minutes=10 device='' build='' out=''
python=${PYTHON:-python3}
wrong() {
  echo "gpu.sh: $*" >&2
  exit 2
}
fail() {
  echo "gpu.sh: $*" >&2
  exit 1
}
while [ $# -gt 0 ]; do
  case "$1" in
    --minutes | --device | --build | --out)
      [ $# -gt 1 ] || wrong "$1 needs a value"
      eval "${1#--}=\$2"
      shift
      ;;
    *) wrong "unknown argument '$1'; expected --minutes N, --device ID, --build DIR or --out DIR" ;;
  esac
  shift
done
budget=$(echo "$minutes" | awk '/^[0-9]+([.][0-9]+)?$/ { printf "%d", 60 * $1 }')
[ "${budget:-0}" -gt 0 ] || wrong "--minutes is '$minutes', expected a number above 0"

case $build in /* | '') ;; *) build=$here/$build ;; esac
if [ -z "$build" ]; then
  build=build
  [ -x build/bench/tessera-bench ] || ./quickstart build || fail "the build failed"
fi
tessera=$build/tools/tessera
[ -x "$build/bench/tessera-bench" ] || fail "there is no $build/bench/tessera-bench: build with -Dtests=enabled"
begin=$(date +%s)

# Drivers that are there but not registered get an .icd file of their own.
own_icds=$(mktemp -d)
trap 'rm -rf "$own_icds"' EXIT
registered=${OCL_ICD_VENDORS:-/etc/OpenCL/vendors}
[ -d "$registered" ] && cp "$registered"/*.icd "$own_icds" 2>/dev/null
added=
for name in libnvidia-opencl.so.1 libamdocl64.so libigdrcl.so libpocl.so.2; do
  cat "$own_icds"/*.icd 2>/dev/null | grep -q "${name%.so*}" && continue
  for folder in $(echo "${LD_LIBRARY_PATH:-}" | tr : ' ') /usr/lib/x86_64-linux-gnu \
    /usr/lib/x86_64-linux-gnu/intel-opencl /usr/lib64 /usr/local/nvidia/lib64 /usr/lib/wsl/lib \
    /opt/rocm*/lib; do
    [ -e "$folder/$name" ] || continue
    echo "$folder/$name" >"$own_icds/found-$name.icd"
    added="$added $folder/$name"
    break
  done
done
[ -z "$added" ] || export OCL_ICD_VENDORS="$own_icds"

# Prints "id|name|driver" of the device wanted.
find_device() {
  "$tessera" devices | awk -v wanted="$device" '
    /^[a-z]/ { id = $1; name = $0; sub(/^[^ ]+ +/, "", name); driver = "" }
    /driver/ && /^ / { driver = $0; sub(/^ +/, "", driver) }
    /^ +(usable|to be avoided)/ && id ~ /^opencl/ && (wanted ? id == wanted : driver ~ /gpu/) {
      print id "|" name "|" driver
      exit
    }'
}
found=$(find_device)
[ -n "$found" ] || fail "there is no usable OpenCL ${device:-GPU}; see $tessera devices, --device chooses another"
device=${found%%|*} driver=${found##*|}
name=${found#*|} name=${name%|*}

[ -n "$out" ] || out=gpu-$(echo "$name" | tr 'A-Z' 'a-z' | tr -cs 'a-z0-9\n' '-' | sed 's/^-//;s/-$//')
case $out in /*) ;; *) out=$here/$out ;; esac
mkdir -p "$out/logs" "$out/programs" "$out/traces" "$out/tuning" || fail "$out cannot be written"
report=$out/report.md
export TESSERA_DEVICE="$device" TESSERA_TUNING_DIR="$out/tuning" TESSERA_DOCTOR_DIR="$out/doctor" \
  TESSERA_CACHE_DIR="$out/cache"

# The limit of a step that may take $1 of 600 seconds.
limit() { echo $((($1 * budget + 599) / 600)); }
left() { echo $((begin + budget - $(date +%s))); }

failures=0 number=0 running='' title=''
finish_step() { # RESULT
  {
    printf '%s, %s s. ' "$1" $(($(date +%s) - start))
    printf 'Output: logs/%s\n\n```\n' "$(basename "$log")"
    tail -n 120 "$log" # a failing test prints much
    printf '```\n'
  } >>"$report"
  running=
}
stopped() {
  if [ -n "$running" ]; then
    kill -TERM "$running"
    wait "$running"
    finish_step '**Stopped by a signal**'
  fi
  printf '\nStopped by a signal after %s s.\n' $(($(date +%s) - begin)) >>"$report"
  exit 143
}
trap stopped TERM INT HUP

# step TITLE SECONDS COMMAND...: a section of the report.
step() {
  title=$1 most=$2
  shift 2
  [ "$most" -le "$(left)" ] || most=$(left)
  printf '\n## %s\n\n' "$title" >>"$report"
  if [ "$most" -lt 2 ]; then
    echo "Left out: no time is left." >>"$report"
    return
  fi
  echo "$title (at most $most s)" >&2
  number=$((number + 1)) start=$(date +%s)
  log=$out/logs/$(printf '%02d' $number)-$(echo "$title" | tr 'A-Z ' 'a-z-' | tr -cd 'a-z0-9-').log
  printf '`%s`\n\n' "$*" >>"$report"
  timeout -k 5 "$most" "$@" >"$log" 2>&1 &
  running=$!
  wait "$running"
  code=$?
  case $code in
    0) finish_step Done ;;
    124 | 137) finish_step "**Cut short after $most s**" ;;
    *)
      failures=$((failures + 1))
      finish_step "**Failed with exit code $code**"
      ;;
  esac
}
note() { printf '\n## %s\n\n%s\n' "$1" "$2" >>"$report"; }

{
  printf '# %s\n\n| | |\n|---|---|\n' "$name"
  printf '| device | %s, %s |\n' "$device" "$driver"
  printf '| host | %s, %s cores |\n' "$(uname -srm)" "$(nproc)"
  printf '| source | %s %s |\n' "$("$tessera" --version)" "$(git rev-parse --short HEAD 2>/dev/null)"
  printf '| date, budget | %s, %s minutes |\n' "$(date -u +%F)" "$minutes"
  [ -z "$added" ] || printf '| drivers without a registered .icd file |%s |\n' "$added"
} >"$report"

# profile TITLE SECONDS TRACE ARGUMENT...
profile() {
  heading=$1 seconds=$2 trace=$out/traces/$3.json
  shift 3
  step "$heading" "$(limit "$seconds")" env TESSERA_PROGRAM_DIR="$out/programs" \
    "$tessera" profile --trace "$trace" "$@"
}

step "Devices" "$(limit 20)" "$tessera" devices
step "Doctor" "$(limit 60)" "$tessera" doctor --device "$device" --seconds "$(limit 45)"
step "Op cases up to 20000 operations" "$(limit 150)" env TESSERA_CASE_WORK=20000 "$build/tests/test_ops"
profile "Profile of the tutorial" 20 tutorial --model tutorial --batch 4
profile "Profile of ResNet-50" 50 resnet50 --model resnet50 --batch 32
profile "Profile of MobileNetV2" 30 mobilenetv2 --model mobilenet_v2_cifar --batch 64
profile "Profile of ResNet-50 in TF32" 40 resnet50-tf32 --model resnet50 --batch 32 \
  --matmul-precision tf32
profile "Profile of MobileNetV2 in TF32" 20 mobilenetv2-tf32 --model mobilenet_v2_cifar --batch 64 \
  --matmul-precision tf32

if timeout 60 "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
  compare() {
    step "$1" "$(limit "$2")" "$python" bench/compare_pytorch --build "$build" --device "$device" \
      --torch-device cuda --rounds 3 --work "resnet50 b32" --work "mobilenetv2 b64" \
      --work "tutorial b4" --work "resnet18 b64" $3
  }
  compare "PyTorch" 90 ""
  compare "PyTorch, TF32 allowed" 60 --tf32
else
  note "PyTorch" "Left out: $python has no PyTorch with CUDA."
fi

# What is left, but for the last profile.
seconds=$(($(left) - $(limit 45)))
if [ "$seconds" -gt 2 ]; then
  step "Tuning ResNet-50" "$seconds" "$tessera" tune --model resnet50 --batch 32 --seconds $((seconds * 9 / 10))
else
  note "Tuning ResNet-50" "Left out: no time is left."
fi
profile "Profile of ResNet-50, tuned" 45 resnet50-tuned --model resnet50 --batch 32

printf '\n%s steps failed; %s s in all.\n' $failures $(($(date +%s) - begin)) >>"$report"
echo "$report: $failures failed" >&2
[ $failures -eq 0 ]
