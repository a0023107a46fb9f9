"""What an imported ONNX file answers: how it ends, what images it takes, of which size.

usage: test_onnx_endings.py TESSERA
"""
import json
import sys
import unittest

try:
    import numpy
    import onnx
    from onnx import TensorProto
except ImportError:
    print("Python's numpy and onnx are not installed")
    sys.exit(77)

from onnx_case import OnnxCase, floats, integers, node, sigmoid, softmax, value

PROBABILITIES = {
    "Identity": [node("Softmax", ["z"], ["s"]), node("Identity", ["s"], ["y"])],
    "two": [node("Softmax", ["z"], ["s"], axis=1), node("Identity", ["s"], ["i"]),
            node("Cast", ["i"], ["y"], to=TensorProto.FLOAT)],
    "Flatten": [node("Softmax", ["z"], ["s"]), node("Flatten", ["s"], ["y"])],
    "Reshape": [node("Softmax", ["z"], ["s"]), node("Reshape", ["s", "rows"], ["y"])],
    "Shape": [node("Softmax", ["z"], ["s"]), node("Shape", ["s"], ["h"]),
              node("Reshape", ["s", "h"], ["y"])],
    "Squeeze": [node("Unsqueeze", ["z", "two"], ["u"]), node("Softmax", ["u"], ["s"], axis=1),
                node("Squeeze", ["s", "two"], ["y"])],
    "image": [node("Reshape", ["z", "pixel"], ["u"]), node("Softmax", ["u"], ["s"], axis=1),
              node("Reshape", ["s", "rows"], ["y"])],
    "Clip": [node("Softmax", ["z"], ["s"]), node("Clip", ["s", "low", "high"], ["y"])],
    "Dropout": [node("Softmax", ["z"], ["s"]), node("Dropout", ["s"], ["y"])],
    "LogSoftmax": [node("LogSoftmax", ["z"], ["s"]), node("Identity", ["s"], ["y"])],
    "Exp": [node("LogSoftmax", ["z"], ["s"]), node("Exp", ["s"], ["y"])],
    "Log": [node("Softmax", ["z"], ["s"]), node("Clip", ["s", "low", "high"], ["c"]),
            node("Log", ["c"], ["y"])],
    "twice": [node("LogSoftmax", ["z"], ["s"]), node("Softmax", ["s"], ["y"])],
    "parts": [node("ReduceMax", ["z"], ["m"], axes=[1]), node("Sub", ["z", "m"], ["d"]),
              node("Exp", ["d"], ["e"]), node("ReduceSum", ["e", "one"], ["t"]),
              node("Div", ["e", "t"], ["s"]), node("Identity", ["s"], ["y"])],
}
BINARY = {
    "Identity": [node("Sigmoid", ["z"], ["s"]), node("Identity", ["s"], ["y"])],
    "Clip": [node("Sigmoid", ["z"], ["s"]), node("Clip", ["s", "low", "high"], ["y"])],
    "Log": [node("Sigmoid", ["z"], ["s"]), node("Log", ["s"], ["l"]), node("Flatten", ["l"], ["y"])],
}


