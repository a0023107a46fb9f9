"""ONNX files at the command line: exported, evaluated, trained and refused.

usage: test_onnx.py TESSERA
"""
import json
import math
import random
import struct
import unittest

from tool_case import ToolCase, picture


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def message(*fields):
    """Protobuf's bytes of (number, value) pairs."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(data)) + data
    return out


def value_info(name, dims):
    shape = message(*((1, message((1, d))) for d in dims))
    return message((1, name), (2, message((1, message((1, 1), (2, shape))))))


def node(op, inputs, output, name=""):
    return message(*((1, i) for i in inputs), (2, output), (3, name or output), (4, op))


def model(nodes, initializers=(), output=message((1, "y"))):
    graph = message(*((1, n) for n in nodes), (2, "net"), *((5, t) for t in initializers),
                    (11, value_info("x", (1, 1, 28, 28))), (12, output))
    return message((1, 8), (7, graph), (8, message((2, 13))))


def floats(name, dims, values):
    return message(*((1, d) for d in dims), (2, 1), (8, name),
                   (9, struct.pack(f"<{len(values)}f", *values)))


def external(name, dims, location):
    return message(*((1, d) for d in dims), (2, 1), (8, name), (14, 1),
                   (13, message((1, "location"), (2, location))))


class OnnxTest(ToolCase):
    def test_the_cut_center_goes_into_the_file(self):
        (self.folder / "wide.pgm").write_bytes(
            b"P5 84 28 255\n" + bytes(w * 3 for _ in range(28) for w in range(84)))
        self.run_tool("train", *self.train_options(), "--model", "tutorial", "--steps", "3",
                      "--crop", "center", "--out", "cut.safetensors")
        self.run_tool("export", "cut.safetensors", "--out", "cut.onnx")

        def answer(*arguments):
            return json.loads(self.run_tool("predict", *arguments, "wide.pgm", "--device", "cpu",
                                            "--json").stdout)["images"][0]["classes"][0]

        kept, squashed = answer("cut.onnx"), answer("cut.onnx", "--crop", "none")
        self.assertEqual(kept["name"], answer("cut.safetensors")["name"])
        self.assertAlmostEqual(kept["probability"], answer("cut.safetensors")["probability"], 4)
        self.assertNotEqual(kept["probability"], squashed["probability"])

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_tool("train", *cls.train_options(), "--model", "lenet5", "--epochs", "1", "--ema",
                     "0.5", "--normalize", "--out", "net.safetensors")
        cls.run_tool("export", "net.safetensors", "--out", "net.onnx")
        cls.run_tool("export", "net.safetensors", "--out", "averaged.onnx", "--ema")

        noise = random.Random(3)
        rows = [(i % 3, *picture(3 * (i % 3), noise)) for i in range(90)]
        (cls.folder / "three.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in rows))

    def evaluated(self, *arguments):
        return self.run_tool("eval", *arguments, "--data-dir", self.data, "--device", "cpu").stdout

    def test_an_exported_net_is_as_good(self):
        data = ("--data", "fashion-mnist")
        for options, net in ((("--ema",), "averaged.onnx"), ((), "net.onnx")):
            ours = self.evaluated("net.safetensors", *options)
            theirs = self.evaluated(net, *data)
            accuracy = ours[ours.index("accuracy"):].split()[1]
            self.assertIn(accuracy, theirs)
        self.assertNotEqual((self.folder / "net.onnx").read_bytes(),
                            (self.folder / "averaged.onnx").read_bytes())

    def test_predictions_are_the_same(self):
        answers = []
        for net in ("net.safetensors", "net.onnx"):
            result = self.run_tool("predict", net, "3", "7", "--data", "fashion-mnist",
                                   "--data-dir", self.data, "--device", "cpu", "--json", "--top", "10")
            answers.append(json.loads(result.stdout)["images"])
        for ours, theirs in zip(*answers):
            found = {c["name"]: c["probability"] for c in theirs["classes"]}
            for c in ours["classes"]:
                self.assertAlmostEqual(found[c["name"]], c["probability"], places=4)

    def test_it_is_trained_further_and_exported_again(self):
        self.run_tool("train", *self.train_options(), "--model", "net.onnx", "--epochs", "1",
                      "--out", "tuned.safetensors")
        self.assertIn("accuracy", self.evaluated("tuned.safetensors"))
        self.run_tool("export", "tuned.safetensors", "--out", "tuned.onnx")
        self.assertIn("accuracy", self.evaluated("tuned.onnx", "--data", "fashion-mnist"))

    def test_a_sigmoid_at_the_end_asks_for_its_own_loss(self):
        nodes = [node("Flatten", ["x"], "f"), node("MatMul", ["f", "w"], "z"),
                 node("Sigmoid", ["z"], "y")]
        weights = [(i * 7919 % 101 - 50) / 5000 for i in range(7840)]
        (self.folder / "sigmoid.onnx").write_bytes(model(nodes, [floats("w", (784, 10), weights)]))
        for options, loss, is_one in (((), "bce", False), (("--loss", "cross-entropy"),
                                                           "cross-entropy", True)):
            self.run_tool("train", *self.train_options(), "--model", "sigmoid.onnx", "--epochs", "1",
                          "--steps", "2", "--label-smoothing", "0.1", "--out", "s.safetensors", *options)
            self.assertIn(f'"loss":"{loss}"'.encode(), (self.folder / "s.safetensors").read_bytes())
            self.run_tool("train", *self.train_options(), "--resume", "s.safetensors", "--steps", "3")
            self.run_tool("export", "s.safetensors", "--out", "s.onnx")
            for net in "s.safetensors", "s.onnx":
                result = self.run_tool("predict", net, "3", "--data", "fashion-mnist", "--data-dir",
                                       self.data, "--device", "cpu", "--json", "--top", "10")
                shares = [c["probability"] for c in json.loads(result.stdout)["images"][0]["classes"]]
                self.assertEqual(abs(sum(shares) - 1) < 1e-4, is_one, net)

    def test_a_single_sigmoid_stands_for_two_classes(self):
        nodes = [node("Flatten", ["x"], "f"), node("MatMul", ["f", "w"], "z"), node("Sigmoid", ["z"], "y")]
        weights = [(i * 7919 % 101 - 48) / 5000 for i in range(784)]
        (self.folder / "single.onnx").write_bytes(
            model(nodes, [floats("w", (784, 1), weights)], value_info("y", (1, 1))))
        gray = 200
        (self.folder / "gray.pgm").write_bytes(b"P5 28 28 255\n" + bytes([gray] * 784))
        share = 1 / (1 + math.exp(-sum(weights) * gray / 255))
        result = self.run_tool("predict", "single.onnx", "gray.pgm", "--device", "cpu", "--json")
        found = {c["name"]: c["probability"] for c in json.loads(result.stdout)["images"][0]["classes"]}
        self.assertAlmostEqual(found["1"], share, places=4)
        self.assertAlmostEqual(found["0"], 1 - share, places=4)

        rows = (self.folder / "three.csv").read_text().splitlines(keepends=True)
        (self.folder / "two.csv").write_text("".join(row for row in rows if row[0] != "2"))
        data = ("--data", "csv:two.csv")
        self.run_tool("train", *data, "--device", "cpu", "--model", "single.onnx", "--batch", "10",
                      "--epochs", "6", "--steps", "40", "--normalize", "--out", "two.safetensors")
        self.is_good("two.safetensors")
        self.run_tool("export", "two.safetensors", "--out", "two.onnx")
        self.is_good("two.onnx", *data)

    def test_losses_that_make_no_sense(self):
        for options, problem in (
                (("--loss", "hinge"), "there is no 'hinge'; there are: cross-entropy, bce"),
                (("--class-weights", "1,2"), "are 2, expected 10, one for each class")):
            self.assertIn(problem, self.refused("train", *self.train_options(), "--model", "net.onnx",
                                                "--out", "l.safetensors", *options))

    def tensor(self, path, name):
        """Shape and bytes of a tensor of a safetensors file."""
        data = (self.folder / path).read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        entry = json.loads(data[8:8 + size])[name]
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        return entry["shape"], data[begin:end]

    def train_on_three(self, *options, refused=False):
        command = ["train", "--data", "csv:three.csv", "--device", "cpu", "--batch", "10", "--seed",
                   "2", "--out", "three.safetensors", *options]
        return self.refused(*command) if refused else self.run_tool(*command).stdout

    def is_good(self, *net):
        result = self.run_tool("eval", *net, "--device", "cpu", "--json")
        self.assertGreater(json.loads(result.stdout)["accuracy"], 0.9)

    def test_a_net_for_other_classes_gets_a_new_last_layer(self):
        self.assertIn("has 10 classes, but the data has 3; `tessera train --new-head` replaces its last layer",
                      self.train_on_three("--model", "net.onnx", refused=True))
        self.train_on_three("--model", "net.onnx", "--new-head", "--lr", "0", "--steps", "1")
        shape, start = self.tensor("three.safetensors", "new_head.weight")
        self.assertEqual(shape, [3, 84])
        out = self.train_on_three("--model", "net.onnx", "--new-head", "--epochs", "6", "--steps", "20")
        self.assertIn("--resume", out)
        self.run_tool("train", "--resume", "three.safetensors", "--device", "cpu")
        self.is_good("three.safetensors")
        self.assertNotEqual(self.tensor("three.safetensors", "new_head.weight")[1], start)
        self.run_tool("export", "three.safetensors", "--out", "three.onnx")
        self.is_good("three.onnx", "--data", "csv:three.csv")

    def test_weights_for_other_classes_but_the_last_layer(self):
        self.run_tool("export", "net.safetensors", "--out", "weights.safetensors")
        weights = ["--model", "lenet5", "--weights", "weights.safetensors", "--lr", "0", "--steps", "1"]
        line = self.train_on_three(*weights, refused=True)
        self.assertIn("'fc3.weight' is f32[10,84], expected f32[3,84]", line)
        self.assertTrue(line.endswith("; --new-head starts with a new last layer"), line)
        self.train_on_three(*weights, "--new-head")
        for name in "conv1.weight", "fc2.bias":
            self.assertEqual(self.tensor("three.safetensors", name),
                             self.tensor("net.safetensors", name))
        self.assertEqual(self.tensor("three.safetensors", "fc3.weight")[0], [3, 84])

    def test_a_last_layer_that_cannot_be_replaced(self):
        (self.folder / "flat.onnx").write_bytes(model([node("Flatten", ["x"], "f"), node("Relu", ["f"], "y")]))
        self.assertIn("come from Relu, expected Gemm or MatMul",
                      self.train_on_three("--model", "flat.onnx", "--new-head", refused=True))

    def test_profile_and_tune_take_it(self):
        result = self.run_tool("profile", "--model", "net.onnx", "--device", "cpu", "--steps", "1",
                               "--batch", "2", "--json")
        self.assertTrue(json.loads(result.stdout))
        self.run_tool("tune", "--model", "net.onnx", "--device", "cpu", "--list", "--batch", "2")

    def test_norms_are_kept_in_onnx_files_only(self):
        self.assertIn("--keep-norms",
                      self.refused("export", "net.safetensors", "--out", "w.safetensors", "--keep-norms"))

    def refuses(self, data):
        (self.folder / "bad.onnx").write_bytes(data)
        return self.refused("eval", "bad.onnx", "--data", "fashion-mnist", "--data-dir", self.data,
                            "--device", "cpu")

    def test_operators_that_are_missing_are_listed(self):
        self.assertIn("not supported: Bar (node 'second'); Foo (nodes 'first', 'y')",
                      self.refuses(model([node("Foo", ["x"], "a", "first"),
                                          node("Bar", ["a"], "b", "second"), node("Foo", ["b"], "y")])))

    def test_external_data_that_is_not_there(self):
        (self.folder / "short.bin").write_bytes(b"1234")
        flat = node("Flatten", ["x"], "f")
        for location, problem in (("none.bin", "cannot be read"), ("short.bin", "expected 31360"),
                                  ("../short.bin", "expected a file in the folder of the model")):
            self.assertIn(problem, self.refuses(model([flat, node("MatMul", ["f", "w"], "y")],
                                                      [external("w", (784, 10), location)])))

    def test_a_shape_that_depends_on_the_input(self):
        self.assertIn("depends on the model's input, expected a value that is known before the model runs",
                      self.refuses(model([node("Reshape", ["x", "x"], "y")])))

    def test_a_file_that_is_cut_short(self):
        whole = (self.folder / "net.onnx").read_bytes()
        self.assertIn("is damaged or not an ONNX file", self.refuses(whole[:len(whole) // 2]))

    def test_weights_that_do_not_fit(self):
        self.assertIn("y", self.refuses(model([node("Flatten", ["x"], "f"),
                                               node("MatMul", ["f", "w"], "y")],
                                              [floats("w", (2, 2), (1, 2, 3, 4))])))


if __name__ == "__main__":
    unittest.main(verbosity=2)
