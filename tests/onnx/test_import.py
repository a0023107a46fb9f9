"""Nets that Python's onnx package writes here: branches, functions, opsets, operators of several
forms, and hostile ones, which must be refused in one line, soon and in little memory.

usage: test_import.py RUN_ONNX     (needs python3-onnx)
"""
import resource
import sys
import time
import unittest

PROGRAM = sys.argv.pop(1)
try:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper
    import onnx
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
from session import Session

RNG = np.random.default_rng(1)
node = helper.make_node


def array(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def constants(**values):
    return [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]


def graph(nodes, weights=(), outputs=("y",), shape=("n", 2, 3, 4)):
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    return helper.make_graph(nodes, "g", inputs, results, weights)


def model(nodes, weights=(), opset=17, functions=(), **how):
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("f", 1)]
    return helper.make_model(graph(nodes, weights, **how), opset_imports=imports, ir_version=8,
                             functions=list(functions))


def branch(nodes, output, weights=()):
    value = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    return helper.make_graph(nodes, "b", [], [value], weights)


def function(name, inputs, nodes, attributes=(), opset=17):
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("f", 1)]
    return helper.make_function("f", name, inputs, ["y"], nodes, imports, list(attributes))


def referring(made, name, to):
    """The node with an attribute that stands for one of its function's."""
    attribute = made.attribute.add()
    attribute.name, attribute.ref_attr_name, attribute.type = name, to, onnx.AttributeProto.FLOAT
    return made


class ImportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.session = Session(PROGRAM, "cpu")

    @classmethod
    def tearDownClass(cls):
        cls.session.close()

    def run_net(self, net, x):
        path = self.session.path("net.onnx")
        with open(path, "wb") as file:
            file.write(net.SerializeToString())
        return self.session.run("infer", path, {"x": x})

    def agrees(self, net, x, expected, **more):
        result = self.run_net(net, x)
        self.assertIsInstance(result, dict, result)
        for name, value in {"y": expected, **more}.items():
            np.testing.assert_allclose(result[name], value, rtol=1e-4, atol=1e-5)

    def refused(self, net, message, x=None):
        start = time.monotonic()
        result = self.run_net(net, array(1, 2, 3, 4) if x is None else x)
        self.assertIn(message, result)
        self.assertLess(time.monotonic() - start, 30)  # seconds, on a machine that is busy

    def test_branches_that_shapes_decide(self):
        x = array(2, 2, 3, 4)
        for channels in (2, 3):
            # Both call a value 't'; the one that is not taken has an operator that is unknown.
            taken = branch([node("Mul", ["x", "w"], ["t"]), node("Relu", ["t"], ["r"])], "r",
                           constants(w=np.float32([2.0])))
            other = branch([node("Unheard", ["x"], ["t"]), node("Relu", ["t"], ["s"])], "s")
            nodes = [node("Shape", ["x"], ["shape"]), node("Gather", ["shape", "one"], ["c"]),
                     node("Equal", ["c", "wanted"], ["same"]),
                     node("If", ["same"], ["z"], then_branch=taken if channels == 2 else other,
                          else_branch=other if channels == 2 else taken),
                     node("Neg", ["z"], ["y"])]
            self.agrees(model(nodes, constants(one=np.int64(1), wanted=np.int64(channels))), x,
                        -np.maximum(0, 2 * x))

    def test_branches_inside_of_branches_and_weights_outside(self):
        x, w = array(1, 2, 3, 4), array(4)
        inner = node("If", ["no"], ["i"], then_branch=branch([node("Abs", ["x"], ["t"])], "t"),
                     else_branch=branch([node("Add", ["x", "w"], ["t"])], "t"))
        net = model([node("If", ["yes"], ["y"], then_branch=branch([inner], "i"),
                          else_branch=branch([node("Exp", ["x"], ["i"])], "i"))],
                    constants(yes=np.bool_(True), no=np.bool_(False), w=w))
        self.agrees(net, x, x + w)

    def test_a_branch_that_numbers_decide_is_refused(self):
        both = branch([node("Relu", ["x"], ["t"])], "t")
        net = model([node("ReduceSum", ["x"], ["s"], keepdims=0), node("Greater", ["s", "zero"], ["c"]),
                     node("If", ["c"], ["y"], then_branch=both, else_branch=both)],
                    constants(zero=np.float32(0)))
        self.refused(net, "'c' depends on the model's input")

    def test_functions_are_put_in_place_of_their_calls(self):
        scaled = function("scaled", ["a", "b"], [
            referring(node("LeakyRelu", ["a"], ["t"]), "alpha", "slope"),
            node("Mul", ["t", "b"], ["y"])], ["slope"])
        twice = function("twice", ["a"], [
            node("scaled", ["a", "a"], ["t"], domain="f", slope=0.5),
            node("Add", ["t", "a"], ["y"])])
        nodes = [node("twice", ["x"], ["u"], domain="f"), node("twice", ["u"], ["v"], domain="f"),
                 node("scaled", ["v", "w"], ["y"], domain="f", slope=0.25)]
        x, w = array(2, 2, 3, 4), array(4)

        def leaky(a, slope):
            return np.where(a > 0, a, slope * a)

        u = leaky(x, 0.5) * x + x
        v = leaky(u, 0.5) * u + u
        self.agrees(model(nodes, constants(w=w), functions=[scaled, twice]), x, leaky(v, 0.25) * w)

    def test_a_function_of_another_opset(self):
        # Before opset 13 a softmax is over all dimensions from its axis on.
        flat = function("flat", ["a"], [node("Softmax", ["a"], ["y"], axis=1)], opset=12)
        x = array(2, 2, 3, 4)
        exp = np.exp(x)
        self.agrees(model([node("flat", ["x"], ["y"], domain="f")], functions=[flat]), x,
                    exp / exp.sum((1, 2, 3), keepdims=True))

    def test_functions_without_end_are_refused(self):
        loop = function("loop", ["a"], [node("loop", ["a"], ["y"], domain="f")])
        self.refused(model([node("loop", ["x"], ["y"], domain="f")], functions=[loop]),
                     "functions call each other more than 32 deep")
        for inner in ([node("Relu", ["a"], ["y"])], []):  # each calls the one before it twice
            doubling = [function("d0", ["a"], inner)] + [
                function(f"d{i}", ["a"], [node(f"d{i - 1}", ["a"], ["t"], domain="f"),
                                          node(f"d{i - 1}", ["t"], ["y"], domain="f")])
                for i in range(1, 31)]
            self.refused(model([node("d30", ["x"], ["y"], domain="f")], functions=doubling),
                         "functions have more than 2^20 nodes")

    def test_opsets(self):
        x = array(1, 2, 3, 4)
        for opset in (6, 7, 8, 9, 13, 17, 22, 23, 25, 28):
            with self.subTest(opset=opset):
                self.agrees(model([node("Relu", ["x"], ["t"]), node("Add", ["t", "x"], ["y"])],
                                  opset=opset), x, np.maximum(x, 0) + x)
        for opset in (5, 29):
            self.refused(model([node("Relu", ["x"], ["y"])], opset=opset), "expected 6 to 28")
        slope = np.float32([0.5, 2])
        self.agrees(model([node("Add", ["x", "b"], ["y"], broadcast=1, axis=1)], constants(b=slope),
                          opset=6), x, x + slope[:, None, None])
        self.agrees(model([node("PRelu", ["x", "b"], ["y"])], constants(b=slope), opset=6), x,
                    np.where(x > 0, x, x * slope[:, None, None]))

    def test_equations(self):
        x, w = array(2, 2, 3, 4), array(2, 5, 4)
        square = array(1, 2, 3, 3)
        for equation, others, expected in (
                ("nchw->nwhc", {}, x.transpose(0, 3, 2, 1)),
                ("nchw->nc", {}, x.sum((2, 3))),
                ("...w,ncw->...", {"w": array(2, 3, 4)}, None),
                ("nchw,cdw->nhd", {"w": w}, np.einsum("nchw,cdw->nhd", x, w)),
                ("n...w,cdw->n...d", {"w": w}, None),
                ("nchw,cdw,d->nh", {"w": w, "v": array(5)}, None),
                ("nchw,kw", {"w": array(5, 4)}, None),
                ("nchw,nchw->nc", {"w": x}, (x * x).sum((2, 3)))):
            with self.subTest(equation=equation):
                if expected is None:
                    try:
                        expected = np.einsum(equation, x, *others.values())
                    except ValueError:  # labels that only broadcasting in ONNX allows
                        continue
                net = model([node("Einsum", ["x", *others], ["y"], equation=equation)],
                            constants(**others))
                self.agrees(net, x, expected)
        self.agrees(model([node("Einsum", ["x"], ["y"], equation="ncii->nci")], shape=(1, 2, 3, 3)),
                    square, np.einsum("ncii->nci", square))
        self.refused(model([node("Einsum", ["x"], ["y"], equation="nc(w->n")]), "not supported")

    def test_a_kernel_far_larger_than_the_image(self):
        x = array(1, 2, 3, 4)  # row p sees those up to it
        expected = np.cumsum(x, 2) / np.arange(1, 4, dtype=np.float32)[:, None]
        self.agrees(model([node("AveragePool", ["x"], ["y"], kernel_shape=[1000000, 1],
                                pads=[999999, 0, 0, 0])]), x, expected)

    def test_pads_that_cut(self):
        x = array(2, 2, 5, 6)
        for mode, kind in (("constant", "constant"), ("edge", "edge"), ("reflect", "reflect")):
            pads = np.int64([0, 0, 2, -1, 0, 0, -2, 3])
            cut = x[:, :, :-2, 1:]
            expected = np.pad(cut, ((0, 0), (0, 0), (2, 0), (0, 3)), kind)
            self.agrees(model([node("Pad", ["x", "p"], ["y"], mode=mode)], constants(p=pads),
                              shape=("n", 2, 5, 6)), x, expected)

    def test_the_largest(self):
        x = array(2, 2, 3, 4)
        for largest in (0, 1):
            order = np.argsort(-x if largest else x, axis=3)[..., :3]
            self.agrees(model([node("TopK", ["x", "k"], ["y", "i"], largest=largest)],
                              constants(k=np.int64([3])), outputs=("y", "i")), x,
                        np.take_along_axis(x, order, 3))

    def test_remainders_and_products(self):
        x = (np.arange(24).reshape(1, 2, 3, 4) - 12).astype(np.float32)
        d = np.float32([3, -5, 2, 4])
        self.agrees(model([node("Mod", ["x", "d"], ["y"])], constants(d=d)), x, np.mod(x, d))
        self.agrees(model([node("Mod", ["x", "d"], ["y"], fmod=1)], constants(d=d)), x, np.fmod(x, d))
        self.agrees(model([node("ReduceProd", ["x"], ["y"], axes=[1, 2], keepdims=0)]), x / 8,
                    (x / 8).prod((1, 2)))
        # [n, 24]: a product of sizes, as exporters write it.
        net = model([node("Shape", ["x"], ["s"], start=1), node("ReduceProd", ["s"], ["p"]),
                     node("Mod", ["p", "many"], ["q"]), node("Concat", ["all", "q"], ["to"], axis=0),
                     node("Reshape", ["x", "to"], ["y"])],
                    constants(all=np.int64([-1]), many=np.int64([100])))
        self.agrees(net, x, x.reshape(-1, 24))

    def test_elements_that_indices_name(self):
        x, u = array(2, 2, 3, 4), array(2, 3, 4)
        index = np.int64([[1, 0], [0, -1]])
        written = x.copy()
        written[1, 0], written[0, 1] = u
        self.agrees(model([node("ScatterND", ["x", "i", "u"], ["y"])], constants(i=index, u=u)), x,
                    written)
        self.agrees(model([node("GatherND", ["x", "i"], ["y"])], constants(i=index)), x,
                    np.stack([x[1, 0], x[0, 1]]))
        self.agrees(model([node("GatherND", ["x", "i"], ["y"], batch_dims=1)],
                          constants(i=np.int64([[1, 2], [0, 0]]))), x,
                    np.stack([x[0, 1, 2], x[1, 0, 0]]))

    def test_hostile_nets_are_refused_soon(self):
        one = [node("Constant", [], ["k0"], value_floats=[1.0] * 1000)]
        doubling = [node("Concat", [f"k{i}", f"k{i}"], [f"k{i + 1}"], axis=0) for i in range(40)]
        adding = [node("Reshape", ["k14", "column"], ["a"]), node("Add", ["a", "k14"], ["b"])]
        last = [node("ReduceSum", ["k40"], ["s"]), node("Add", ["x", "s"], ["y"])]
        many = np.int64(2_000_000_000)
        for nodes, values, message in (
                (one + doubling + last, {}, "too many elements are kept"),
                (one + doubling[:14] + adding + [node("Add", ["x", "b"], ["y"])],
                 {"column": np.int64([-1, 1])}, "too many elements are kept"),
                ([node("Range", ["a", "b", "c"], ["r"]), node("Gather", ["r", "a"], ["q"]),
                  node("Add", ["x", "q"], ["y"])],
                 {"a": np.int64(0), "b": many, "c": np.int64(1)}, "too many elements are kept"),
                ([node("ConstantOfShape", ["s"], ["c"]), node("Add", ["x", "c"], ["y"])],
                 {"s": np.int64([many, 4])}, "too many elements are kept"),
                ([node("Expand", ["x", "s"], ["y"])], {"s": np.int64([1, 1, 1 << 31, 1 << 31])},
                 "do not broadcast"),
                ([node("ReduceMean", ["x"], ["m"]), node("Expand", ["m", "s"], ["y"])],
                 {"s": np.int64([1, 1, 1 << 31, 1 << 31])}, "too many bytes in f32[1,1,2147483648"),
                ([node("Flatten", ["x"], ["f"]), node("Gemm", ["f", "w"], ["y"])],
                 {"w": np.float32(1.5)}, "input 1 is [], expected a matrix"),
                ([node("Reshape", ["x", "s"], ["f"]), node("Gemm", ["f", "w"], ["y"])],
                 {"s": np.int64([-1]), "w": array(24, 3)}, "input 0 is [24], expected a matrix"),
                ([node("Conv", ["x", "w"], ["y"], dilations=[(1 << 64) // 3 + 1] * 2)],
                 {"w": array(4, 2, 4, 4)}, "dilations is 6148914691236517206"),
                ([node("DepthToSpace", ["x"], ["y"], blocksize=1 << 32)], {}, "blocksize is 4294967296"),
                ([node("GroupNormalization", ["x", "s", "s"], ["y"], num_groups=1)],
                 {"s": array(0)}, "scale or bias has 0 elements"),
                ([node("AveragePool", ["x"], ["y"], kernel_shape=[1000000, 1], pads=[2000000, 0, 0, 0])],
                 {}, "pads is 2000000"),
                ([node("Resize", ["x", "", "s"], ["y"], mode="cubic")],
                 {"s": np.float32([1, 1, 1, 1e6])}, "too many elements are kept"),
                ([node("Resize", ["x", "", "s"], ["y"])],
                 {"s": np.float32([1, 1, 1e6, 1e6])}, "a result is [1,2,3000000,4000000]")):
            with self.subTest(message=message, op=nodes[-1].op_type):
                self.refused(model(nodes, constants(**values), opset=18), message)


class MemoryTest(unittest.TestCase):
    def test_memory(self):
        """After the others: the program had less than a GiB."""
        session = Session(PROGRAM, "cpu")
        session.close()
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20  # GiB
        self.assertLess(most, 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
