"""The model of a GPU's step: what it makes of launches and of bad input. Its numbers are estimates; how
they grow is known.

usage: test_gpu_model.py BUILD_FOLDER
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "bench/gpu_model"
sys.path.insert(0, str(FOLDER))
import model

DEVICE = json.loads((FOLDER / "devices.json").read_text())["a100"]
TILE = "-D TILE_M=128 -D TILE_N=64 -D TILE_K=16"


def one_launch(kernel, groups, node, options=TILE, local=128):
    return model.gather({"nodes": {"0": node}, "launches": [
        {"node": 0, "kernel": kernel, "options": options, "global": [groups * local, 1, 1],
         "local": [local, 1, 1]}]})[0]


def tile(groups, steps=256, **changes):
    flops = 2 * groups * 128 * 64 * 16 * steps
    node = {"name": "n", "op": "matmul", "flops": flops, "inputs": [4, 4], "outputs": [4]}
    return model.tile_seconds({**DEVICE, **changes}, one_launch("matmul_local", groups, node))


def stream(items, size, **changes):
    node = {"name": "n", "op": "relu", "flops": 0, "inputs": [size], "outputs": [size]}
    launch = one_launch("y", items // 64, node, "-D V=4", 64)
    return model.stream_seconds({**DEVICE, **changes}, launch)


class ModelTest(unittest.TestCase):
    def run_model(self, *arguments):
        return subprocess.run([FOLDER / "model.py", "--build", BUILD, *map(str, arguments)],
                              capture_output=True, text=True)

    def devices_with(self, change):
        devices = {"a": dict(DEVICE)}
        change(devices["a"])
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(devices, file)
            file.flush()
            return self.run_model("--devices", file.name, "a")

    def test_bad_devices_are_named(self):
        for change, words in ((lambda d: d.update(giga=1), "device 'a' has an unknown key 'giga'"),
                              (lambda d: d.pop("ghz"), "device 'a' has no 'ghz'"),
                              (lambda d: d.update(ghz="fast"), "device 'a': 'ghz' is 'fast'"),
                              (lambda d: d.update(ghz=True), "device 'a': 'ghz' is True")):
            result = self.devices_with(change)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(len(result.stderr.splitlines()), 1)
            self.assertIn(words, result.stderr)
        result = self.run_model("h9000")
        self.assertIn("there is no device 'h9000'; there are: h100, ", result.stderr)
        self.assertEqual(result.returncode, 1)

    def test_work_groups_fill_the_units_in_waves(self):
        units = DEVICE["units"]
        self.assertAlmostEqual(tile(1), tile(units))
        self.assertGreater(tile(units + 1), 1.05 * tile(units))
        full = 3 * units  # as many as are resident
        self.assertAlmostEqual(tile(2 * full) / tile(full), 2, places=1)
        # A tail costs as a wave of its own.
        self.assertGreater(tile(full + 1), tile(full) + 0.9 * tile(1))
        # The peak is never exceeded.
        seconds = tile(100 * full)
        flops = 2 * 100 * full * 128 * 64 * 16 * 256
        self.assertLess(flops / seconds, 2e9 * units * DEVICE["fma_per_clock"] * DEVICE["ghz"])

    def test_a_wait_before_the_products_costs_its_latency(self):
        # A step of 128 cycles hides as many of a load's.
        early, late = (tile(1, waits_first=first, fma_per_clock=1024) for first in (True, False))
        self.assertAlmostEqual((early - late) * 1e9 * DEVICE["ghz"], 256 * 128, delta=1)

    def test_streams_are_bounded_by_memory_or_by_what_is_in_flight(self):
        size = 10**9
        memory = 2 * size / (1e9 * DEVICE["memory_gb_s"] * DEVICE["memory_efficiency"])
        self.assertAlmostEqual(stream(10**7 // 64 * 64, size), memory)
        self.assertAlmostEqual(stream(128, size) / stream(64, size), 0.5)
        self.assertGreater(stream(64, size), 50 * memory)

    def test_winograd_needs_fewer_products(self):
        node = {"name": "n", "op": "conv2d", "flops": 9e9, "inputs": [400, 36], "outputs": [400]}
        rows = [{"node": 0, "kernel": name, "options": options, "global": [1280, 1, 1],
                 "local": [128, 1, 1]}
                for name, options in (("winograd_local_source", "-D RESULTS=4"), ("matmul_local", TILE))]
        source, products = model.gather({"nodes": {"0": node}, "launches": rows})
        self.assertAlmostEqual(model.multiply_adds(products), 4.5e9 / 4)
        self.assertAlmostEqual(model.moved_bytes(source), 400 * (1.3 + 36 / 16))

    def test_the_launches_of_a_step(self):
        result = self.run_model("--model", "tutorial", "--side", 32, "--classes", 10, "--batch", 4, "h100",
                                "a770")
        if result.returncode == model.SKIPPED:
            self.skipTest("no OpenCL device")
        self.assertEqual(result.returncode, 0, result.stderr)
        for name in "H100 SXM", "Arc A770":
            self.assertRegex(result.stdout, rf"tutorial batch 4 on {name}: \d+\.\d ms, \d+ images/s "
                                            r"\(estimated\); [2-9]\d launches")
        self.assertIn("conv1", result.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
