"""What the tests of imported ONNX files share: small nets made with onnx's Python helper, whose
answers NumPy knows.
"""
import json
import struct

import numpy
from onnx import TensorProto, checker, helper, numpy_helper, save_model, shape_inference

from tool_case import ToolCase

SIDE = 8
node = helper.make_node


def softmax(z, axis=-1):
    e = numpy.exp(z - z.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def sigmoid(z):
    return 1 / (1 + numpy.exp(-z))


def integers(name, *values):
    return numpy_helper.from_array(numpy.array(values, numpy.int64), name)


def floats(name, values):
    return numpy_helper.from_array(numpy.asarray(values, numpy.float32), name)


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(tensor):
    """A Constant node in the place of an initializer."""
    return node("Constant", [], [tensor.name], value=tensor)


class OnnxCase(ToolCase):
    """Images [N,8,8,3] in npy:data, with labels of three classes; `w` and `b` make logits of one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        random = numpy.random.default_rng(11)
        cls.images = random.integers(0, 256, (16, SIDE, SIDE, 3), dtype=numpy.uint8)
        cls.labels = numpy.arange(16) % 3
        data = cls.folder / "npy"
        data.mkdir()
        numpy.save(data / "x.npy", cls.images)
        numpy.save(data / "y.npy", cls.labels.astype(numpy.int64))
        for i in range(3):
            (cls.folder / f"{i}.ppm").write_bytes(b"P6 8 8 255\n" + cls.images[i].tobytes())
        cls.w = random.normal(0, 0.2, (192, 3)).astype(numpy.float32)
        cls.b = numpy.array([0.3, -0.2, 0.1], numpy.float32)
        cls.weights = [floats("w", cls.w), floats("b", cls.b)]

    @classmethod
    def pixels(cls):
        """As a net with channels first sees them."""
        return cls.images.transpose(0, 3, 1, 2) / 255

    @classmethod
    def logits(cls):
        return cls.pixels().reshape(16, 192) @ cls.w + cls.b

    @classmethod
    def save(cls, name, nodes, initializers=None, inputs=None, output=("n", 3), opset=17):
        """The net's last node gives its output."""
        initializers = cls.weights if initializers is None else initializers
        graph = helper.make_graph(
            nodes, "net", inputs or [value("image", ("n", 3, SIDE, SIDE))],
            [value(nodes[-1].output[0], output)], initializers)
        net = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        net = shape_inference.infer_shapes(net)  # the output's, where it is not given
        checker.check_model(net)
        save_model(net, str(cls.folder / name))
        return name

    @classmethod
    def gemm(cls, *behind):
        """Flatten and Gemm, which gives 'z', and what follows."""
        return [node("Flatten", ["image"], ["x"]), node("Gemm", ["x", "w", "b"], ["z"]), *behind]

    def predicted(self, net, *options, images=("0.ppm",)):
        """The probabilities of each image, by class."""
        result = self.run_tool("predict", net, *images, "--device", "cpu", "--json", "--top", "1000",
                               *options)
        answers = []
        for image in json.loads(result.stdout)["images"]:
            found = {int(c["name"]): c["probability"] for c in image["classes"]}
            answers.append([found[i] for i in range(len(found))])
        return numpy.array(answers)

    def is_near(self, found, expected, name=None, tolerance=2e-4):
        self.assertEqual(numpy.shape(found), numpy.shape(expected), name)
        self.assertLess(numpy.abs(numpy.subtract(found, expected)).max(), tolerance, name)

    def measured(self, net, *options):
        return json.loads(self.run_tool("eval", net, "--data", "npy:npy", "--device", "cpu", "--json",
                                        *options).stdout)

    def train(self, net, *options, out="trained.safetensors", data="npy:npy", refused=False):
        command = ["train", "--model", net, "--data", data, "--device", "cpu", "--batch", "8",
                   "--epochs", "1", "--out", out, *options]
        return self.refused(*command) if refused else self.run_tool(*command).stdout

    def tensors(self, path="trained.safetensors"):
        """The tensors of a safetensors file, and its metadata."""
        data = (self.folder / path).read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        metadata = header.pop("__metadata__")
        found = {}
        for name, entry in header.items():
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            kind = {"F32": "<f4", "I32": "<i4"}[entry["dtype"]]
            found[name] = numpy.frombuffer(data[begin:end], kind).reshape(entry["shape"])
        return found, metadata
