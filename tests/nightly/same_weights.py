"""Trains four architectures for 50 steps and prints a hash of the weights and states of each.

With two tools, both run on the same data, and a difference of a single bit fails: a change of shape
must not change results.

usage: same_weights.py TESSERA [OTHER_TESSERA] [--device DEVICE]...
"""
import argparse
import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy

STEPS = 50
# The batches are small: a run on two cores takes a minute. The tutorial has dropout.
TRAININGS = {
    "tutorial": (28, 1, ["--batch", "32", "--augment", "crop=2,flip,cutout=4,brightness=0.2,rotate=10"]),
    "resnet20": (32, 3, ["--batch", "16", "--optimizer", "adam", "--clip-norm", "1"]),
    "mobilenet_v2_cifar": (32, 3, ["--batch", "8", "--augment", "crop=4,flip,mixup=0.2"]),
    "vit_tiny": (32, 3, ["--batch", "16", "--optimizer", "adamw", "--accumulate", "2", "--ema", "0.99"]),
}


def make_data(folder, size, channels):
    """Images of ten classes, each with a bright stripe at a place of its own."""
    random = numpy.random.default_rng(1)
    labels = random.integers(0, 10, 300)
    images = random.integers(0, 128, (300, size, size, channels), dtype=numpy.uint8)
    for image, label in zip(images, labels):
        image[2 * label:2 * label + 4] += 100
    folder.mkdir()
    numpy.save(folder / "x.npy", images)
    numpy.save(folder / "y.npy", labels)


def tensors_hash(file):
    """Hashes names and bytes of all tensors; the metadata may differ between versions."""
    data = file.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    digest = hashlib.sha256()
    for name in sorted(header):
        if name != "__metadata__":
            begin, end = header[name]["data_offsets"]
            digest.update(name.encode() + data[8 + size + begin:8 + size + end])
    return digest.hexdigest()[:16]


def train(tool, device, model, folder):
    size, channels, options = TRAININGS[model]
    data = folder / f"data{size}x{channels}"
    if not data.exists():
        make_data(data, size, channels)
    out = folder / "out.safetensors"
    subprocess.run([tool, "train", "--model", model, "--data", f"npy:{data}", "--device", device, "--seed", "3",
                    "--epochs", "20", "--steps", str(STEPS), "--out", out, *options],
                   check=True, stdout=subprocess.DEVNULL)
    return tensors_hash(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tools", nargs="+", metavar="TESSERA")
    parser.add_argument("--device", action="append", default=[])
    arguments = parser.parse_args()
    differences = 0
    with tempfile.TemporaryDirectory() as folder:
        for device in arguments.device or ["cpu"]:
            for model in TRAININGS:
                hashes = [train(tool, device, model, pathlib.Path(folder)) for tool in arguments.tools]
                same = len(set(hashes)) == 1
                differences += not same
                print(f"{device:8} {model:20} {' '.join(hashes)}{'' if same else '  DIFFERENT'}", flush=True)
    sys.exit(1 if differences else 0)


main()
