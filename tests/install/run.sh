#!/bin/sh
# Installs the build into a folder of its own, builds the example there as a user would, once with
# pkg-config and once with CMake, and runs both on a handful of made-up images.
# usage: run.sh SOURCE_FOLDER BUILD_FOLDER
set -eu
source=$1 build=$2
command -v cmake >/dev/null || { echo "skipped: no cmake"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

meson install -C "$build" --no-rebuild --destdir "$work/stage" >"$work/install.log" ||
  { cat "$work/install.log"; exit 1; }
prefix=$work/stage$(meson introspect "$build" --buildoptions |
  python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
libdir=$(dirname "$(find "$prefix" -name libtessera.so)")
export LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"

# Six CIFAR-10 files of 20 images: one byte of label, 3072 of pixels.
python3 - "$work" <<'PYTHON'
import pathlib, sys
for i, name in enumerate([f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]):
    records = (bytes([n % 10]) + bytes((n * 7 + p * 3 + i) % 256 for p in range(3072)) for n in range(20))
    pathlib.Path(sys.argv[1], name + ".bin").write_bytes(b"".join(records))
PYTHON

run() {
  mkdir -p "$work/$1-run"
  (cd "$work/$1-run" && TESSERA_DEVICE=cpu "$2" "$work" 1 10) | tee "$work/$1.out"
  grep -q "accuracy on 20 test images" "$work/$1.out"
  [ -s "$work/$1-run/cifar_net.safetensors" ]
}

export PKG_CONFIG_PATH="$libdir/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$work/stage"
${CXX:-c++} -std=c++20 "$source/examples/cifar10_tutorial.cpp" -o "$work/with-pkg-config" \
  $(pkg-config --cflags --libs tessera)
run pkg-config "$work/with-pkg-config"

mkdir "$work/cmake"
cp "$source/examples/cifar10_tutorial.cpp" "$source/examples/CMakeLists.txt" "$work/cmake"
cmake -G Ninja -S "$work/cmake" -B "$work/cmake/build" -DCMAKE_PREFIX_PATH="$prefix" >"$work/cmake.log" &&
  cmake --build "$work/cmake/build" >>"$work/cmake.log" || { cat "$work/cmake.log"; exit 1; }
run cmake "$work/cmake/build/cifar10_tutorial"

"$prefix/bin/tessera" --version
