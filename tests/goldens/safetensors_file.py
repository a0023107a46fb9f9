"""Writes numpy arrays as a safetensors file; stands in for the Python package of that name."""
import json
import struct

TYPES = {"float32": "F32", "int32": "I32", "uint8": "U8"}


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
