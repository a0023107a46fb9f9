"""Follows the links of the documentation, and runs what the tutorials say, on a few made-up pictures,
with fewer epochs and pixels: their blocks of sh and Python in order, in a folder of their own. What
needs PyTorch is skipped where it is missing.

usage: test_tutorials.py TESSERA DOCS
"""
import importlib.util
import os
import pathlib
import random
import re
import struct
import subprocess
import sys
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tool"))
DOCS = pathlib.Path(sys.argv.pop(2)).resolve()
from tool_case import TOOL, ToolCase  # noqa: E402

CLASSES = {"cat": (200, 80, 60), "dog": (60, 200, 80), "rabbit": (80, 60, 200)}


def write_png(path, color, noise, side=40):
    """Mostly of one color."""
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    rows = b"".join(b"\0" + bytes(max(0, min(255, c + noise.randrange(-60, 60)))
                                  for _ in range(side) for c in color) for _ in range(side))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" +
                     chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def blocks(name):
    """Pairs of language and text."""
    text = (DOCS / f"{name}.md").read_text()
    text = re.sub(r"--epochs (\d+)", lambda match: f"--epochs {int(match[1]) // 4}", text)
    text = text.replace("--size 96", "--size 48")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)


class TutorialTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        noise = random.Random(1)
        for name, color in CLASSES.items():
            (cls.folder / "pets" / name).mkdir(parents=True)
            for i in range(20):
                write_png(cls.folder / "pets" / name / f"{i:03}.png", color, noise)
        (cls.folder / "more").mkdir()
        for path in cls.folder / "new.png", cls.folder / "more" / "a.png":
            write_png(path, CLASSES["dog"], noise)
        cls.environment = {**os.environ, "TESSERA_DATA": str(cls.data),
                           "XDG_CACHE_HOME": str(cls.folder / "cache"), "TESSERA_DEVICE": "cpu",
                           "XDG_CONFIG_HOME": str(cls.folder / "config"),
                           "PATH": f"{pathlib.Path(TOOL).parent}:{os.environ['PATH']}"}

    def follow(self, name):
        """Runs a tutorial and returns what each block prints."""
        printed = []
        for language, text in blocks(name):
            command = {"sh": ["sh", "-eu"], "python": [sys.executable]}[language]
            result = subprocess.run(command, input=text, text=True, cwd=self.folder,
                                    env=self.environment, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT)
            self.assertEqual(result.returncode, 0, f"{name}:\n{text}\n{result.stdout}")
            printed.append(result.stdout)
        return printed

    def test_links_lead_somewhere(self):
        pages = [DOCS.parent / "README.md", *DOCS.rglob("*.md")]
        self.assertGreater(len(pages), 15)
        for page in pages:
            prose = re.sub(r"^```.*?^```|^    .*?$", "", page.read_text(), flags=re.S | re.M)
            for link in re.findall(r"\]\(([^)#]+)", prose):
                self.assertTrue("://" in link or (page.parent / link).exists(), f"{page}: {link}")

    def test_train_on_your_pictures(self):
        printed = self.follow("train-on-your-pictures")
        accuracy = re.findall(r"test accuracy ([\d.]+)", printed[0])[-1]
        self.assertGreater(float(accuracy), 0.6)
        self.assertEqual(len(re.findall(r"^ .* %  (\w+)$", printed[1], re.M)), 4)
        self.assertRegex(printed[1], r"new.png\n +[\d.]+ %  dog")
        self.assertIn('"probability"', (self.folder / "names.json").read_text())
        for name in "pets.html", "better.html":
            self.assertIn("Worst mistakes", (self.folder / name).read_text())
        self.assertIn("epoch 7/7", printed[-1])
        self.assertEqual(*((self.folder / f"{name}.safetensors").read_bytes()
                           for name in ("better", "again")))

    def test_pick_and_check_a_device(self):
        printed = self.follow("pick-and-check-a-device")
        first, second = re.findall(r'"accuracy":\s*([\d.]+)', printed[2])
        self.assertAlmostEqual(float(first), float(second), delta=0.02)

    def test_bring_your_pytorch_net(self):
        missing = [module for module in ("torch", "torchvision", "safetensors", "onnx")
                   if importlib.util.find_spec(module) is None]
        if missing:
            self.skipTest(f"no {', '.join(missing)}")
        self.follow("bring-your-pytorch-net")


if __name__ == "__main__":
    unittest.main(verbosity=2)
