"""What `tessera train` does when the device, the disk or the clock fails: one line, and nothing saved
is lost. A library before the OpenCL loader makes calls fail as a driver might.

usage: test_faults.py TOOL FAULTS_LIBRARY
"""
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import subprocess
import sys
import unittest

FAULTS = str(pathlib.Path(sys.argv.pop(2)).resolve())

from tool_case import TOOL, ToolCase, opencl_device  # takes the other argument

OUT_OF_MEMORY, OUT_OF_RESOURCES, BUILD_FAILURE, NOT_AVAILABLE, BAD_QUEUE = -4, -5, -11, -2, -36


class FaultsTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.opencl = opencl_device()

    def train(self, *arguments, device=None, fault="", batch=64, **variables):
        environment = dict(os.environ, LD_PRELOAD=FAULTS, TESSERA_TUNING="off", **variables)
        if fault:
            environment["TESSERA_FAULT"] = fault
        # What stands later counts.
        command = ["train", "--data", "fashion-mnist", "--data-dir", self.data, "--device",
                   device or self.opencl, "--batch", batch, "--lr", 0.02, "--seed", 5, *arguments]
        return subprocess.run([TOOL, *map(str, command)], capture_output=True, text=True,
                              cwd=self.folder, env=environment)

    def assert_one_line(self, result, pattern):
        self.assertEqual(result.returncode, 1, result)
        self.assertRegex(result.stderr, r"^tessera: [^\n]*\n$")
        self.assertRegex(result.stderr, pattern)

    def with_device(self):
        if not self.opencl:
            self.skipTest("no OpenCL device")

    def calls(self, function):
        """How many such calls a short training makes."""
        count = self.folder / "count"
        self.train("--steps", 2, "--epochs", 1, "--out", self.folder / "counted",
                   fault=f"{function}:1000000:-5", TESSERA_COUNT=str(count))
        return int(count.read_text())

    def test_a_kernel_that_does_not_build(self):
        self.with_device()
        result = self.train("--out", self.folder / "x", fault=f"clBuildProgram:3:{BUILD_FAILURE}")
        self.assert_one_line(result, r"\.cl\] does not build with '.*' on ")

    def test_memory_runs_out_at_any_allocation(self):
        self.with_device()
        most = self.calls("clCreateBuffer")
        for n in sorted({1, 2, most, *random.Random(3).sample(range(3, most), 4)}):
            result = self.train("--steps", 2, "--epochs", 1, "--out", self.folder / "x",
                                fault=f"clCreateBuffer:{n}:{OUT_OF_MEMORY}")
            self.assert_one_line(result, r"allocating \d+ bytes: CL_MEM_OBJECT_ALLOCATION_FAILURE")

    def test_any_call_may_fail(self):
        self.with_device()
        most = self.calls("any")
        for n in random.Random(4).sample(range(1, most), 6):
            result = self.train("--steps", 2, "--epochs", 1, "--out", self.folder / "x",
                                fault=f"any:{n}:{OUT_OF_RESOURCES}")
            self.assertIn(result.returncode, (0, 1), (n, result))  # one of the clean-up is not missed
            if result.returncode == 1:
                self.assert_one_line(result, "CL_OUT_OF_RESOURCES")

    def test_a_queue_fails_in_the_middle_of_an_epoch(self):
        self.with_device()
        out = self.folder / "queue.safetensors"
        self.assertEqual(self.train("--epochs", 1, "--out", out).returncode, 0)
        before = out.read_bytes()
        result = self.train("--resume", out, "--epochs", 2, "--out", out,
                            fault=f"clEnqueueNDRangeKernel:400:{BAD_QUEUE}")
        self.assert_one_line(result, r"CL_INVALID_COMMAND_QUEUE in clEnqueueNDRangeKernel \(node '.*'\) "
                             r"\(step \d+\); the last good checkpoint is .*queue.safetensors")
        self.assertEqual(out.read_bytes(), before)
        self.assertEqual(self.train("--resume", out, "--epochs", 2).returncode, 0)

    def test_a_device_that_disappears(self):
        self.with_device()
        out = self.folder / "gone.safetensors"
        arguments = ["--epochs", 3, "--log-every", 3, "--out", out]
        fault = f"clEnqueueNDRangeKernel:600:{NOT_AVAILABLE}:on"
        self.assert_one_line(self.train(*arguments, fault=fault), "CL_DEVICE_NOT_AVAILABLE")
        result = self.train(*arguments, "--fallback", "cpu", fault=fault)
        self.assertEqual(result.returncode, 0, result)
        found = re.search(r"CL_DEVICE_NOT_AVAILABLE.*; the training continues on the CPU from step (\d+)\n",
                          result.stdout)
        self.assertTrue(found, result.stdout)
        self.assertGreater(int(found[1]), 0)

        self.assertIn("\nepoch 3/3 train loss ", result.stdout)
        self.run_tool("eval", out, "--data-dir", self.data, "--device", "cpu")

    def test_a_disk_that_is_full_slow_or_read_only(self):
        out = self.folder / "disk.safetensors"
        self.assertEqual(self.train("--epochs", 1, "--out", out, device="cpu").returncode, 0)
        before = out.read_bytes()

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
        command = ["train", "--data-dir", self.data, "--device", "cpu", "--resume", out, "--epochs", 2]
        full = subprocess.run([TOOL, *map(str, command)], capture_output=True, text=True,
                              cwd=self.folder, preexec_fn=limit, restore_signals=False)
        self.assert_one_line(full, r"disk.safetensors\] cannot be written: .*; the last good checkpoint is ")
        self.assertEqual(out.read_bytes(), before)
        self.assertEqual([p.name for p in self.folder.glob("*.part")], [])
        self.assert_one_line(self.train("--out", "/proc/x.safetensors", device="cpu"),
                             "/proc/x.safetensors")
        slow = self.folder / "slow.safetensors"
        self.assertEqual(self.train("--epochs", 1, "--out", slow, device="cpu",
                                    TESSERA_SLOW_DISK="1500").returncode, 0)
        self.assertEqual(slow.read_bytes(), before)

    def test_a_clock_that_goes_backwards(self):
        files = []
        for name, variables in (("plain", {}), ("back", {"TESSERA_CLOCK": "back"})):
            out = self.folder / f"{name} clock.safetensors"
            result = self.train("--epochs", 1, "--log", self.folder / f"{name}.jsonl", "--out", out,
                                device=self.opencl or "cpu", **variables)
            self.assertEqual(result.returncode, 0, result)
            files.append(out.read_bytes())
        self.assertEqual(files[0], files[1])

    def test_two_processes_share_cache_and_tuning(self):
        self.with_device()
        shared = dict(os.environ, TESSERA_CACHE_DIR=str(self.folder / "shared cache"),
                      TESSERA_TUNING_DIR=str(self.folder / "shared tuning"))
        shared.setdefault("POCL_CACHE_DIR", os.path.expanduser("~/.cache/tessera/pocl"))

        def both(*arguments):
            processes = [subprocess.Popen([TOOL, *map(str, a)], cwd=self.folder, env=shared, text=True,
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                         for a in arguments]
            for process in processes:
                out, error = process.communicate()
                self.assertEqual((process.returncode, error), (0, ""), out)
        outs = [self.folder / f"shared {i}.safetensors" for i in range(2)]
        both(*(["train", *self.train_options()[:4], "--device", self.opencl, "--batch", 64, "--steps",
                3, "--epochs", 1, "--out", out] for out in outs))
        self.assertEqual(outs[0].read_bytes(), outs[1].read_bytes())
        both(*(["tune", "--device", self.opencl, "--model", model, "--batch", 4, "--seconds", 12]
               for model in ("lenet5", "tutorial")))
        [file] = (self.folder / "shared tuning").glob("*.json")
        self.assertGreater(len(json.loads(file.read_text())["results"]), 1)

    def test_the_batch_that_fits_into_a_gpu(self):
        """A log that cannot be written ends the run once the batch is chosen."""
        self.with_device()
        chosen = []
        for memory, why in ((24 << 20, "the largest power of two that fits in device memory"),
                            (2 << 30, "the largest power of two up to the number of training images")):
            result = self.train("--log", "no folder/log", "--out", "auto", batch="auto",
                                TESSERA_GPU_MEMORY=str(memory))
            self.assert_one_line(result, "no folder/log")
            found = re.search(r"^batch: (\d+) images, (.*)$", result.stdout, re.M)
            self.assertEqual(found[2], why)
            chosen.append(int(found[1]))
        self.assertEqual(chosen[1], 512)  # of 600 images
        self.assertIn(chosen[0], (16, 32, 64, 128, 256))

    def test_paths_with_spaces_quotes_and_other_letters(self):
        folder = self.folder / "it's \"quoted\" \u017clu\u0107 \u6f22"
        folder.mkdir()
        out = folder / "net \u00e9.safetensors"
        result = self.train("--epochs", 1, "--out", out, "--log", folder / "log \u00fc.jsonl",
                            device="cpu")
        self.assertEqual(result.returncode, 0, result)
        self.run_tool("eval", out, "--data-dir", self.data, "--device", "cpu")

    def test_without_a_home_or_a_cache(self):
        devices = ["cpu"] + ([self.opencl] if self.opencl else [])
        for variables in ({}, {"HOME": "/proc/none", "TESSERA_CACHE_DIR": "/proc/none",
                               "TESSERA_TUNING_DIR": "/proc/none"}):
            environment = {k: v for k, v in os.environ.items()
                           if k != "HOME" and not k.startswith("XDG_")}
            # PoCL finds no device without a folder of its own.
            environment.setdefault("POCL_CACHE_DIR", os.path.expanduser("~/.cache/tessera/pocl"))
            environment.update(variables)
            for device in devices:
                self.run_tool("train", *self.train_options()[:4], "--device", device, "--batch", 64,
                              "--steps", 1, "--epochs", 1, "--out", "homeless", env=environment)

    def test_doctor_ends_in_time_when_the_driver_hangs(self):
        self.with_device()

        def doctor(function, seconds):
            environment = dict(os.environ, LD_PRELOAD=FAULTS, TESSERA_HANG=function,
                               TESSERA_CACHE_DIR=str(self.folder / "doctor cache"))
            environment.pop("TESSERA_DRIVER_SECONDS", None)
            return self.run_tool("doctor", "--device", self.opencl, "--seconds", seconds, code=1,
                                 env=environment, timeout=60)

        self.assertIn("after 'open' no output for 5 s", doctor("clCreateSubBuffer", 5).stdout)
        # One that hangs before there is anything to examine is not usable.
        self.assertIn("does not return from clBuildProgram within 2 s",
                      doctor("clBuildProgram", 2).stderr)

    def test_the_same_seed_gives_the_same_bits(self):
        """Run to run, for any number of threads, with a cold cache and a warm one."""
        cold = self.folder / "cold"
        cold.mkdir()
        for device in ["cpu"] + ([self.opencl] if self.opencl else []):
            hashes = set()
            for variables in ({"TESSERA_THREADS": "1"},
                              {"TESSERA_THREADS": "2"},
                              {"POCL_CACHE_DIR": str(cold), "TESSERA_CACHE_DIR": str(cold)}):
                out = self.folder / "same.safetensors"
                result = self.train("--steps", 12, "--epochs", 2, "--out", out,
                                    device=device, **variables)
                self.assertEqual(result.returncode, 0, result)
                hashes.add(hashlib.sha256(out.read_bytes()).hexdigest())
            self.assertEqual(len(hashes), 1, device)


if __name__ == "__main__":
    unittest.main(verbosity=2)
