"""Holds the C++ reader and writer against Python's safetensors: what Python writes is read and
written by C++ and must come back equal. Takes the program `safetensors_copy`; skipped (exit status
77) where Python has no safetensors or no numpy."""

import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from safetensors import safe_open
    from safetensors.numpy import save_file
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

random = np.random.default_rng(1)
tensors = {
    "weights": random.standard_normal((3, 2, 5)).astype(np.float32),
    "labels": random.integers(-(2**31), 2**31 - 1, 7, dtype=np.int32),
    "bytes": random.integers(0, 255, (3, 1), dtype=np.uint8),
    "scalar": np.array(2.5, dtype=np.float32),
    "empty": np.zeros((0, 4), dtype=np.float32),
    "a name with \"quotes\", ä and\na new line": np.arange(6, dtype=np.uint8),
}
cases = [(tensors, {"format": "np", "note": "ä\n"}), (tensors, None), ({}, {"only": "metadata"})]

with tempfile.TemporaryDirectory() as folder:
    before, after = (str(pathlib.Path(folder) / name) for name in ("before", "after"))
    for arrays, metadata in cases:
        save_file(arrays, before, metadata=metadata)
        subprocess.run([sys.argv[1], before, after], check=True)
        with safe_open(after, framework="np") as found:
            assert found.metadata() == metadata, found.metadata()
            assert set(found.keys()) == set(arrays), found.keys()
            for name, array in arrays.items():
                copy = found.get_tensor(name)
                assert copy.dtype == array.dtype and copy.shape == array.shape, name
                assert copy.tobytes() == array.tobytes(), name

    save_file({"half": np.zeros(2, dtype=np.float16)}, before)
    refused = subprocess.run([sys.argv[1], before, after], capture_output=True, text=True)
    assert refused.returncode == 1, refused
    assert "expected F32, I32, I64 or U8" in refused.stderr, refused.stderr
