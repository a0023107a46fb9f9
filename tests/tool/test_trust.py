"""`tessera bisect`, `tessera doctor` and what a training does when its device fails. Kernel files with
a mistake stand in for a driver's.

usage: test_trust.py TOOL KERNEL_FOLDER
"""
import json
import os
import pathlib
import shutil
import sys
import time
import unittest
import zlib

KERNELS = pathlib.Path(sys.argv.pop(2)).resolve()

from tool_case import ToolCase, opencl_device  # takes the other argument


class TrustTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.opencl = opencl_device()

    def setUp(self):
        if not self.opencl:
            self.skipTest("no OpenCL device")
        self.environment = dict(os.environ, TESSERA_TUNING="off")

    def with_kernels(self, file, before, after):
        """Kernel files of which one has a mistake."""
        kernels = self.folder / f"kernels with {file} changed {zlib.crc32(after.encode())}"
        if not kernels.exists():
            shutil.copytree(KERNELS, kernels)
            text = (kernels / file).read_text()
            self.assertIn(before, text)
            (kernels / file).write_text(text.replace(before, after))
        return dict(self.environment, TESSERA_KERNEL_DIR=str(kernels))

    def broken_pool(self):
        return self.with_kernels("max_pool2d.cl", "-INFINITY", "0.25f")

    def test_bisect_agrees(self):
        for device in ("cpu", self.opencl):
            out = self.run_tool("bisect", "--model", "lenet5", "--device", device,
                                env=self.environment).stdout
            self.assertRegex(out, r"^all \d+ nodes of a step of lenet5 agree with the reference within "
                             r"0.0001 of the largest element, on ")

    def test_bisect_finds_a_wrong_kernel_and_keeps_it(self):
        folder = self.folder / "a wrong node"
        wrong = self.run_tool("bisect", "--device", self.opencl, "--out", folder, code=1,
                              env=self.broken_pool())
        self.assertRegex(wrong.stdout, r"^\d+ nodes agree with the reference; the next node does not:\n"
                         r"node '[^']*' \(max_pool2d, [a-z]+\): max_pool2d f32\[4,[0-9,]+\] -> ")
        self.assertRegex(wrong.stdout, r"\noutput 0: \d+ of \d+ elements are wrong, by up to ")
        self.assertRegex(wrong.stdout, r"\n  \[[0-9,]+\] is 0.25, expected -?[0-9.]+\n")
        self.assertRegex(wrong.stderr, r"^tessera: \[bisect\] node '.*' \(max_pool2d, [a-z]+\) is wrong on "
                         r"opencl:.*; run it again with `tessera bisect .*`\n$")
        # The same command runs it again, with the mistake and without.
        again = self.run_tool("bisect", folder, "--device", self.opencl, code=1,
                              env=self.broken_pool())
        self.assertIn("is 0.25, expected", again.stdout)
        for device in (self.opencl, "cpu"):
            out = self.run_tool("bisect", folder, "--device", device, env=self.environment).stdout
            self.assertIn("agrees with the reference", out)

    def test_bisect_refuses_damaged_folders(self):
        self.assertIn("node.json", self.refused("bisect", self.folder / "nothing"))
        folder = self.folder / "damaged"
        folder.mkdir()
        for text in ("", "{", "{}", '{"op": "nosuch", "inputs": [], "attributes": {}}',
                     '{"op": "relu", "inputs": [{"dtype": "f32", "shape": [2]}], "attributes": {}, '
                     '"node": "a", "device": "b", "algorithm": "c"}'):
            (folder / "node.json").write_text(text)
            self.refused("bisect", folder)

    def doctor(self, environment, *arguments, seconds=20, code=0):
        environment = dict(environment, TESSERA_DOCTOR_DIR=str(self.folder / "verdicts"))
        out = self.run_tool("doctor", "--device", self.opencl, "--json", "--seconds", seconds,
                            *arguments, env=environment, code=code).stdout
        [found] = json.loads(out)
        return found, environment

    def test_doctor(self):
        report = self.folder / "report.txt"
        found, environment = self.doctor(self.environment, "--report", report)
        results = {f["check"]: f["result"] for f in found["findings"]}
        self.assertNotIn("wrong", results.values(), found)
        for check in ("ten training steps", "a gradient by finite differences", "cases of conv2d",
                      "nodes of tutorial"):
            self.assertEqual(results[check], "right")
        self.assertEqual(results["launch"], "figure")
        self.assertTrue(found["verdict"].startswith("usable"), found)
        self.assertIn(found["verdict"], report.read_text())
        self.assertNotIn("skipped", self.run_tool("devices", env=environment).stdout)

    def test_doctor_catches_a_wrong_kernel_and_auto_avoids_the_device(self):
        found, environment = self.doctor(self.broken_pool(), code=1)
        self.assertTrue(found["verdict"].startswith("unreliable; auto skips it: "), found)
        wrong = [f for f in found["findings"] if f["result"] == "wrong"]
        self.assertTrue(any("max_pool2d" in f["text"] for f in wrong), wrong)
        environment.pop("TESSERA_KERNEL_DIR")
        self.assertIn("unreliable; auto skips it: ", self.run_tool("devices", env=environment).stdout)
        # Another driver's verdict says nothing.
        for path in (self.folder / "verdicts").iterdir():
            path.write_text(path.read_text().replace('"driver": "', '"driver": "other '))
        self.assertNotIn("unreliable", self.run_tool("devices", env=environment).stdout)

    def test_doctor_catches_a_wrong_op_that_no_net_has(self):
        found, _ = self.doctor(self.with_kernels("resample.cl", "sum +=", "sum -="), code=1)
        self.assertRegex(found["verdict"], "^unreliable; auto skips it: cases of resample: resample .* elements differ")

    def test_doctor_survives_a_kernel_that_crashes(self):
        environment = self.with_kernels(
            "optimizer_step.cl", "if (isnan(lr)) return;", "*(volatile __global int*)0 = 1;")
        found, environment = self.doctor(environment, code=1)
        self.assertRegex(found["verdict"], "^unreliable; auto skips it: the process: after '.*' it was killed by signal 11")

    def test_doctor_ends_at_the_time_asked_for_when_a_kernel_hangs(self):
        environment = self.with_kernels("optimizer_step.cl", "if (isnan(lr)) return;",
                                        "while (!isnan(lr)) *(volatile __global float*)a_ = 1;")
        kept = self.folder / "verdicts"
        shutil.rmtree(kept, ignore_errors=True)
        begin = time.monotonic()
        found, _ = self.doctor(environment, seconds=6, code=1)
        self.assertLess(time.monotonic() - begin, 40)  # the driver starts twice, and all is compiled
        self.assertRegex(found["verdict"], r"^checks not completed: the process: after .* no output for 6 s; ")
        self.assertFalse(kept.exists())  # it says nothing of the device


if __name__ == "__main__":
    unittest.main(verbosity=2)
