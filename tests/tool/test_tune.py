"""`tessera tune` on a small network: what it stores, shows and survives. Kernel files that crash,
hang, do not build or compute nothing stand in for a driver's faults.

usage: test_tune.py TOOL KERNEL_FOLDER
"""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

KERNELS = pathlib.Path(sys.argv.pop(2)).resolve()

from tool_case import TOOL, opencl_device  # takes the other argument

NET = ["--model", "lenet5", "--batch", "4"]


DEVICE = opencl_device()


class TuneCase(unittest.TestCase):
    device = DEVICE

    def setUp(self):
        if not self.device:
            self.skipTest("no OpenCL device")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tessera tune "))
        self.environment = dict(os.environ, TESSERA_TUNING_DIR=str(self.folder / "tuning"))
        for variable in ("TESSERA_OPENCL_ALGORITHM", "TESSERA_CPU_ALGORITHM", "TESSERA_CPU_ISA"):
            self.environment.pop(variable, None)
        self.addCleanup(shutil.rmtree, self.folder)

    def run_tool(self, *arguments, code=0):
        result = subprocess.run([TOOL, "tune", "--device", self.device, *arguments], capture_output=True,
                                text=True, env=self.environment)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def tune(self, *arguments):
        return json.loads(self.run_tool(*NET, "--json", *arguments).stdout)


class TuneTest(TuneCase):
    def with_kernels(self, file, edit):
        """Runs with kernel files of which one is edited."""
        kernels = self.folder / "kernels"
        shutil.copytree(KERNELS, kernels)
        text = (kernels / file).read_text()
        edited = edit(text)
        self.assertNotEqual(edited, text)
        (kernels / file).write_text(edited)
        self.environment["TESSERA_KERNEL_DIR"] = str(kernels)

    def test_results_are_stored_shown_used_and_cleared(self):
        kinds = json.loads(self.run_tool(*NET, "--list", "--json").stdout)
        self.assertGreater(len(kinds), 5)
        self.assertEqual({kind["tuned"] for kind in kinds}, {None})
        self.assertIn("no results for", self.run_tool("--show").stdout)
        found = self.tune("--seconds", "25")
        self.assertEqual(found["kinds"], len(kinds))
        self.assertEqual(len(found["results"]) + found["left"], len(kinds))
        self.assertGreater(len(found["results"]), 0)
        self.assertEqual(sum(len(r["rejected"]) for r in found["results"]), 0, found)
        stored = json.loads(pathlib.Path(found["file"]).read_text())["results"]
        self.assertEqual(set(stored), {r["key"] for r in found["results"]})
        for result in found["results"]:
            self.assertEqual(stored[result["key"]]["algorithm"], result["algorithm"])
            self.assertEqual(stored[result["key"]]["parameters"], result["parameters"])
            self.assertLessEqual(result["microseconds"], result["default_microseconds"])
        kinds = json.loads(self.run_tool(*NET, "--list", "--json").stdout)
        self.assertEqual({k["key"] for k in kinds if k["tuned"]}, set(stored))
        self.assertIn(f"{len(stored)} results", self.run_tool("--show").stdout)
        # What is known is not tuned again.
        again = self.tune("--seconds", "0")
        self.assertEqual((again["known"], again["results"]), (len(stored), []))
        self.assertIn("removed", self.run_tool("--clear").stdout)
        self.assertIn("found no results", self.run_tool("--clear").stdout)

    def first_kind(self, *arguments, net=NET):
        """The lines about the first kind that is tuned; the rest is interrupted."""
        process = subprocess.Popen([TOOL, "tune", "--device", DEVICE, *net, *arguments], text=True,
                                   stdout=subprocess.PIPE, env=self.environment)
        with process.stdout:
            process.stdout.readline()
            lines = [process.stdout.readline()]
            while (line := process.stdout.readline()).startswith("  "):
                lines.append(line)
            process.send_signal(signal.SIGINT)
            process.stdout.read()
        self.assertIn(process.wait(), (0, 130))  # 0: it was done before
        return lines

    def test_faults_of_candidates_are_survived(self):
        def broken(text):
            def begin(kernel):
                return text.index("{\n", text.index(f"void {kernel}(")) + 2
            tile, naive = begin("conv2d_tile"), begin("conv2d_naive")
            self.assertLess(tile, naive)
            return ("#ifdef PIXELS\n#if PIXELS == 4\n#error does not build\n#endif\n#endif\n" +
                    text[:tile] + "#if PIXELS == 6\n  *(volatile __global int*)0 = 1;\n#endif\n"
                    "#if PIXELS == 12\n  return;\n#endif\n" + text[tile:naive] +
                    "  for (volatile int hang = 0;; ++hang);\n" + text[naive:])
        self.with_kernels("conv2d.cl", broken)
        # Its first kind has too many channels for `planar`, and filters of 5x5.
        kind, *rejected = self.first_kind("--candidate-seconds", "20",
                                          net=["--model", "tutorial", "--channels", "1", "--batch", "1"])
        self.assertRegex(kind, r"^conv2d f32.*: tile, [0-9.]+ us\n$")
        for candidate, reason in (("tile rows=4", "does not build"), ("tile rows=6", "killed by signal"),
                                  ("tile rows=12", "the result is wrong: element 0 is"),
                                  ("naive", "it needed more than 20 s")):
            self.assertTrue(any(line.startswith("  rejected " + candidate) and reason in line
                                for line in rejected), (candidate, rejected))

    def test_the_time_is_kept(self):
        start = time.monotonic()
        found = self.tune("--seconds", "3")
        self.assertLess(time.monotonic() - start, 20)
        self.assertGreater(found["left"], 0)

    def test_an_interrupt_keeps_what_was_found(self):
        first = self.first_kind()[0]
        self.assertIn(first.split(": ")[0], self.run_tool("--show").stdout)

    def test_damaged_results_are_passed_over(self):
        path = pathlib.Path(self.tune("--seconds", "15")["file"])
        path.write_text(path.read_text()[:-20])
        self.assertIn("ignored: ", self.run_tool("--show").stdout)
        self.assertEqual(self.tune("--seconds", "0")["known"], 0)