class EndingsTest(OnnxCase):
    def save_gemm(self, name, behind, **options):
        known = [integers("rows", 0, 3), integers("pixel", 0, 3, 1, 1), integers("one", 1),
                 integers("two", 2), floats("low", 1e-7), floats("high", 1 - 1e-7)]
        used = {i for n in behind for i in n.input}
        return self.save(name, self.gemm(*behind),
                         [*self.weights, *(t for t in known if t.name in used)], **options)

    def loss_of(self, net):
        """The loss of a net that is trained a step without moving, exported, and of the export."""
        self.train(net, "--lr", "0", "--steps", "1")
        self.run_tool("export", "trained.safetensors", "--out", "again.onnx")
        again = onnx.load(str(self.folder / "again.onnx"))
        return (self.tensors()[1]["loss"],
                next(p.value for p in again.metadata_props if p.key == "tessera.loss"))

    def test_what_follows_a_softmax_does_not_hide_it(self):
        expected = softmax(self.logits())
        loss = -numpy.log(expected[numpy.arange(16), self.labels]).mean()
        for name, behind in PROBABILITIES.items():
            net = self.save_gemm("softmax.onnx", behind)
            self.is_near(self.predicted(net, images=("0.ppm", "1.ppm")), expected[:2], name)
            self.is_near(self.predicted(net), expected[:1], name)
            self.is_near(self.measured(net)["loss"], loss, name)
        self.assertEqual(self.loss_of(net), ("cross-entropy", "cross-entropy"))
        self.is_near(self.predicted("again.onnx"), expected[:1])

    def test_what_follows_sigmoids_does_not_hide_them(self):
        z = self.logits()
        targets = numpy.eye(3)[self.labels]
        loss = (numpy.log1p(numpy.exp(z)) - targets * z).mean()
        for name, behind in BINARY.items():
            net = self.save_gemm("sigmoid.onnx", behind)
            self.is_near(self.predicted(net), sigmoid(z[:1]), name)
            self.is_near(self.measured(net)["loss"], loss, name)
        self.assertEqual(self.loss_of(net), ("bce", "bce"))
        self.is_near(self.predicted("again.onnx"), sigmoid(z[:1]))

    def test_a_single_sigmoid_whatever_its_shape(self):
        one = [floats("w", self.w[:, :1]), floats("b", self.b[:1]), integers("one", 1)]
        share = sigmoid(self.logits()[:2, :1])
        for behind in ([node("Squeeze", ["s", "one"], ["y"])], [node("Identity", ["s"], ["y"])]):
            net = self.save("single.onnx", self.gemm(node("Sigmoid", ["z"], ["s"]), *behind), one,
                            output=None)
            self.is_near(self.predicted(net, images=("0.ppm", "1.ppm")),
                         numpy.hstack([1 - share, share]))

    def test_half_weights_between_float_ends(self):
        half = [onnx.numpy_helper.from_array(t.astype(numpy.float16), n)
                for n, t in (("w", self.w), ("b", self.b))]
        net = self.save("half.onnx", [
            node("Cast", ["image"], ["h"], to=TensorProto.FLOAT16), node("Flatten", ["h"], ["x"]),
            node("Gemm", ["x", "w", "b"], ["z"]), node("Softmax", ["z"], ["s"], axis=1),
            node("Cast", ["s"], ["y"], to=TensorProto.FLOAT)], half)
        self.is_near(self.predicted(net), softmax(self.logits()[:1]), tolerance=2e-3)

    def test_a_new_head_behind_any_ending(self):
        (self.folder / "four").mkdir()
        numpy.save(self.folder / "four/x.npy", self.images)
        numpy.save(self.folder / "four/y.npy", numpy.arange(16) % 4)
        for behind in PROBABILITIES["image"], PROBABILITIES["twice"], BINARY["Log"]:
            net = self.save_gemm("old.onnx", behind)
            self.assertIn("--new-head", self.train(net, data="npy:four", refused=True))
            self.train(net, "--new-head", data="npy:four")
            self.assertEqual(self.tensors()[0]["new_head.weight"].shape, (4, 192))

    def test_a_new_head_in_place_of_a_convolution(self):
        nodes = [node("GlobalAveragePool", ["image"], ["p"]), node("Conv", ["p", "k"], ["c"]),
                 node("Softmax", ["c"], ["s"], axis=1), node("Flatten", ["s"], ["y"])]
        net = self.save("conv.onnx", nodes, [floats("k", self.w[:15].reshape(15, 3, 1, 1))], output=None)
        self.assertIn("has 15 classes, but the data has 3", self.train(net, refused=True))
        self.train(net, "--new-head")
        self.assertEqual(self.tensors()[0]["new_head.weight"].shape, (3, 3))

    def test_a_softmax_that_is_not_over_the_classes(self):
        spatial = [node("Softmax", ["image"], ["s"], axis=3), node("Flatten", ["s"], ["y"])]
        expected = softmax(softmax(self.pixels()[:1], 3).reshape(1, 192))
        self.is_near(self.predicted(self.save("s.onnx", spatial, [], output=None)), expected)
        batch = self.save_gemm("b.onnx", [node("Softmax", ["z"], ["y"], axis=0)])
        self.assertIn("a softmax over the batch", self.refused("predict", batch, "0.ppm"))
        cut = [node("Softmax", ["z"], ["s"]), node("Clip", ["s", "m", "high"], ["y"])]
        clipped = self.save("c.onnx", self.gemm(*cut),
                            [*self.weights, floats("m", 0.3), floats("high", 1)])
        self.is_near(self.predicted(clipped),
                     softmax(numpy.maximum(softmax(self.logits()[:1]), 0.3)))

    def test_a_softmax_inside_the_net(self):
        nodes = self.gemm(node("Softmax", ["z"], ["s"]), node("MatMul", ["s", "v"], ["t"]),
                          node("Softmax", ["t"], ["p"]), node("Mul", ["p", "u"], ["y"]))
        v, u = self.w[:3] * 9, self.b * 8
        net = self.save("inside.onnx", nodes, [*self.weights, floats("v", v), floats("u", u)])
        inner = softmax(softmax(self.logits()[:1]) @ v)
        self.is_near(self.predicted(net), softmax(inner * u))

    def test_nets_that_do_not_classify(self):
        relu = node("Relu", ["image"], ["y"])
        one = [floats("w", self.w[:, :1]), floats("b", self.b[:1])]
        two = [value("image", ("n", 3, 8, 8)), value("other", ("n", 3, 8, 8))]
        for net, problem in (
                (self.save("n.onnx", [relu], [], output=None), "expected [N,classes]"),
                (self.save("n2.onnx", [node("Add", ["image", "other"], ["y"])], [], two, None),
                 "has 2 inputs, expected one"),
                (self.save("n3.onnx", self.gemm(node("Identity", ["z"], ["y"])), one, output=None),
                 "one number per image")):
            self.assertIn(problem, self.refused("predict", net, "0.ppm"))


