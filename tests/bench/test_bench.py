"""The programs that compare and report, run for a moment: whether they work, not what they measure.

usage: test_bench.py BUILD_FOLDER
"""
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
BENCH = pathlib.Path(__file__).resolve().parents[2] / "bench"


def load_compare_pytorch():
    loader = importlib.machinery.SourceFileLoader("compare_pytorch", str(BENCH / "compare_pytorch"))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def devices():
    out = subprocess.check_output([BUILD / "tools/tessera", "devices", "--json"])
    return [d for d in json.loads(out) if d["usable"] and d["id"].startswith("opencl")]


class CompareTest(unittest.TestCase):
    def test_targets_are_of_works_that_exist(self):
        compare = load_compare_pytorch()
        works = {*compare.TRAINING, *compare.INFERENCE, *compare.NETS}
        for kind, targets in compare.TARGETS.items():
            self.assertEqual(set(targets) - works, set(), kind)

    def test_unknown_works_are_refused(self):
        for work in "tutorial", "tutorial b0", "resnet19 b4":
            result = subprocess.run([sys.executable, BENCH / "compare_pytorch", "--work", work],
                                    capture_output=True, text=True)
            self.assertEqual(result.returncode, 2)
            self.assertIn(f"unknown work {work!r}, expected 'sgemm', 'conv', 'pictures' or", result.stderr)

    def compare(self, *options):
        command = [sys.executable, BENCH / "compare_pytorch", "--build", BUILD, *options]
        return subprocess.run(command, capture_output=True, text=True)

    def test_memory_is_of_nets_in_training(self):
        for options in ("--infer",), ("--work", "sgemm"):
            result = self.compare("--memory", *options)
            self.assertEqual(result.returncode, 2)
            self.assertIn("--memory is of the training of nets", result.stderr)

    def test_memory_and_share_of_the_peak(self):
        work = "--work", "tutorial b4", "--json"
        result = self.compare("--memory", *work)
        if result.stdout.startswith("skipped"):
            self.skipTest(result.stdout.strip())
        memory = json.loads(result.stdout)[0]
        self.assertEqual(memory["unit"], "MB")
        for side in "tessera", "pytorch":  # weights, gradients and momenta are 0.7 MB
            self.assertGreater(memory[side], 0.7)
            self.assertLess(memory[side], 20)
        time = json.loads(self.compare("--rounds", "1", *work).stdout)[0]
        self.assertGreater(time["share"], 0)
        self.assertLess(time["share"], 1)

    def test_pictures(self):
        result = self.compare("--rounds", "1", "--work", "pictures", "--json")
        if result.stdout.startswith("skipped"):
            self.skipTest(result.stdout.strip())
        speed = json.loads(result.stdout)[0]
        self.assertAlmostEqual(speed["ratio"], speed["tessera"] / speed["pytorch"], places=3)

    def test_the_benchmark_has_the_cases(self):
        compare = load_compare_pytorch()
        source = (BENCH.parent / "tests/cases/conv2d.cpp").read_text()
        for name in compare.CONVOLUTIONS:
            self.assertIn(f'"{name}"', source)


class GpuTest(unittest.TestCase):
    def run_gpu(self, *options):
        with tempfile.TemporaryDirectory() as tuning:  # what is tuned in seconds is not to stay
            return subprocess.run([BENCH / "gpu.sh", "--build", BUILD, *options], text=True,
                                  capture_output=True,
                                  env={**os.environ, "TESSERA_TUNING_DIR": tuning})

    def test_without_a_gpu_it_says_so_in_one_line(self):
        if any("gpu" in d["type"] for d in devices()):
            self.skipTest("there is a GPU")
        result = self.run_gpu()
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn("there is no usable OpenCL GPU", result.stderr)

    def test_quick_report(self):
        if not devices():
            self.skipTest("there is no OpenCL device")
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "report.md"
            result = self.run_gpu("--quick", "--device", devices()[0]["id"], "--out", path)
            report = path.read_text()
        self.assertEqual(result.returncode, 0, report)
        self.assertTrue(report.startswith(f"# {devices()[0]['name']}\n"))
        self.assertNotIn("**Failed", report)
        for section in "Tests: the device", "Tuning", "Ops", "PyTorch on":
            self.assertIn(f"\n## {section}", report)


if __name__ == "__main__":
    unittest.main(verbosity=2)
