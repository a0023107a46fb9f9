"""Writes the files that fuzzing starts from: make_seeds.py CHECKPOINT writes corpus/TARGET/NAME.

CHECKPOINT is any that `tessera train` wrote; its metadata is taken. Needs numpy, onnx, Pillow and xxhash.
"""
import gzip
import io
import json
import pathlib
import struct
import sys

import numpy as np
import onnx
import xxhash
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

CORPUS = pathlib.Path(__file__).parent / "corpus"
VERSION = "0.1.0"


def write(target, name, data):
    path = CORPUS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def two(first, second):
    """Two files as one input: the length of the first, and both."""
    assert len(first) < 256
    return bytes([len(first)]) + first + second


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def safetensors(tensors, metadata=None):
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": array.shape,
                        "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def picture(form, mode, **options):
    pixels = np.random.default_rng(1).integers(0, 256, (6, 5, len(mode))).astype(np.uint8)
    image = Image.fromarray(pixels.squeeze(), mode)
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def onnx_net(nodes, weights):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(nodes, "g", [x], [y], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)],
                             ir_version=8).SerializeToString()


def onnx_nets():
    def tensor(name, *shape):
        values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 8 - 1
        return numpy_helper.from_array(values, name)

    node = helper.make_node
    yield "conv", onnx_net(
        [node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"]),
         node("MaxPool", ["r"], ["m"], kernel_shape=[2, 2], strides=[2, 2]),
         node("GlobalAveragePool", ["m"], ["g"]), node("Flatten", ["g"], ["y"])],
        [tensor("w", 2, 3, 3, 3), tensor("b", 2)])
    yield "norm", onnx_net(
        [node("BatchNormalization", ["x", "s", "s", "s", "s"], ["n"]),
         node("Reshape", ["n", "shape"], ["f"]), node("Gemm", ["f", "w"], ["z"]),
         node("Softmax", ["z"], ["y"], axis=1)],
        [tensor("s", 3), numpy_helper.from_array(np.array([0, -1], np.int64), "shape"),
         tensor("w", 192, 2)])
    yield "shapes", onnx_net(
        [node("Transpose", ["x"], ["t"], perm=[0, 2, 3, 1]), node("Shape", ["t"], ["s"]),
         node("Gather", ["s", "zero"], ["n"]), node("Concat", ["n", "rest"], ["shape"], axis=0),
         node("Reshape", ["t", "shape"], ["f"]), node("Slice", ["f", "zero", "two", "one"], ["y"])],
        [numpy_helper.from_array(np.array(values, np.int64), name) for name, values in
         [("zero", [0]), ("one", [1]), ("two", [2]), ("rest", [-1])]])


def write_pictures():
    for mode in "L", "LA", "RGB", "RGBA":
        write("png", f"{mode}.png", picture("PNG", mode))
    write("jpeg", "gray.jpg", picture("JPEG", "L", quality=50))
    write("jpeg", "progressive.jpg", picture("JPEG", "RGB", quality=50, progressive=True))
    write("jpeg", "inks.jpg", picture("JPEG", "CMYK", quality=50))
    exif = Image.Exif()
    exif[0x0112] = 6
    write("png", "turned.png", picture("PNG", "RGB", exif=exif))
    write("jpeg", "turned.jpg", picture("JPEG", "RGB", exif=exif, quality=50))
    write("webp", "turned.webp", picture("WebP", "RGB", exif=exif, lossless=True))
    write("pnm", "color.ppm", picture("PPM", "RGB"))
    write("pnm", "gray.pgm", picture("PPM", "L"))
    write("pnm", "plain.ppm", b"P3\n# made up\n2 2\n15\n 0 1 2 3 4 5\n6 7 8 9 10 11\n")
    write("pnm", "plain.pbm", b"P1 3 2\n101\n0 1 0\n")
    write("pnm", "deep.pgm", b"P5 2 2 1000\n" + struct.pack(">4H", 0, 1, 500, 1000))
    write("webp", "lossy.webp", picture("WebP", "RGB", quality=50))
    write("webp", "alpha.webp", picture("WebP", "RGBA", quality=50))
    frames = [Image.new("RGB", (5, 6), color) for color in ("red", "blue")]
    for form in "WebP", "GIF":
        file = io.BytesIO()
        frames[0].save(file, form, save_all=True, append_images=frames[1:])
        write(form.lower(), f"moving.{form.lower()}", file.getvalue())
    for compression in "raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg":
        write("tiff", f"{compression}.tif", picture("TIFF", "RGB", compression=compression))
    for mode in "L", "LA", "RGBA", "CMYK":
        write("tiff", f"{mode}.tif", picture("TIFF", mode))
    for mode in "L", "RGB", "RGBA":
        write("bmp", f"{mode}.bmp", picture("BMP", mode))
    write("gif", "gray.gif", picture("GIF", "L"))


def program(text, binary):
    """An entry of the cache of compiled programs, backends/opencl/programs/disk_cache.cpp."""
    return (b"TSRPROG2" + xxhash.xxh3_128_hexdigest(text).encode() +
            struct.pack("<QQ", len(binary), xxhash.xxh3_64_intdigest(binary)) + binary)


