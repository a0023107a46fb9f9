"""What broken OpenCL drivers do to the `tessera` command: they are named, and the rest goes on.

usage: test_drivers.py TOOL BROKEN_DRIVER PROBE
"""
import json
import os
import pathlib
import re
import shutil
import sys
import time
import unittest

PROBE = str(pathlib.Path(sys.argv.pop(3)).resolve())
DRIVER = pathlib.Path(sys.argv.pop(2)).resolve()

from tool_case import ToolCase  # takes the other argument

SYSTEM = pathlib.Path("/etc/OpenCL/vendors")


class DriversTest(ToolCase):
    def setUp(self):
        self.count = 0

    def installed(self, *names, system=()):
        """An environment whose only drivers are copies of the broken one, and some of the system."""
        folder = self.folder / self.id().rpartition(".")[2]
        vendors = folder / "vendors"
        shutil.rmtree(folder, ignore_errors=True)
        vendors.mkdir(parents=True)
        for name in names:
            library = folder / f"{name}.so"
            shutil.copy(DRIVER, library)
            (vendors / f"{name}.icd").write_text(f"{library}\n")
        for file in system:
            shutil.copy(file, vendors)
        # Of the test's own: its cache and its verdicts; seconds for what never ends.
        environment = dict(os.environ, OCL_ICD_VENDORS=str(vendors), TESSERA_PROBE=PROBE,
                           TESSERA_CACHE_DIR=str(folder / "cache"),
                           TESSERA_DOCTOR_DIR=str(folder / "verdicts"))
        environment.pop("TESSERA_DEVICE", None)
        return environment

    def devices(self, environment):
        found = json.loads(self.run_tool("devices", "--json", env=environment).stdout)
        self.assertEqual(found[0]["id"], "cpu")
        self.assertTrue(found[0]["usable"])
        return {device["name"]: device for device in found}

    def good(self):
        """The .icd files of the system's CPU driver, which has a device everywhere."""
        return [file for file in sorted(SYSTEM.glob("*.icd")) if "pocl" in file.name]

    def test_each_way_to_break_is_named_and_the_good_driver_stays(self):
        ways = {"constructor-exit": r"ends the process by exit code 0 in its constructor",
                "constructor-segv": r"ends the process by signal 11 \(.*\) in its constructor",
                "platforms-abort": r"ends the process by signal 6 \(.*\) in clIcdGetPlatformIDsKHR, "
                                   r"after it printed 'made-up driver: assertion failed'",
                "loader-segv": r"ends the process by signal 11 \(.*\) in clGetPlatformIDs",
                "devices-segv": r"ends the process by signal 11 \(.*\) in clGetDeviceIDs"}
        environment = self.installed(*ways, system=self.good())
        for _ in range(2):  # the second time it is known
            found = self.devices(environment)
            for name, pattern in ways.items():
                self.assertFalse(found[f"{name}.icd"]["usable"])
                self.assertRegex(found[f"{name}.icd"]["reason"], pattern)
            usable = [device for device in found.values() if device["usable"]]
            self.assertEqual(len(usable), 1 + len(self.good()), found)

    def test_a_driver_that_hangs_costs_the_time_it_has(self):
        environment = dict(self.installed("constructor-hang", "platforms-hang"),
                           TESSERA_DRIVER_SECONDS="1.5")
        begin = time.monotonic()
        found = self.devices(environment)
        self.assertLess(time.monotonic() - begin, 15)
        for name, call in (("constructor-hang", "its constructor"),
                           ("platforms-hang", "clIcdGetPlatformIDsKHR")):
            self.assertIn(f"does not return from {call} within 1.5 s",
                          found[f"{name}.icd"]["reason"])

    def test_commands_go_on_with_the_cpu(self):
        environment = self.installed("platforms-segv")
        out = self.folder / "drivers.safetensors"
        train = ["train", "--data", "fashion-mnist", "--data-dir", self.data, "--steps", 2, "--epochs",
                 1, "--batch", 16, "--out", out]
        result = self.run_tool(*train, env=environment)
        self.assertTrue(out.exists())
        self.assertRegex(result.stderr, r"^tessera: ignored opencl:0 \(platforms-segv.icd\): .*signal 11")
        picture = self.folder / "picture.pgm"
        picture.write_bytes(b"P5 28 28 255\n" + bytes(28 * 28))
        self.run_tool("predict", out, picture, env=environment)
        text = self.run_tool("devices", env=environment).stdout
        self.assertRegex(text, r"opencl:0 +platforms-segv.icd\n +not usable: .*signal 11")
        text = self.run_tool("doctor", "--seconds", 4, env=environment).stdout
        self.assertRegex(text, r"platforms-segv.icd .*\n +not usable: .*signal 11")
        for device in ("opencl:0", "opencl:0:0", "opencl"):
            line = self.run_tool(*train, "--device", device, code=1, env=environment).stderr
            self.assertRegex(line, r"^tessera: \[device\] .*platforms-segv.icd.*signal 11.*\n$")

    def test_drivers_are_tried_once_until_one_changes(self):
        environment = self.installed("devices-none")
        wrapper, calls = self.folder / "wrapper", self.folder / "calls"
        wrapper.write_text(f'#!/bin/sh\necho >>"{calls}"\nexec "{PROBE}" "$@"\n')
        wrapper.chmod(0o755)
        environment["TESSERA_PROBE"] = str(wrapper)

        def count():
            calls.write_text("")
            self.assertNotIn("devices-none.icd", self.devices(environment))
            return len(calls.read_text())
        self.assertEqual([count(), count()], [1, 0])
        library = pathlib.Path(environment["TESSERA_CACHE_DIR"]).parent / "devices-none.so"
        os.utime(library, (1, 1))
        self.assertEqual([count(), count()], [1, 0])
        environment["OCL_ICD_TEST"] = "other"
        self.assertEqual([count(), count()], [1, 0])
        self.assertEqual(self.run_tool("devices", env=dict(environment, TESSERA_PROBE="off")).stderr, "")

    def test_a_driver_without_a_home_says_why(self):
        environment = self.installed("nothing")
        found = self.devices(dict(environment, HOME=str(self.folder)))
        self.assertNotIn("nothing.icd", found)
        for variables, pattern in (({}, "HOME is not set"),
                                   ({"HOME": "/proc/none"}, "HOME is '/proc/none', which cannot be written")):
            poor = {k: v for k, v in environment.items() if k not in ("HOME", "XDG_CACHE_HOME")}
            reason = self.devices({**poor, **variables})["nothing.icd"]["reason"]
            self.assertIn("offers no platform", reason)
            self.assertIn(pattern, reason)

    def test_a_library_that_is_missing_is_named(self):
        environment = self.installed("nothing")
        file = pathlib.Path(environment["OCL_ICD_VENDORS"]) / "nothing.icd"
        file.write_text("libnone-of-this-name.so\n")
        self.assertIn("libnone-of-this-name.so", self.devices(environment)["nothing.icd"]["reason"])

    def test_what_is_kept_is_private(self):
        environment = self.installed("platforms-segv")
        self.devices(environment)
        folder = pathlib.Path(environment["TESSERA_CACHE_DIR"])
        self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
        [entry] = folder.glob("*.bin")
        self.assertEqual(entry.stat().st_mode & 0o777, 0o600)

    def test_compiled_kernels_of_the_cpu_driver_are_private(self):
        if not self.good():
            self.skipTest("no such driver")
        environment = self.installed(system=self.good())
        own = environment.pop("POCL_CACHE_DIR", None) or str(self.folder / "own kernels")
        folder = pathlib.Path(environment["TESSERA_CACHE_DIR"]) / "pocl"
        self.devices(environment)
        self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
        self.assertTrue(any(folder.iterdir()))
        shutil.rmtree(folder)
        self.devices(dict(environment, POCL_CACHE_DIR=own))
        self.assertFalse(any(folder.iterdir()))
        # A folder that others can write to holds nothing of ours.
        shutil.rmtree(folder)
        folder.parent.chmod(0o777)
        self.devices(dict(environment, POCL_CACHE_DIR=""))
        self.assertFalse(folder.exists() and any(folder.iterdir()))


if __name__ == "__main__":
    unittest.main(verbosity=2)
