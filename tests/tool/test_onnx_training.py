"""What a training changes in an imported ONNX file and in the library's models.

usage: test_onnx_training.py TESSERA
"""
import sys
import unittest

try:
    import numpy
    import onnx  # noqa: F401
    from onnx import TensorProto
except ImportError:
    print("Python's numpy and onnx are not installed")
    sys.exit(77)

from onnx_case import OnnxCase, constant, floats, node, softmax

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def channels(name, numbers):
    return floats(name, numpy.reshape(numbers, (1, 3, 1, 1)))


class TrainedTest(OnnxCase):
    def moved(self, net, *options):
        """The names of the tensors of a file that a training changes."""
        self.train(net, "--lr", "0", "--steps", "1")
        before, _ = self.tensors()
        self.train(net, "--lr", "0.1", *options)
        after, _ = self.tensors()
        return {name for name, tensor in before.items()
                if name in after and not name.endswith(".momentum") and name != "step" and
                not numpy.array_equal(tensor, after[name])}

    def test_the_constants_of_a_net_s_own_normalization_stay(self):
        gemm = [node("Flatten", ["e"], ["x"]), node("Gemm", ["x", "w", "b"], ["y"])]
        ways = {
            "sub, div": ([node("Sub", ["image", "mean"], ["d"]), node("Div", ["d", "std"], ["e"])],
                         [channels("mean", MEAN), channels("std", STD)]),
            "mul, add": ([node("Mul", ["image", "scale"], ["m"]), node("Add", ["shift", "m"], ["e"])],
                         [channels("scale", 1 / numpy.array(STD)),
                          channels("shift", -numpy.array(MEAN) / STD)]),
            "computed": ([node("Mul", ["image", "most"], ["h"]), node("Mul", ["mean", "most"], ["m"]),
                          node("Sub", ["h", "m"], ["d"]), node("Div", ["d", "std"], ["e"])],
                         [floats("most", [255]), channels("mean", MEAN),
                          channels("std", 255 * numpy.array(STD))]),
            "of each image": ([node("ReduceMean", ["image"], ["m"], axes=[1, 2, 3]),
                               node("Sub", ["image", "m"], ["d"]), node("Mul", ["d", "d"], ["q"]),
                               node("ReduceMean", ["q"], ["v"], axes=[1, 2, 3]),
                               node("Add", ["v", "eps"], ["a"]), node("Sqrt", ["a"], ["s"]),
                               node("Div", ["d", "s"], ["e"])], [floats("eps", [1e-3])]),
        }
        for name, (nodes, constants) in ways.items():
            net = self.save("norm.onnx", nodes + gemm, [*self.weights, *constants])
            self.assertEqual(self.moved(net), {"w", "b"}, name)
        normalized = (self.pixels()[:1] - numpy.reshape(MEAN, (1, 3, 1, 1))) / numpy.reshape(
            STD, (1, 3, 1, 1))
        net = self.save("norm.onnx", ways["sub, div"][0] + gemm, [*self.weights, *ways["sub, div"][1]])
        self.is_near(self.predicted(net), softmax(normalized.reshape(1, 192) @ self.w + self.b))

    def test_arithmetic_behind_a_layer_is_trained(self):
        nodes = self.gemm(node("Mul", ["z", "scale"], ["m"]), node("Add", ["m", "shift"], ["y"]))
        net = self.save("behind.onnx", nodes,
                        [*self.weights, floats("scale", [1, 2, 1]), floats("shift", [0, 1, 0])])
        self.assertEqual(self.moved(net), {"w", "b", "scale", "shift"})

    def test_a_shortcut_past_the_layers_is_trained(self):
        nodes = [node("Conv", ["image", "k"], ["c"]), node("Mul", ["image", "skip"], ["m"]),
                 node("Add", ["c", "m"], ["a"]), node("Flatten", ["a"], ["x"]),
                 node("Gemm", ["x", "w", "b"], ["y"])]
        net = self.save("skip.onnx", nodes, [*self.weights, channels("skip", [1, 1, 2]),
                                             floats("k", self.w[:3].reshape(3, 3, 1, 1))])
        self.assertEqual(self.moved(net), {"w", "b", "k", "skip"})

    def convolution(self, tensors, held):
        nodes = [node("Conv", ["image", "k", "kb"], ["c"], pads=[1, 1, 1, 1]), node("Relu", ["c"], ["r"]),
                 node("GlobalAveragePool", ["r"], ["p"]), node("Flatten", ["p"], ["x"]),
                 node("MatMul", ["x", "v"], ["z"]), node("Add", ["z", "vb"], ["y"])]
        nodes = [constant(t) for t in held] + nodes
        return self.save("convolution.onnx", nodes, tensors)

    def test_weights_in_constant_nodes_are_trained(self):
        tensors = [floats("k", self.w[:36].reshape(4, 3, 3, 3)), floats("kb", [0.1, 0, 0.2, 0]),
                   floats("v", self.w[:4]), floats("vb", self.b)]
        all_names = {"k", "kb", "v", "vb"}
        plain = self.predicted(self.convolution(tensors, []))
        net = self.convolution([], tensors)
        self.is_near(self.predicted(net), plain)
        self.assertEqual(self.moved(net), all_names)
        self.run_tool("export", "trained.safetensors", "--out", "again.onnx")
        self.is_near(self.predicted("again.onnx"), self.predicted("trained.safetensors"))
        # Where layers have initializers, Constant nodes are constants.
        self.assertEqual(self.moved(self.convolution(tensors[:2], tensors[2:])), {"k", "kb"})

    def threshold(self):
        nodes = [node("Conv", ["image", "k", "kb"], ["c"], pads=[1, 1, 1, 1]),
                 node("Greater", ["c", "limit"], ["m"]), node("Cast", ["m"], ["f"], to=TensorProto.FLOAT),
                 node("Mul", ["c", "f"], ["d"]), node("GlobalAveragePool", ["d"], ["p"]),
                 node("Flatten", ["p"], ["x"]), node("Gemm", ["x", "v", "b"], ["y"])]
        return self.save("threshold.onnx", nodes, [
            floats("k", self.w[:36].reshape(4, 3, 3, 3)), floats("kb", [0.1, 0, 0.2, 0]),
            floats("v", self.w[:4]), self.weights[1], floats("limit", [0.05])])

    def test_what_only_comparisons_read_stays(self):
        net = self.threshold()
        self.assertEqual(self.moved(net, "--optimizer", "adamw", "--ema", "0.5"), {"k", "kb", "v", "b"})
        out = self.train(net, "--ema", "0.5")
        self.assertIn("'limit' does not reach the loss and is not trained", out)
        for averaged in (), ("--ema",):
            expected = self.predicted("trained.safetensors", *averaged)
            self.run_tool("export", "trained.safetensors", "--out", "again.onnx", *averaged)
            self.is_near(self.predicted("again.onnx"), expected)

    def test_a_net_without_weights_is_refused(self):
        net = self.save("none.onnx", [node("GlobalAveragePool", ["image"], ["p"]),
                                      node("Flatten", ["p"], ["y"])], [])
        self.assertIn("has no parameters to train", self.train(net, refused=True))

    def test_parameters_that_are_frozen(self):
        net = self.threshold()
        self.assertEqual(self.moved(net, "--freeze", "k*", "--weight-decay", "0.1"), {"v", "b"})
        self.assertEqual(self.moved(net, "--train-only", "v", "--train-only", "b"), {"v", "b"})
        self.assertEqual(self.moved(net, "--train-only", "*", "--freeze", "?"), {"kb"})
        self.assertIn("no parameter matches 'kc'; similar names: k, kb",
                      self.train(net, "--freeze", "kc", refused=True))

    def test_a_frozen_model_resumes_alike(self):
        command = ["--data", "npy:npy", "--device", "cpu", "--batch", "8", "--epochs", "3", "--model",
                   "resnet20", "--optimizer", "adam", "--ema", "0.9"]
        freeze = ["--freeze", "layer1.*", "--freeze", "bn1.*"]
        out = self.run_tool("train", *command, *freeze, "--out", "whole.safetensors").stdout
        self.assertIn("are frozen", out)
        self.run_tool("train", *command, *freeze, "--steps", "3", "--out", "half.safetensors")
        self.assertIn("reads --freeze from the checkpoint",
                      self.refused("train", "--resume", "half.safetensors", "--freeze", "fc*"))
        start, _ = self.tensors("half.safetensors")
        self.run_tool("train", "--resume", "half.safetensors", "--device", "cpu")
        whole, _ = self.tensors("whole.safetensors")
        half, _ = self.tensors("half.safetensors")
        self.assertEqual(set(whole), set(half))
        for name in whole:
            self.assertTrue(numpy.array_equal(whole[name], half[name]), name)
            if name.startswith(("layer1.", "bn1.")):  # no states, and statistics stay
                self.assertTrue(numpy.array_equal(start[name], half[name]), name)
                self.assertFalse(name.endswith((".ema", ".exp_avg", ".exp_avg_sq")), name)
        self.assertTrue((whole["bn1.running_mean"] == 0).all())
        self.assertIn("layer2.0.conv1.weight.ema", whole)
        averaged = self.measured("whole.safetensors", "--ema")
        self.assertNotEqual(averaged["loss"], self.measured("whole.safetensors")["loss"])

    def test_a_training_begins_with_a_model_of_its_own(self):
        command = ["--data", "npy:npy", "--device", "cpu", "--batch", "8", "--model", "lenet5"]
        self.run_tool("train", *command, "--normalize", "--epochs", "2", "--ema", "0.5", "--out",
                      "first.safetensors")
        begin = [*command, "--epochs", "1", "--weights", "first.safetensors"]
        self.run_tool("train", *begin, "--lr", "0", "--out", "second.safetensors")
        for name, tensor in self.tensors("second.safetensors")[0].items():
            if not name.endswith(".momentum") and name != "step":
                self.assertTrue(numpy.array_equal(tensor, self.tensors("first.safetensors")[0][name]))
        self.is_near(self.measured("second.safetensors")["loss"],
                     self.measured("first.safetensors")["loss"])
        (self.folder / "five").mkdir()
        numpy.save(self.folder / "five/x.npy", self.images)
        numpy.save(self.folder / "five/y.npy", numpy.arange(16) % 5)
        begin[1] = "npy:five"
        begin += ["--out", "third.safetensors"]
        self.assertIn("; --new-head starts", self.refused("train", *begin))
        self.run_tool("train", *begin, "--new-head")
        begin[begin.index("lenet5")] = "resnet20"
        self.assertIn("which does not fit 'resnet20'", self.refused("train", *begin))


if __name__ == "__main__":
    unittest.main(verbosity=2)
