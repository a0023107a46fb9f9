"""Files of weights as others write them: element types, several files, wrapped models, pickles.

usage: test_weights.py TOOL
"""
import json
import struct
import unittest
import zipfile

from tool_case import ToolCase


def read(path):
    """The header of a safetensors file, without metadata, and its data."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return header, data[8 + size:]


def floats(path):
    """The numbers and the shape of each tensor."""
    header, data = read(path)
    return {name: (entry["shape"], struct.unpack(
        f"<{(entry['data_offsets'][1] - entry['data_offsets'][0]) // 4}f",
        data[slice(*entry["data_offsets"])])) for name, entry in header.items()}


def packed(dtype, numbers):
    if dtype == "BF16":
        return b"".join(struct.pack("<f", number)[2:] for number in numbers)
    return struct.pack(f"<{len(numbers)}{ {'F16': 'e', 'F32': 'f', 'F64': 'd'}[dtype]}", *numbers)


def write(path, dtype, tensors):
    header, data = {}, b""
    for name, (shape, numbers) in tensors.items():
        part = packed(dtype, numbers)
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class WeightsTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        net, weights = cls.folder / "net.safetensors", cls.folder / "weights.safetensors"
        cls.run_tool("train", *cls.train_options(), "--model", "lenet5", "--steps", 1,
                     "--epochs", 1, "--out", net)
        cls.run_tool("export", net, "--out", weights)
        # Numbers that each type holds: three bits behind the first one.
        cls.tensors = {name: (shape, [struct.unpack("<f", b"\0\0" + struct.pack("<f", n)[2:3] + b"\x3d")[0]
                                      for n in numbers])
                       for name, (shape, numbers) in floats(weights).items()}
        write(cls.folder / "plain.safetensors", "F32", cls.tensors)
        cls.expected = cls.imported("plain.safetensors")

    @classmethod
    def command(cls, weights):
        return ["import", weights, "--model", "lenet5", "--size", 28, "--channels", 1, "--out",
                "imported.safetensors"]

    @classmethod
    def imported(cls, weights):
        cls.run_tool(*cls.command(weights))
        return (cls.folder / "imported.safetensors").read_bytes()

    def test_narrow_and_wide_floats(self):
        for dtype in ("F16", "BF16", "F64"):
            write(self.folder / f"{dtype}.safetensors", dtype, self.tensors)
            self.assertEqual(self.imported(f"{dtype}.safetensors"), self.expected, dtype)
        path = self.folder / "F8.safetensors"
        path.write_bytes((self.folder / "BF16.safetensors").read_bytes().replace(b'"BF16"', b'"F8_E"'))
        self.assertRegex(self.refused(*self.command(path)), r'tensor ".*" has elements of type "F8_E", expected')

    def test_wrapped_models(self):
        for prefix in ("module.", "_orig_mod.", "module._orig_mod.", "state_dict.model.", "model."):
            write(self.folder / "wrapped.safetensors", "F32",
                  {prefix + name: tensor for name, tensor in self.tensors.items()})
            self.assertEqual(self.imported("wrapped.safetensors"), self.expected, prefix)
        # Their last layer is left out as that of any.
        self.run_tool("train", *self.train_options(), "--model", "lenet5", "--steps", 1,
                      "--epochs", 1, "--weights", "wrapped.safetensors", "--out", "more.safetensors")
        write(self.folder / "twice.safetensors", "F32",
              {**self.tensors, **{"module." + name: tensor for name, tensor in self.tensors.items()}})
        self.assertIn("is duplicated", self.refused(*self.command("twice.safetensors")))

    def test_several_files(self):
        folder = self.folder / "parts"
        folder.mkdir()
        names = list(self.tensors)
        parts = {f"model-{i + 1:05}-of-00002.safetensors": names[i::2] for i in range(2)}
        for file, part in parts.items():
            write(folder / file, "BF16", {name: self.tensors[name] for name in part})
        index = folder / "model.safetensors.index.json"
        places = {name: file for file, part in parts.items() for name in part}
        index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
        self.assertEqual(self.imported(index), self.expected)
        for file in ("../plain.safetensors", str(self.folder / "plain.safetensors")):
            index.write_text(json.dumps({"weight_map": {**places, names[0]: file}}))
            self.assertIn("expected a file of the same folder", self.refused(*self.command(index)))

    def test_pickles_are_answered_with_what_converts_them(self):
        path = self.folder / "net.pth"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("net/data.pkl", b"\x80\x02}.")
        old = self.folder / "old.bin"
        old.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
        for file, command in ((path, self.command(path)), (old, self.command(old)),
                              (path, ["predict", path, self.data])):
            line = self.refused(*command)
            self.assertIn("is a file of torch.save, expected safetensors", line)
            self.assertIn("`import torch, safetensors.torch`", line)
            self.assertIn(f'`safetensors.torch.save_file(torch.load("{file.name}", map_location="cpu", '
                          f'weights_only=True), "{file.stem}.safetensors")`', line)


if __name__ == "__main__":
    unittest.main(verbosity=2)
