"""Models written to ONNX files: ONNX's checker accepts them, and its reference evaluator, or ONNX
Runtime where that is installed, finds the same outputs, for batches of any size.

usage: test_export.py EXPORT_ONNX     (needs Python's onnx; the evaluator comes with 1.13)
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = sys.argv.pop(1)
try:
    import numpy
    import onnx
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
try:
    import onnxruntime
except ImportError:
    onnxruntime = None
try:
    from onnx.reference import ReferenceEvaluator
except ImportError:
    ReferenceEvaluator = None

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/goldens"))
import safetensors_file  # noqa: E402

TOLERANCE = 1e-4  # of the largest element
# Sizes of images: small ones, but no window is cut down to nothing.
SIDES = {"tutorial": 32, "lenet5": 32, "alexnet": 64, "alexnet_small": 32, "googlenet": 64,
         "densenet121": 64, "unet": 36, "vit_tiny": 32}
RUN = ("tutorial", "resnet20", "mobilenet_v2", "squeezenet1_1", "googlenet", "efficientnet_b0",
       "unet", "vit_tiny", "densenet121", "lenet5")

# Deeper ones of the same blocks, whose weights take long to check.
LIKE_OTHERS = {"vgg13", "vgg16", "vgg19", "vgg13_bn", "vgg16_bn", "vgg19_bn", "resnet34", "resnet101"}


def models():
    names = []
    for line in subprocess.run([PROGRAM], capture_output=True, text=True).stdout.splitlines():
        names.append(line)
    return names


class ExportTest(unittest.TestCase):
    def export(self, name, folder):
        result = subprocess.run([PROGRAM, name, str(SIDES.get(name, 64)), "5", folder],
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        for kind in ("folded", "plain"):
            onnx.checker.check_model(f"{folder}/{kind}.onnx", full_check=True)

    def evaluate(self, path, images):
        if onnxruntime:
            return onnxruntime.InferenceSession(path).run(None, {"image": images})[0]
        return ReferenceEvaluator(path).run(None, {"image": images})[0]

    def test_the_checker_accepts_all_models(self):
        names = models()
        self.assertGreater(len(names), 20)
        self.assertLessEqual(LIKE_OTHERS, set(names))
        for name in set(names) - LIKE_OTHERS:
            with self.subTest(name=name), tempfile.TemporaryDirectory() as folder:
                self.export(name, folder)

    @unittest.skipUnless(onnxruntime or ReferenceEvaluator, "nothing runs ONNX files")
    def test_outputs_are_the_same(self):
        for name in RUN:
            with self.subTest(name=name), tempfile.TemporaryDirectory() as folder:
                self.export(name, folder)
                values = safetensors_file.read(f"{folder}/values.safetensors")
                for kind in ("folded", "plain"):
                    for count in (2, 1):
                        found = self.evaluate(f"{folder}/{kind}.onnx", values["image"][:count])
                        expected = values["logits"][:count]
                        self.assertEqual(found.shape, expected.shape)
                        error = abs(found - expected).max() / abs(values["logits"]).max()
                        self.assertLess(error, TOLERANCE, kind)

    def test_a_folded_net_has_no_norms(self):
        with tempfile.TemporaryDirectory() as folder:
            self.export("resnet20", folder)
            count = {kind: [node.op_type for node in onnx.load(f"{folder}/{kind}.onnx").graph.node
                            ].count("BatchNormalization") for kind in ("folded", "plain")}
            self.assertEqual(count, {"folded": 0, "plain": 19})


if __name__ == "__main__":
    unittest.main(verbosity=2)