class InputsTest(OnnxCase):
    def bytes_net(self, kind=TensorProto.UINT8):
        nodes = [node("Cast", ["image"], ["c"], to=TensorProto.FLOAT), node("Div", ["c", "d"], ["e"]),
                 node("Flatten", ["e"], ["x"]), node("Gemm", ["x", "w", "b"], ["y"])]
        return self.save("bytes.onnx", nodes, [*self.weights, floats("d", 255)],
                         [value("image", ("n", 3, 8, 8), kind)])

    def test_integers_are_bytes(self):
        expected = softmax(self.logits())
        for kind in TensorProto.INT32, TensorProto.UINT8:
            net = self.bytes_net(kind)
            self.is_near(self.predicted(net), expected[:1])
        loss = -numpy.log(expected[numpy.arange(16), self.labels]).mean()
        self.is_near(self.measured(net)["loss"], loss)
        self.is_near(self.predicted(net, "--deviation", "0.00392157,0.00392157,0.00392157"),
                     expected[:1])
        self.train(net, "--lr", "0")
        self.is_near(self.predicted("trained.safetensors"), expected[:1])
        self.run_tool("export", "trained.safetensors", "--out", "again.onnx")
        self.is_near(self.predicted("again.onnx"), expected[:1])
        self.run_tool("export", net, "--out", "direct.onnx")
        self.is_near(self.predicted("direct.onnx"), expected[:1])

    def test_bytes_with_channels_last_through_integers(self):
        nodes = [node("Cast", ["image"], ["i"], to=TensorProto.INT32),
                 node("Cast", ["i"], ["c"], to=TensorProto.FLOAT),
                 node("Transpose", ["c"], ["t"], perm=[0, 3, 1, 2]), node("Div", ["t", "d"], ["e"]),
                 node("Flatten", ["e"], ["x"]), node("Gemm", ["x", "w", "b"], ["y"])]
        net = self.save("last.onnx", nodes, [*self.weights, floats("d", 255)],
                        [value("image", ("n", 8, 8, 3), TensorProto.UINT8)])
        self.is_near(self.predicted(net), softmax(self.logits()[:1]))

    def test_inputs_that_are_refused(self):
        self.assertIn("expects unnormalized bytes", self.train(self.bytes_net(), "--normalize", refused=True))
        self.assertIn("is int8, expected floats or bytes",
                      self.refused("predict", self.bytes_net(TensorProto.INT8), "0.ppm"))

    def open_net(self, channels=3):
        k = self.w[:36].reshape(4, 3, 3, 3)
        nodes = [node("Conv", ["image", "k"], ["c"]), node("Relu", ["c"], ["r"]),
                 node("GlobalAveragePool", ["r"], ["p"]), node("Flatten", ["p"], ["x"]),
                 node("Gemm", ["x", "v", "b"], ["y"])]
        return self.save("open.onnx", nodes, [floats("k", k), floats("v", self.w[:4]), self.weights[1]],
                         [value("image", ("n", channels, "h", "w"))])

    def open_logits(self):
        x, k = self.pixels(), self.w[:36].reshape(4, 3, 3, 3)
        windows = numpy.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))
        c = numpy.maximum(numpy.einsum("nchwrs,kcrs->nkhw", windows, k), 0)
        return c.mean((2, 3)) @ self.w[:4] + self.b

    def test_an_open_size_is_that_of_the_option_or_the_data(self):
        expected = softmax(self.open_logits())
        for net in self.open_net("c"), self.open_net():
            self.is_near(self.predicted(net, "--size", "8"), expected[:1])
        self.run_tool("export", net, "--size", "8", "--out", "eight.onnx")
        self.is_near(self.predicted("eight.onnx"), expected[:1])
        loss = -numpy.log(expected[numpy.arange(16), self.labels]).mean()
        self.is_near(self.measured(net)["loss"], loss)
        self.train(net, "--lr", "0")
        self.is_near(self.predicted("trained.safetensors"), expected[:1])
        step = ("--model", net, "--size", "16", "--device", "cpu", "--batch", "2")
        profile = json.loads(self.run_tool("profile", *step, "--steps", "1", "--json").stdout)
        self.assertIn("16x16x3", json.dumps(profile))
        self.run_tool("tune", *step, "--list")
        self.run_tool("bisect", *step)

    def test_folders_need_a_size_for_an_open_net(self):
        for name in "a/0", "a/1", "b/0", "b/1":
            path = self.folder / f"classes/{name}.ppm"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((self.folder / "0.ppm").read_bytes())
        nodes = [node("GlobalAveragePool", ["image"], ["p"]), node("Flatten", ["p"], ["x"]),
                 node("Gemm", ["x", "v"], ["y"])]
        net = self.save("two.onnx", nodes, [floats("v", self.w[:3, :2])],
                        [value("image", ("n", 3, "h", "w"))], ("n", 2))
        folder = ("--data", "folder:classes")
        command = ["train", "--model", net, *folder, "--device", "cpu", "--batch", "2", "--epochs", "1",
                   "--held-out", "0.5", "--out", "t.safetensors"]
        for refused in command, ["eval", net, *folder], ["predict", net, "0.ppm"], \
                ["export", net, "--out", "y.onnx"], ["profile", "--model", net]:
            self.assertIn("--size", self.refused(*refused))
        self.run_tool(*command, "--size", "8")
        self.run_tool("eval", net, *folder, "--size", "8x6", "--device", "cpu")
        self.assertIn("expected no --size", self.refused("eval", "t.safetensors", "--size", "8"))

    def test_a_fixed_batch_that_the_net_mixes_up(self):
        nodes = [node("Reshape", ["image", "flat"], ["x"]), node("Gemm", ["x", "w", "b"], ["y"])]
        net = self.save("fixed.onnx", [node("Add", ["image", "image"], ["t"]),
                                       node("Transpose", ["t"], ["t2"], perm=[1, 0, 2, 3]),
                                       node("Reshape", ["t2", "flat"], ["x"]), nodes[1]],
                        [*self.weights, integers("flat", 1, 192)], [value("image", (1, 3, 8, 8))], (1, 3))
        self.predicted(net)
        self.assertIn("dynamic_axes", self.refused("predict", net, "0.ppm", "1.ppm", "--device", "cpu"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
