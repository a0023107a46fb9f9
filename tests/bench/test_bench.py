"""The programs that compare and report, run for a moment: whether they work, not what they measure.

usage: test_bench.py BUILD_FOLDER
"""
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
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
    FILES = ["report.md", "logs", "programs", "traces", "tuning"]

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.out = self.folder / "out"

    def command(self, *options):
        return [str(word) for word in (BENCH / "gpu.sh", "--build", BUILD, "--out", self.out, *options)]

    def run_gpu(self, *options, **variables):
        return subprocess.run(self.command(*options), text=True, capture_output=True,
                              env={**os.environ, **variables})

    def first_device(self):
        found = devices()
        if not found:
            self.skipTest("there is no OpenCL device")
        return found[0]

    def assert_one_line(self, result, code, text):
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn(text, result.stderr)

    def test_wrong_usage_is_said_in_one_line(self):
        for options in (["--minutes", "0"], ["--minutes", "ten"], ["--minutes"], ["--quick"]):
            self.assert_one_line(self.run_gpu(*options), 2, options[0])
        self.assert_one_line(self.run_gpu("--device", "opencl:7:7"), 1,
                             "there is no usable OpenCL opencl:7:7")
        self.assertFalse(self.out.exists())

    def test_without_a_gpu_it_says_so_in_one_line(self):
        if any("gpu" in d["type"] for d in devices()):
            self.skipTest("there is a GPU")
        self.assert_one_line(self.run_gpu(), 1, "there is no usable OpenCL GPU")

    def test_a_small_budget_is_kept_and_all_files_are_there(self):
        device = self.first_device()
        begin = time.monotonic()
        result = self.run_gpu("--device", device["id"], "--minutes", "0.4", PYTHON="/bin/false")
        self.assertLess(time.monotonic() - begin, 24 + 60)  # the last programs are stopped, on a busy machine
        report = (self.out / "report.md").read_text()
        self.assertTrue(report.startswith(f"# {device['name']}\n"))
        for name in self.FILES:
            self.assertTrue((self.out / name).exists(), name)
        self.assertEqual(result.returncode, 1 if "**Failed" in report else 0, report)
        for section in ("Devices", "Doctor", "Op cases up to 20000 operations", "Profile of ResNet-50",
                        "Tuning ResNet-50", "Profile of ResNet-50, tuned"):
            self.assertIn(f"\n## {section}\n", report)
        self.assertIn("Left out: /bin/false has no PyTorch with CUDA.", report)
        self.assertRegex(report, r"\n\d+ steps failed; \d+ s in all.\n$")

    def test_a_run_that_is_stopped_keeps_what_it_had(self):
        device = self.first_device()
        process = subprocess.Popen(self.command("--device", device["id"], "--minutes", "5"),
                                   stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if line.startswith("Op cases"):
                break
        time.sleep(1)
        process.terminate()
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 143)
        report = (self.out / "report.md").read_text()
        self.assertRegex(report, r"## Doctor\n(.*\n)+  open  +right\n(.*\n)+## Op cases")
        self.assertIn("**Stopped by a signal**", report)
        self.assertRegex(report, r"\nStopped by a signal after \d+ s.\n$")

    def test_a_driver_without_an_icd_file_is_found(self):
        drivers = [path for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64")
                   for path in pathlib.Path(folder).glob("libpocl.so.2")]
        if not drivers:
            self.skipTest("there is no PoCL")
        (self.folder / "vendors").mkdir()
        result = self.run_gpu("--device", "opencl:0:0", "--minutes", "0.05",
                              OCL_ICD_VENDORS=str(self.folder / "vendors"))
        self.assertRegex((self.out / "report.md").read_text(),
                         r"\| drivers without a registered .icd file \|.* %s\b" % drivers[0],
                         result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
