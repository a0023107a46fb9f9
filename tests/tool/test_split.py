"""The images held out for testing: no change of the data makes a training image a test image, and
changes are named.

usage: test_split.py TESSERA
"""
import json
import random
import shutil
import struct
import unittest

from test_images import SIDE, png
from tool_case import ToolCase

CLASSES, IMAGES = 4, 12


def noise(draw):
    pixels = [[draw.randrange(256) for _ in range(SIDE)] for _ in range(SIDE)]
    return png(lambda h, w: pixels[h][w])


class SplitTest(ToolCase):
    """A net learns pure noise by heart: of images that it has not seen it knows nothing."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        draw = random.Random(1)
        for label in range(CLASSES):
            folder = cls.folder / "noise" / f"class {label}"
            folder.mkdir(parents=True)
            for i in range(IMAGES):
                (folder / f"{i:02}.png").write_bytes(noise(draw))
        cls.more = [noise(draw) for _ in range(8)]
        cls.run_tool(*cls.options("noise"), "--epochs", "60", "--out", "noise.safetensors")
        cls.before = cls.evaluate("noise")[0]

    @classmethod
    def options(cls, folder):
        return ["train", "--data", f"folder:{folder}", "--model", "tutorial", "--size", SIDE,
                "--channels", "1", "--device", "cpu", "--batch", "8", "--optimizer", "adam", "--lr",
                "0.003", "--normalize"]

    @classmethod
    def evaluate(cls, folder, model="noise.safetensors"):
        """Of the model's own data, for which `folder` stands in; and what is said on stderr."""
        own, aside = cls.folder / "noise", cls.folder / "aside"
        if folder != "noise":
            own.rename(aside)
            (cls.folder / folder).rename(own)
        result = cls.run_tool("eval", model, "--device", "cpu", "--json")
        if folder != "noise":
            own.rename(cls.folder / folder)
            aside.rename(own)
        return json.loads(result.stdout), result.stderr

    def changed(self):
        copy = self.folder / "changed"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / "noise", copy)
        return copy

    def test_the_training_images_are_known_by_heart(self):
        everything = json.loads(self.run_tool("eval", "noise.safetensors", "--data", f"folder:{self.changed()}",
                                              "--device", "cpu", "--json").stdout)
        self.assertEqual(everything["images"], CLASSES * IMAGES)
        self.assertGreater(everything["accuracy"], 0.8)
        self.assertLess(self.before["accuracy"], 0.7)
        self.assertGreaterEqual(self.before["images"], CLASSES)
        self.assertEqual(self.evaluate("noise"), (self.before, ""))

    def test_renamed_files_stay_where_they_are(self):
        copy = self.changed()
        for path in sorted(copy.rglob("*.png")):
            path.rename(path.with_name(f"x{path.stem[::-1]}.png"))  # in another order, too
        now, warning = self.evaluate("changed")
        self.assertEqual(warning, "")
        self.assertAlmostEqual(now.pop("loss"), self.before["loss"], places=4)
        self.assertEqual(now, {key: self.before[key] for key in now})

    def test_a_file_added_moves_no_other(self):
        for i, image in enumerate(self.more):
            copy = self.changed()
            (copy / f"class {i % CLASSES}" / "a first.png").write_bytes(image)
            now, warning = self.evaluate("changed")
            self.assertEqual(warning, "warning: the data has changed since the training: 1 image added\n")
            self.assertIn(now["images"] - self.before["images"], (0, 1))
            if now["images"] == self.before["images"]:
                self.assertEqual(now, self.before)

    def test_a_file_removed_moves_no_other(self):
        tests = 0
        for path in sorted((self.folder / "noise" / "class 2").iterdir()):
            copy = self.changed()
            (copy / path.relative_to(self.folder / "noise")).unlink()
            now, warning = self.evaluate("changed")
            self.assertEqual(warning, "warning: the data has changed since the training: 1 image removed\n")
            self.assertIn(self.before["images"] - now["images"], (0, 1))
            if now["images"] == self.before["images"]:
                self.assertEqual(now, self.before)
            tests += self.before["images"] - now["images"]
        self.assertGreaterEqual(tests, 1)
        self.assertLess(tests, IMAGES / 2)

    def test_a_new_training_divides_in_the_same_way_and_by_its_seed(self):
        copy = self.changed()
        (copy / "class 0" / "a first.png").write_bytes(self.more[0])
        counts = set()
        for seed in range(4):
            held_out = []
            for folder in ("noise", "changed"):
                self.run_tool(*self.options(folder), "--seed", seed, "--steps", "1", "--out",
                              "seed.safetensors")
                held_out.append(json.loads(self.run_tool("eval", "seed.safetensors", "--device", "cpu",
                                                         "--json").stdout)["images"])
            self.assertIn(held_out[1] - held_out[0], (0, 1))
            counts.add(held_out[0])
        self.assertGreater(len(counts), 1)

    def test_resume_on_changed_data_needs_a_word(self):
        copy = self.changed()
        command = [*self.options("changed"), "--out", "resumed.safetensors", "--epochs", "3"]
        self.run_tool(*command, "--steps", "8")
        (copy / "class 0" / "a first.png").write_bytes(self.more[0])
        (copy / "class 1" / "03.png").unlink()
        resume = ["train", "--resume", "resumed.safetensors", "--device", "cpu"]
        before = (self.folder / "resumed.safetensors").read_bytes()
        self.assertIn("the data has changed since the checkpoint: 1 image added, 1 removed; "
                      "to resume with the changed data, use", self.refused(*resume))
        self.assertEqual((self.folder / "resumed.safetensors").read_bytes(), before)
        result = self.run_tool(*resume, "--accept-changed-data")
        self.assertIn("warning: the data has changed since the checkpoint: 1 image added, 1 removed",
                      result.stderr)
        self.assertIn("epoch 3/3", result.stdout)
        # The changed data are now the run's own.
        self.assertEqual(self.run_tool("eval", "resumed.safetensors", "--device", "cpu").stderr, "")

    def write_arrays(self, rows):
        folder = self.folder / "rows"
        folder.mkdir(exist_ok=True)
        (folder / "rows.csv").write_text("".join(rows))

    def test_rows_are_told_by_their_content(self):
        draw = random.Random(2)
        rows = [f"{i % 2}," + ",".join(str(draw.randrange(256)) for _ in range(144)) + "\n"
                for i in range(40)]
        self.write_arrays(rows)
        self.run_tool("train", "--data", "csv:rows/rows.csv", "--model", "tutorial", "--device", "cpu",
                      "--batch", "8", "--steps", "3", "--out", "rows.safetensors")
        evaluate = ["eval", "rows.safetensors", "--device", "cpu", "--json"]
        before = json.loads(self.run_tool(*evaluate).stdout)
        draw.shuffle(rows)
        self.write_arrays(rows)
        again = self.run_tool(*evaluate)
        self.assertEqual(again.stderr, "")
        self.assertEqual(json.loads(again.stdout)["images"], before["images"])
        self.assertAlmostEqual(json.loads(again.stdout)["loss"], before["loss"], places=5)
        self.write_arrays(rows[1:])
        self.assertIn("1 image removed", self.run_tool(*evaluate).stderr)

    def test_data_with_a_name_are_known_too(self):
        self.run_tool("train", *self.train_options(), "--steps", 1, "--out", "named.safetensors")
        other = self.folder / "other data"
        shutil.copytree(self.data, other)
        images = other / "t10k-images-idx3-ubyte"
        content = bytearray(images.read_bytes())
        content[-1] ^= 1
        images.write_bytes(content)
        self.assertIn("changed since the training: test images: 1 image added, 1 removed\n",
                      self.run_tool("eval", "named.safetensors", "--data-dir", other, "--device",
                                    "cpu").stderr)
        self.assertIn("test images: 1 image added, 1 removed; to resume with the changed data, use --accept-changed-data",
                      self.refused("train", "--resume", "named.safetensors", "--data-dir", other,
                                   "--device", "cpu"))

    def test_older_checkpoints(self):
        """Without a fingerprint: they are evaluated on the images that they held out."""
        self.run_tool(*self.options("noise"), "--steps", "2", "--out", "old.safetensors")
        path = self.folder / "old.safetensors"
        data = path.read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        training = json.loads(header["__metadata__"]["training"])
        for key in ("split", "train_data", "train_images", "epoch_images", "best", "plateau"):
            del training[key]
        header["__metadata__"]["training"] = json.dumps(training)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        path.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size:])
        now, warning = self.evaluate("noise", "old.safetensors")
        self.assertIn("from an earlier version that chose test images by their order", warning)
        self.assertEqual(now["images"], CLASSES)  # one of each: a share of 0.1, rounded
        out = self.run_tool("train", "--resume", "old.safetensors", "--device", "cpu", "--epochs", "1")
        self.assertIn("from an earlier version", out.stderr)
        self.assertIn("from an earlier version", self.evaluate("noise", "old.safetensors")[1])


if __name__ == "__main__":
    unittest.main(verbosity=2)
