"""What the tests of the `tessera` command share: made-up pictures, and a folder to run it in. The
command is the first argument of the program that imports this.
"""
import gzip
import json
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

TOOL = str(pathlib.Path(sys.argv.pop(1)).resolve())
SIDE = 28


def picture(label, noise):
    """A bright square at one of ten places."""
    top, left = label // 5 * 14, label % 5 * 5
    return bytes(noise.randrange(60) + (150 if top <= h < top + 12 and left <= w < left + 6 else 0)
                 for h in range(SIDE) for w in range(SIDE))


def write_idx(folder, prefix, count, seed, compress):
    noise = random.Random(seed)
    labels = [noise.randrange(10) for _ in range(count)]
    images = b"".join(picture(label, noise) for label in labels)
    for kind, header, content in (
            ("images-idx3", struct.pack(">IIII", 0x803, count, SIDE, SIDE), images),
            ("labels-idx1", struct.pack(">II", 0x801, count), bytes(labels))):
        data = header + content
        path = folder / f"{prefix}-{kind}-ubyte{'.gz' if compress else ''}"
        path.write_bytes(gzip.compress(data) if compress else data)


def opencl_device():
    """The first OpenCL device that is usable, or None."""
    result = subprocess.run([TOOL, "devices", "--json"], capture_output=True, text=True, check=True)
    return next((device["id"] for device in json.loads(result.stdout)
                 if device["usable"] and device["id"] != "cpu"), None)


class ToolCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="tessera tool "))
        cls.data = cls.folder / "data"
        cls.data.mkdir()
        write_idx(cls.data, "train", 600, 1, compress=True)
        write_idx(cls.data, "t10k", 100, 2, compress=False)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def train_options(cls):
        return ["--data", "fashion-mnist", "--data-dir", cls.data, "--device", "cpu",
                "--batch", "16", "--lr", "0.02", "--seed", "5"]

    @classmethod
    def run_tool(cls, *arguments, code=0, **options):
        result = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True,
                                cwd=cls.folder, **options)
        assert code in (result.returncode, None), (arguments, result.returncode, result.stdout,
                                           result.stderr)
        return result

    def begin_training(self, *options, **arguments):
        """A training without an end, which has shown its first steps."""
        process = subprocess.Popen(
            [TOOL, "train", *map(str, self.train_options()), "--epochs", "100000", "--log-every",
             "5", *map(str, options)], stdout=subprocess.PIPE, text=True, cwd=self.folder,
            **arguments)
        while "step" not in process.stdout.readline():
            pass
        return process

    def interrupt(self, process):
        """As Ctrl-C does; what the training prints from then on."""
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        return out

    def refused(self, *arguments, code=1):
        """Runs the tool, which must fail with one line, and returns the line."""
        result = self.run_tool(*arguments, code=code)
        lines = result.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, result.stderr)
        self.assertTrue(lines[0].startswith("tessera: "), lines[0])
        return lines[0]
