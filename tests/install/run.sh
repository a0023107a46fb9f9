#!/bin/sh
# Installs the build into a folder of its own and builds the examples there as users would: all with
# CMake, one with pkg-config, and one with Tessera as a Meson subproject; then runs them on a handful
# of made-up images.
# usage: run.sh SOURCE_FOLDER BUILD_FOLDER
set -eu
source=$1 build=$2
command -v cmake >/dev/null || { echo "skipped: no cmake"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# Runs a command whose output counts only where it fails.
quietly() {
  "$@" >"$work/log" 2>&1 || { cat "$work/log"; fail "$*"; }
}

option() {
  meson introspect "$build" --buildoptions |
    python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == sys.argv[1]))' "$1"
}

quietly meson install -C "$build" --no-rebuild --destdir "$work/stage"
prefix=$work/stage$(option prefix)
libdir=$(dirname "$(find "$prefix" -name libtessera.so)")
export LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export PKG_CONFIG_PATH="$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/stage"

cp -r "$source/examples" "$work/examples"
quietly cmake -G Ninja -S "$work/examples" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$prefix"
quietly cmake --build "$work/cmake"
quietly ${CXX:-c++} -std=c++20 "$source/examples/inference_server.cpp" -o "$work/inference_server" \
  $(pkg-config --cflags --libs tessera)

# Six CIFAR-10 files of 20 images: one byte of label, 3072 of pixels; one of them as a picture and as
# a line of numbers.
python3 - "$work" <<'PYTHON'
import pathlib, sys
folder = pathlib.Path(sys.argv[1])
for i, name in enumerate([f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]):
    records = (bytes([n % 10]) + bytes((n * 7 + p * 3 + i) % 256 for p in range(3072)) for n in range(20))
    (folder / (name + ".bin")).write_bytes(b"".join(records))
pixels = bytes(p * 5 % 256 for p in range(3072))
(folder / "picture.ppm").write_bytes(b"P6 32 32 255\n" + pixels)
numbers = ",".join(map(str, pixels))
for label, name in enumerate(("dark", "bright")):
    (folder / "sorted" / name).mkdir(parents=True)
    for i in range(12):
        gray = bytes(150 * label + (i * 11 + p * 7) % 100 for p in range(24 * 32))
        (folder / "sorted" / name / f"{i}.pgm").write_bytes(b"P5 32 24 255\n" + gray)
(folder / "lines").write_text(f"{folder}/picture.ppm\n{numbers}\n{folder}/none.png\n1,2,3\n1,2,x,3\n"
                              f"{folder}/test_batch.bin\n\n{folder}/picture.ppm\n")
PYTHON

echo "cifar10_tutorial:"
cd "$work"
TESSERA_DEVICE=cpu cmake/cifar10_tutorial "$work" 2 | tee out
[ "$(grep -c "accuracy on 20 test images" out)" = 2 ] || fail "two epochs"

echo "train_on_images:"
TESSERA_DEVICE=cpu cmake/train_on_images sorted sorted/bright/3.pgm 4 | tee out
[ "$(grep -c "^epoch [1-4]: loss [0-9.]*, validation loss [0-9.]*, accuracy" out)" = 4 ] || fail "four epochs"
grep -q "^sorted/bright/3.pgm: bright (" out || fail "the class of a bright image"
best=$(sed -n 's/.*validation loss \([0-9.]*\),.*(best)$/\1/p' out | tail -n 1)
"$prefix/bin/tessera" eval best.safetensors --device cpu | grep -qF ", loss $best on " ||
  fail "the checkpoint is that of the best epoch, and says which images were not trained on"

for server in cmake/inference_server ./inference_server; do
  echo "$server:"
  TESSERA_DEVICE=cpu $server cifar_net.safetensors <lines | tee out
  sed 's/^error: .*/error/' out | tr '\n' ' ' >short
  answer=$(head -n 1 out)
  [ "$(cat short)" = "$answer $answer error error error error error $answer " ] ||
    fail "three equal answers, and an error for each bad line"
done

echo "custom_op:"
cmake/custom_op "$source/examples/custom_op.cl" | tee out
grep -q '^gradient on .*: error [0-9.]*e-' out && grep -q '^accuracy on .*: 9[0-9]' out ||
  fail "gradients that are right, and a network that learns"

for device in cpu auto; do
  for example in regression segmentation two_inputs; do
    echo "$example on $device:"
    TESSERA_DEVICE=$device cmake/$example | tee $example.out
    grep -q '^gradients: error [0-9.]*e-' $example.out || fail "gradients that are right"
  done
  python3 - <<'PYTHON'
import re
def last(example, pattern):
    with open(example + ".out") as file: return float(re.findall(pattern, file.read())[-1])
assert last("regression", r"root mean square error ([\d.]+)") < 0.03
assert last("segmentation", r"([\d.]+) % of the pixels") > 97
assert last("two_inputs", r"color loss ([\d.]+)") < 0.05
assert last("two_inputs", r"radius off by ([\d.]+)") < 0.4
PYTHON
done

if [ -x cmake/opencl_interop ] && "$prefix/bin/tessera" devices | grep -q '^opencl:0:0'; then
  echo "opencl_interop:"
  cmake/opencl_interop | tee out
  [ "$(grep -c '#' out)" -gt 8 ] || fail "the edges of a circle"
fi

# The program that drivers are tried in is found from where the library was moved to.
if find "$prefix" -name tessera-probe | grep -q .; then
  mkdir drivers && echo libnone-of-this-name.so >drivers/none.icd
  OCL_ICD_VENDORS=$work/drivers TESSERA_CACHE_DIR=$work/cache "$prefix/bin/tessera" devices |
    grep -q "cannot be loaded: libnone" || fail "tessera-probe is found"
fi

# The whole library would take minutes once more: what matters here is that it configures, and that
# the example finds its headers.
echo "Meson subproject:"
mkdir examples/subprojects
ln -s "$source" examples/subprojects/tessera
unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
quietly meson setup examples meson --force-fallback-for=tessera -Dtessera:onnx=disabled
quietly ninja -C meson inference_server.p/inference_server.cpp.o
ninja -C meson -t query inference_server | grep -q libtessera.so || fail "it links the subproject"

"$prefix/bin/tessera" --version
quietly bash -c ". $prefix/share/bash-completion/completions/tessera
  COMP_WORDS=(tessera train --epo) COMP_CWORD=2; _tessera; [ \"\${COMPREPLY[*]}\" = --epochs ]"
grep -q '^\.SS tessera train' "$prefix/share/man/man1/tessera.1" || fail "a manual page"
