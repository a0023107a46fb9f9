#!/usr/bin/env python3
"""Writes the losses of 100 steps of the tutorial CNN as PyTorch computes them.

usage: make_training_goldens.py fashion-mnist|cifar10 FOLDER FILE       (needs python3-torch)

FOLDER has the data set's files: the gzipped IDX ones, or CIFAR-10's .bin ones. FILE gets `batches`,
the indices of the images, i32 [100,4], `losses`, f32 [100], and the first numbers of each initial
weight. The weights themselves are not stored: they come from the library's generator (Philox keyed
by seed and name), written a second time below.
"""
import gzip
import struct
import sys

import numpy
import torch
import torch.nn.functional as F

import safetensors_file

SEED, LR, MOMENTUM, STEPS, BATCH = 17, 0.001, 0.9, 100, 4


def philox(key, stream, blocks):
    """Philox4x32-10: `blocks` times four 32-bit numbers."""
    mask = numpy.uint64(0xFFFFFFFF)
    half = numpy.uint64(32)
    c = [numpy.arange(blocks, dtype=numpy.uint64), numpy.zeros(blocks, numpy.uint64),
         numpy.full(blocks, stream & 0xFFFFFFFF, numpy.uint64),
         numpy.full(blocks, stream >> 32, numpy.uint64)]  # fmt: skip
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = c[0] * numpy.uint64(0xD2511F53), c[2] * numpy.uint64(0xCD9E8D57)
        c = [(p1 >> half) ^ c[1] ^ numpy.uint64(k0), p1 & mask,
             (p0 >> half) ^ c[3] ^ numpy.uint64(k1), p0 & mask]  # fmt: skip
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return numpy.stack(c, 1).reshape(-1)


def uniform(name, shape, fan_in):
    """Uniform in +-1/sqrt(fan_in), from 24 bits each; the stream is the FNV-1a hash of the name."""
    stream = 0xCBF29CE484222325
    for byte in name.encode():
        stream = (stream ^ byte) * 0x100000001B3 % 2**64
    count = int(numpy.prod(shape))
    bits = philox(SEED, stream, -(-count // 4))[:count] >> numpy.uint64(8)
    numbers = bits.astype(numpy.float32) * numpy.float32(2.0**-24)
    return ((2 * numbers - 1) * numpy.float32(fan_in**-0.5)).reshape(shape)


def conv2d(name, k, size, c):
    fan_in = size * size * c
    return uniform(name + ".weight", (k, size, size, c), fan_in), uniform(name + ".bias", (k,), fan_in)


def dense(name, k, c):
    return uniform(name + ".weight", (k, c), c), uniform(name + ".bias", (k,), c)


def fashion_mnist(folder):
    """Images [N,1,32,32] with two rows and columns of zeros on each side."""
    with gzip.open(f"{folder}/train-images-idx3-ubyte.gz") as file:
        _, n, h, w = struct.unpack(">4I", file.read(16))
        images = numpy.frombuffer(file.read(), numpy.uint8).reshape(n, 1, h, w)
    with gzip.open(f"{folder}/train-labels-idx1-ubyte.gz") as file:
        labels = numpy.frombuffer(file.read()[8:], numpy.uint8)
    return numpy.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2))), labels


def cifar10(folder):
    files = [f"{folder}/data_batch_{i}.bin" for i in range(1, 6)]
    records = numpy.concatenate([numpy.fromfile(f, numpy.uint8).reshape(-1, 3073) for f in files])
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def train(images, labels, weights, batches):
    parameters = {}
    for layer, (w, b) in weights.items():
        if layer == "fc1":  # its columns: rows, columns, channels become channels, rows, columns
            w = w.reshape(120, 5, 5, 16).transpose(0, 3, 1, 2).reshape(120, 400)
        if w.ndim == 4:
            w = w.transpose(0, 3, 1, 2)
        parameters[layer] = [torch.tensor(w.copy(), requires_grad=True),
                             torch.tensor(b, requires_grad=True)]  # fmt: skip
    optimizer = torch.optim.SGD([t for p in parameters.values() for t in p], LR, MOMENTUM)
    losses = []
    for batch in batches:
        x = torch.tensor(images[batch]).float() / 255
        x = F.max_pool2d(F.relu(F.conv2d(x, *parameters["conv1"])), 2)
        x = F.max_pool2d(F.relu(F.conv2d(x, *parameters["conv2"])), 2)
        x = F.relu(F.linear(x.flatten(1), *parameters["fc1"]))
        x = F.linear(F.relu(F.linear(x, *parameters["fc2"])), *parameters["fc3"])
        loss = F.cross_entropy(x, torch.tensor(labels[batch].astype(numpy.int64)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


name, folder, path = sys.argv[1:]
images, labels = {"fashion-mnist": fashion_mnist, "cifar10": cifar10}[name](folder)
weights = {
    "conv1": conv2d("conv1", 6, 5, images.shape[1]),
    "conv2": conv2d("conv2", 16, 5, 6),
    "fc1": dense("fc1", 120, 400),
    "fc2": dense("fc2", 84, 120),
    "fc3": dense("fc3", 10, 84),
}
generator = numpy.random.default_rng(5)
batches = generator.choice(len(images), (STEPS, BATCH), replace=False)
tensors = {
    "batches": batches.astype(numpy.int32),
    "losses": numpy.array(train(images, labels, weights, batches), numpy.float32),
}
for layer, (w, b) in weights.items():
    tensors[layer + ".weight"] = w.reshape(-1)[:5].copy()
    tensors[layer + ".bias"] = b[:5]
settings = {"dataset": name, "seed": str(SEED), "lr": str(LR), "momentum": str(MOMENTUM)}
safetensors_file.write(path, tensors, settings)
print(f"losses {tensors['losses'][:3]} ... {tensors['losses'][-3:]}")
