"""The files that PyTorch exported for the onnx package's own tests (opset 9 and older): those on
float32 and images or tables must give what is written beside them.

usage: pytorch_files.py RUN_ONNX [DEVICE...]
Needs Python's onnx package with its data (PyPI's has it, Debian's does not), else exits with 77.
"""
import collections
import pathlib
import sys

import conformance  # exits with 77 without the package
import onnx
from onnx import numpy_helper
from session import Session

Case = collections.namedtuple("Case", "name model data_sets rtol atol")
FOLDERS = ("pytorch-converted", "pytorch-operator")
# What no file that fails may lack: the part of the message, and what it means.
REASONS = (("input has 5 dimensions", "windows over three dimensions"),)


def tensors(folder, kind):
    files = sorted(folder.glob(f"{kind}_*.pb"), key=lambda path: int(path.stem.split("_")[1]))
    return [numpy_helper.to_array(onnx.load_tensor_from_string(path.read_bytes())) for path in files]


def cases():
    data = pathlib.Path(onnx.__file__).parent / "backend/test/data"
    for folder in sorted(path for name in FOLDERS for path in (data / name).glob("test_*")):
        model = onnx.load(folder / "model.onnx")
        # Inputs that have a value in the file are no inputs.
        weights = {tensor.name for tensor in model.graph.initializer}
        inputs = [value for value in model.graph.input if value.name not in weights]
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        first = folder / "test_data_set_0"
        yield Case(folder.name, model, [(tensors(first, "input"), tensors(first, "output"))], 1e-3, 1e-6)


def main():
    found = list(cases())
    if not found:
        print("skipped: the onnx package has no data")
        return 77
    status = 0
    for device in sys.argv[2:] or ["cpu"]:
        session = Session(sys.argv[1], device)
        wrong = {case.name: message for case in found if (message := conformance.run(session, case, least_opset=6))}
        session.close()
        print(f"{device}: {len(found) - len(wrong)} of {len(found)} files agree")
        for name, message in wrong.items():
            reason = next((text for part, text in REASONS if part in message), None)
            print(f"  {name}: {reason or message}")
            status |= reason is None
    return status


if __name__ == "__main__":
    sys.exit(main())
