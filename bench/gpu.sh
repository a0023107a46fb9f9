#!/bin/sh
# bench/gpu.sh [--device ID] [--quick] [--build DIR] [--out FILE]
# Tests, tunes and times Tessera on a GPU, side by side with PyTorch (on the same GPU where it can),
# and writes one report to bench/results/gpu-<device>.md.
#   --device  an id of `tessera devices`; default: the first OpenCL GPU
#   --quick   one short step of each kind, a minute in all
#   --build   a build with tests to take as it is; default: sets up and builds in build/
# The variable PYTHON names a Python with PyTorch (default: python3). What fails is in the report, and
# the exit code is then not zero.
set -u
cd "$(dirname "$0")/.."

device= quick= build= out=
python=${PYTHON:-python3}
fail() {
  echo "gpu.sh: $*" >&2
  exit 1
}
while [ $# -gt 0 ]; do
  case "$1" in
    --quick) quick=yes ;;
    --device | --build | --out)
      [ $# -gt 1 ] || fail "$1 needs a value"
      eval "${1#--}=\$2"
      shift
      ;;
    *) fail "unknown argument '$1'; expected --device ID, --quick, --build DIR or --out FILE" ;;
  esac
  shift
done

if [ -z "$build" ]; then
  build=build
  ./quickstart build || fail "the build failed"
fi
tessera=$build/tools/tessera
bench=$build/bench/tessera-bench
[ -x "$bench" ] || fail "there is no $bench: build with -Dtests=enabled"

# Prints "id|name|driver|platform" of the device wanted.
find_device() {
  "$tessera" devices --json | "$python" -c '
import json, sys
for d in json.load(sys.stdin):
    wanted = d["id"] == sys.argv[1] if sys.argv[1] else "gpu" in d["type"]
    if wanted and d["usable"] and d["id"].startswith("opencl"):
        print(d["id"], d["name"], d["driver"], d["platform"], sep="|")
        break' "$device"
}
found=$(find_device)
[ -n "$found" ] || fail "there is no usable OpenCL ${device:-GPU}; see $tessera devices, --device chooses another"
IFS='|' read -r device name driver platform <<end
$found
end

if [ -z "$out" ]; then
  mkdir -p bench/results
  out=bench/results/gpu-$(echo "$name" | tr 'A-Z' 'a-z' | tr -cs 'a-z0-9\n' '-' | sed 's/^-//;s/-$//').md
fi
failures=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# step TITLE COMMAND...: a section of the report with the command and what it printed.
step() {
  title=$1
  shift
  echo "$title" >&2
  start=$(date +%s)
  "$@" >"$log" 2>&1
  code=$?
  {
    printf '\n## %s\n\n' "$title"
    if [ $code -ne 0 ]; then
      failures=$((failures + 1))
      printf '**Failed with exit code %s.**\n\n' $code
    fi
    printf '`%s`, %s s\n\n```\n' "$*" $(($(date +%s) - start))
    tail -n 120 "$log" # a failing test prints much
    printf '```\n'
  } >>"$out"
}

{
  printf '# %s\n\n' "$name"
  printf '| | |\n|---|---|\n'
  printf '| device | %s, %s, driver %s |\n' "$device" "$platform" "$driver"
  printf '| host | %s, %s cores |\n' "$(uname -srm)" "$(nproc)"
  printf '| source | %s |\n' "$("$tessera" --version), $(git rev-parse --short HEAD 2>/dev/null)"
  printf '| date | %s |\n' "$(date -u +%F)"
} >"$out"

step "Devices" "$tessera" devices

export TESSERA_DEVICE="$device"
step "Tests: the device" "$build/tests/test_devices"
if [ -z "$quick" ]; then
  step "Tests: every op" "$build/tests/test_ops"
  step "Tests: the OpenCL backend" "$build/tests/opencl/test_opencl"
  step "Tests: training" "$build/tests/training/test_training"
fi

if "$tessera" tune --help >/dev/null 2>&1; then
  if [ -n "$quick" ]; then
    step "Tuning: tutorial" "$tessera" tune --model tutorial --batch 4 --seconds 5
  else
    step "Tuning: tutorial" "$tessera" tune --model tutorial --batch 128
    step "Tuning: ResNet-18" "$tessera" tune --model resnet18 --batch 64
    step "Tuning: ResNet-50" "$tessera" tune --model resnet50 --batch 32
    step "Tuning: MobileNetV2" "$tessera" tune --model mobilenet_v2_cifar --batch 64
  fi
fi

if [ -n "$quick" ]; then
  step "Ops" "$bench" ops --filter "matmul: 512" --seconds 0.1
else
  step "Ops" "$bench" ops
fi

# PyTorch on the GPU where it has one, else on the CPU.
torch=cpu
"$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null && torch=cuda
compare() {
  compared=$1
  shift
  step "PyTorch on $torch: $compared" \
    "$python" bench/compare_pytorch --build "$build" --device "$device" --torch-device $torch "$@"
}
if [ -n "$quick" ]; then
  compare "training" --rounds 1 --work "tutorial b4"
else
  compare "training"
  set -- --work "resnet18 b64" --work "resnet50 b32"
  compare "training, larger batches" "$@"
  [ $torch = cpu ] || compare "training, TF32 allowed" --tf32 "$@"
  compare "predictions" --infer
fi

echo "$out: $failures failed" >&2
[ $failures -eq 0 ]
