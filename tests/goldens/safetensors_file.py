"""Numpy arrays as safetensors files; stands in for the Python package of that name."""
import json
import struct

TYPES = {"float32": "F32", "int32": "I32", "int64": "I64", "uint8": "U8"}


def write(path, tensors, metadata):
    header, end = {"__metadata__": metadata}, 0
    for name, array in sorted(tensors.items()):
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": TYPES[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, array in sorted(tensors.items()):
            file.write(array.tobytes())


def read(path):
    import numpy
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__", None)
    types = {short: name for name, short in TYPES.items()}
    return {name: numpy.frombuffer(data[slice(*tensor["data_offsets"])],
                                   types[tensor["dtype"]]).reshape(tensor["shape"])
            for name, tensor in header.items()}