class CpuTuneTest(TuneCase):
    device = "cpu"

    def layers(self):
        """Algorithm and tuning of each layer of a training, by name."""
        result = subprocess.run([TOOL, "profile", *NET, "--steps", "1", "--device", "cpu", "--json"],
                                capture_output=True, text=True, env=self.environment, check=True)
        return {layer["name"]: (layer["algorithm"], layer["tuned"])
                for layer in json.loads(result.stdout)["layers"] if "algorithm" in layer}

    def test_results_are_those_of_the_processor_and_used(self):
        self.assertEqual({tuned for _, tuned in self.layers().values()}, {""})
        found = self.tune("--seconds", "60")
        self.assertEqual(found["left"], 0)
        self.assertEqual([r["rejected"] for r in found["results"]], [[]] * found["kinds"])
        self.assertIn("conv2d_dw", {r["key"].split()[0] for r in found["results"]})
        devices = subprocess.run([TOOL, "devices", "--json"], capture_output=True, text=True, check=True)
        cpu = next(device for device in json.loads(devices.stdout) if device["id"] == "cpu")
        path = pathlib.Path(found["file"])
        stored = json.loads(path.read_text())
        self.assertEqual((stored["device"], stored["driver"]), (cpu["name"], cpu["driver"]))
        self.assertEqual(self.layers()["conv1"][1], "tuned")
        for result in stored["results"].values():
            result["algorithm"] = "naive"
        path.write_text(json.dumps(stored))
        self.assertEqual(self.layers()["conv1"], ("naive", "tuned"))
        # Another instruction set has results of its own.
        self.environment["TESSERA_CPU_ISA"] = "x86-64-v2"
        if "x86-64" in cpu["driver"] and not cpu["driver"].endswith("v2"):
            self.assertEqual(self.layers()["conv1"][1], "")
            path.rename(path.with_name(path.name.replace(cpu["driver"][-2:], "v2")))
            self.assertEqual(self.layers()["conv1"][1], "")
            self.assertIn("ignored: driver is", self.run_tool("--show").stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