def main(checkpoint):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (3, 2, 4)).astype(np.uint8), np.array([7, 0, 9], np.uint8)
    write("idx", "plain", two(idx(labels), idx(images)))
    write("idx", "packed", two(gzip.compress(idx(labels), mtime=0),
                               gzip.compress(idx(images), mtime=0)))
    write("npy", "bytes", two(npy(labels), npy(images)))
    write("npy", "floats", two(npy(labels.astype(np.int64)),
                               npy((images / 255).astype(np.float32)[..., None])))
    pixels = rng.integers(0, 256, (3, 6, 5, 3)).astype(np.uint8)
    for name, x, y in (
            ("fortran", np.asfortranarray(pixels), labels[:, None]),
            ("channels-first", pixels.transpose(0, 3, 1, 2).copy(), labels.astype(">f2")),
            ("big-endian", pixels.astype(">f8"), labels.astype(">i2")),
            ("halves", (pixels / 255).astype(np.float16), np.array(["cat", "\u00c4ffin", "b"])),
            ("whole-floats", pixels.astype(np.float32), np.array([b"x", b"yy", b"x"])),
            ("bool", pixels > 99, np.eye(3, dtype=np.float32)),
            ("shorts", pixels.astype(np.uint16), np.asfortranarray(np.eye(3, dtype=bool)))):
        write("npy", name, two(npy(y), npy(x)))
    write("npy", "packed", two(gzip.compress(npy(labels), mtime=0), gzip.compress(npy(pixels), mtime=0)))
    write("csv", "words", '\ufeff"label";"p 0";p1;p2;p3\r\n"tree; frog";1;2;3;4\r\ncat;5;6;7;8\r\n\r\n'.encode())
    write("csv", "tabs", b"9\t1.0\t2e0\t3\r7\t4\t5\t6\r")
    write("csv", "numpy", b"# label, then pixels\n0.0e+00 1.0e+00\n1.0e+00 2.5e+02\n")
    write("csv", "pandas", b",label,0,1,2,3\n0,1,9,8,7,6\n1,0,5,4,3,2\n")
    write("csv", "label-last", b"0,1,2,3,class\n9,8,7,6,a\n5,4,3,2,b\n")
    write("csv", "separator", b"sep=;\n1;2\n0;3\n")
    write("csv", "packed", gzip.compress(b"label,a\n1,2\n0,3\n", mtime=0))
    write("csv", "gray", b"label,a,b,c,d\n1,0,255,3,4\n0,1,2,3,4\n")
    write("csv", "color", b"0,1,2,3\n1,4,5,6\n")
    write("cifar", "one", gzip.compress(bytes([3]) + bytes(range(256)) * 12, mtime=0))
    write_pictures()
    write("safetensors", "three", safetensors(
        {"a": ("U8", np.zeros(3, np.uint8)), "b": ("F32", np.ones((2, 3), np.float32)),
         "c": ("I64", np.array(5, np.int64))}, {"format": "test"}))
    halves = np.array([1.5, -2], np.float16)
    write("safetensors", "narrow", safetensors(
        {"a": ("F16", halves), "b": ("BF16", halves), "c": ("F64", np.ones(2)),
         "d": ("BOOL", np.ones(3, bool)), "e": ("U16", np.ones(2, np.uint16))}))
    write("index", "one", json.dumps({"metadata": {"total_size": 1},
                                      "weight_map": {"a": "part"}}).encode())
    data = pathlib.Path(checkpoint).read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    write("checkpoint", "metadata", safetensors({}, json.loads(data[8:8 + size])["__metadata__"]))
    for name, net in onnx_nets():
        write("onnx", name, net)
    subject = {"tessera": VERSION, "device": "fuzzed", "driver": "1"}
    write("tuning", "one", json.dumps(subject | {"results": {"matmul f32[4,4] f32[4,4]": {
        "algorithm": "tile", "parameters": {"tile_m": 8}, "microseconds": 2.5,
        "default_microseconds": 3}}}).encode())
    write("verdict", "avoid", json.dumps({"subject": subject, "avoid": "wrong results"}).encode())
    write("case", "matmul", two(
        safetensors({"0": ("F32", np.ones((1, 2), np.float32)),
                     "1": ("F32", np.ones((3, 2), np.float32))}), json.dumps({
            "tessera": VERSION, "op": "matmul", "node": "c", "device": "d", "algorithm": "a",
            "attributes": {"transpose_a": [0, 0], "transpose_b": [0, 1]},
            "inputs": [{"dtype": "f32", "shape": [1, 2]}, {"dtype": "f32", "shape": [3, 2]}],
        }).encode()))
    write("classes", "names", "\ufeffcat\r\ndog\n\u00c4ffin".encode())
    write("config", "mark", '\ufeffepochs = 5\r\nmodel = "a"\r\n'.encode())
    write("config", "options", b'''# a comment
model = "a net"
epochs = 5
lr = 0.1  # another
augment = true
milestones = [1, 2.5]
''')
    write("program", "one", program(b"fuzzed", b"program"))
    # What fuzzing has found.
    write("pnm", "found-no-height", b"P5\n5 ")
    write("onnx", "found-softmax-of-nothing", onnx_net([helper.make_node("Softmax", [], ["y"])], []))
    write("onnx", "found-name-of-two-lines",
          onnx_net([helper.make_node("Trans\npose", ["x"], ["y"])], []))
    write("onnx", "found-concat-of-nothing", onnx_net([helper.make_node("Concat", [], ["y"], axis=0)], []))
    write("npy", "found-type-of-two-lines", two(npy(labels).replace(b"|u1", b"\nu1"), npy(images)))
    for seed in range(8):
        write("graph", str(seed), rng.integers(0, 256, 40).astype(np.uint8).tobytes())


if __name__ == "__main__":
    main(sys.argv[1])
