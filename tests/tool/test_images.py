"""Pictures of one's own at the command line: folders of classes, pictures that are odd or damaged.

usage: test_images.py TESSERA
"""
import json
import pathlib
import re
import struct
import unittest
import zlib

from tool_case import ToolCase

SIDE = 12


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixel, bits=8, before=b""):
    """A gray picture; `before` stands before its pixels."""
    rows = b""
    for h in range(SIDE):
        values = [pixel(h, w) for w in range(SIDE)]
        rows += b"\0" + (bytes(values) if bits == 8
                         else b"".join(struct.pack(">H", 257 * v) for v in values))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, bits, 0, 0, 0, 0))
            + before + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def stripes(label, shift):
    """Rows or columns, dark and bright."""
    return lambda h, w: 40 + 160 * (((h if label == "rows" else w) + shift) // 3 % 2)


class ImagesTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pictures = cls.folder / "pictures"
        for label in ("columns", "rows"):
            (cls.pictures / label).mkdir(parents=True)
            for i in range(20):
                (cls.pictures / label / f"{i:02}.png").write_bytes(png(stripes(label, i % 6)))
        cls.run_tool(*cls.options("pictures"), "--out", "net.safetensors", "--epochs", "4")

    @staticmethod
    def options(folder):
        return ["train", "--data", f"folder:{folder}", "--model", "tutorial", "--size", "12x12",
                "--channels", "1", "--device", "cpu", "--batch", "8", "--lr", "0.02"]

    def with_picture(self, name, data, label="rows"):
        """A copy of the folder with one more picture."""
        copy = self.folder / ("with " + name)
        for path in self.pictures.rglob("*.png"):
            to = copy / path.relative_to(self.pictures)
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_bytes(path.read_bytes())
        (copy / label / name).write_bytes(data)
        return copy

    def predict(self, *images, **options):
        result = self.run_tool("predict", "net.safetensors", *images, "--device", "cpu", "--json",
                               **options)
        return json.loads(result.stdout)

    def test_classes_are_learnt_and_named(self):
        answer = self.predict(self.pictures / "rows", self.pictures / "columns" / "03.png")
        self.assertEqual(len(answer["images"]), 21)
        self.assertEqual(answer["skipped"], 0)
        best = [image["classes"][0]["name"] for image in answer["images"]]
        self.assertGreater(sum(name == "rows" for name in best[:20]), 15)
        self.assertEqual(sum(c["probability"] > 0 for c in answer["images"][0]["classes"]), 2)

    def test_a_list_on_the_standard_input(self):
        answer = self.predict("-", input="pictures/rows/00.png\n\npictures/columns/01.png\n")
        self.assertEqual([image["image"] for image in answer["images"]],
                         ["pictures/rows/00.png", "pictures/columns/01.png"])

    def test_the_held_out_share_is_tested(self):
        for share, counts in ((0.25, range(6, 15)), (0.5, range(14, 27))):  # of 40 images
            self.run_tool(*self.options("pictures"), "--held-out", share, "--epochs", "1",
                          "--out", "share.safetensors")
            shown = self.run_tool("eval", "share.safetensors", "--device", "cpu").stdout
            self.assertIn(int(re.search(r"on (\d+) test images", shown)[1]), counts)

    def test_data_that_have_moved(self):
        moved = self.pictures.rename(self.folder / "moved")
        self.addCleanup(moved.rename, self.pictures)
        self.assertIn("(the model was trained on 'folder:pictures'; choose other data with --data)",
                      self.refused("eval", "net.safetensors"))
        self.assertIn("accuracy",
                      self.run_tool("eval", "net.safetensors", "--data", "folder:moved").stdout)

    def test_a_training_is_resumed(self):
        command = [*self.options("pictures"), "--out", "again.safetensors"]
        self.run_tool(*command, "--epochs", "2", "--steps", "3")
        self.run_tool("train", "--resume", "again.safetensors", "--device", "cpu")
        whole = [*self.options("pictures"), "--out", "whole.safetensors", "--epochs", "2"]
        self.run_tool(*whole)
        self.assertEqual((self.folder / "again.safetensors").read_bytes(),
                         (self.folder / "whole.safetensors").read_bytes())

    def test_bad_pictures_are_named_or_skipped_and_counted(self):
        whole = (self.pictures / "rows" / "00.png").read_bytes()
        for name, data, problem in (("empty.png", b"", "is not a PNG"),
                                    ("short.png", whole[:-9], "is cut short"),
                                    ("text.jpg", b"no picture", "is not a PNG")):
            with self.subTest(name=name):
                folder = self.with_picture(name, data)
                message = self.refused(*self.options(folder.name))
                self.assertIn(name, message)
                self.assertIn(problem, message)
                result = self.run_tool(*self.options(folder.name), "--skip-bad", "--epochs", "1",
                                       "--out", "skip.safetensors")
                self.assertIn(name, result.stdout + result.stderr)
                self.assertIn("1 skipped", result.stdout + result.stderr)

    def test_the_good_pictures_of_a_folder_are_answered(self):
        folder = self.folder / "mixed"
        folder.mkdir()
        for i in range(40):  # more than are read at once
            (folder / f"{i:02}.png").write_bytes(png(stripes("rows", i % 6)))
        for i in (0, 35):
            (folder / f"{i:02}.png").write_bytes(b"no picture")
        command = ["predict", "net.safetensors", folder, "gone.png", "--device", "cpu"]
        result = self.run_tool(*command, "--json", code=1)
        answer = json.loads(result.stdout)
        self.assertEqual([pathlib.Path(image["image"]).name for image in answer["images"]],
                         [f"{i:02}.png" for i in range(40) if i not in (0, 35)])
        self.assertEqual([pathlib.Path(error["image"]).name for error in answer["errors"]],
                         ["00.png", "35.png", "gone.png"])
        lines = result.stderr.splitlines()
        self.assertEqual(lines, ["tessera: " + error["error"] for error in answer["errors"]])
        self.assertIn("gone.png] there is no such file", lines[2])
        text = self.run_tool(*command, code=1)
        self.assertEqual(text.stderr, result.stderr)
        self.assertEqual(text.stdout.count(".png\n"), 38)
        self.assertEqual(json.loads(self.run_tool(*command, "--json", "--skip-bad").stdout)["images"],
                         answer["images"])

    def test_odd_pictures_are_read(self):
        animation = (chunk(b"acTL", struct.pack(">II", 1, 0))
                     + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, SIDE, SIDE, 0, 0, 1, 10, 0, 0)))
        plain = self.pictures / "rows" / "00.png"
        (self.folder / "deep.png").write_bytes(png(stripes("rows", 0), bits=16))
        (self.folder / "moving.png").write_bytes(png(stripes("rows", 0), before=animation))
        answers = self.predict(plain, "deep.png", "moving.png")["images"]
        for answer in answers[1:]:
            self.assertEqual(answer["classes"], answers[0]["classes"])

    def test_folders_that_are_no_classes(self):
        (self.folder / "nothing").mkdir()
        (self.folder / "no pictures" / "a").mkdir(parents=True)
        (self.folder / "one class").mkdir()
        one = self.folder / "one class" / "rows"
        one.mkdir()
        for path in (self.pictures / "rows").iterdir():
            (one / path.name).write_bytes(path.read_bytes())
        self.assertIn("has no folders, expected one per class",
                      self.refused(*self.options("nothing")))
        self.assertIn("has no images of class a, expected PNG",
                      self.refused(*self.options("no pictures")))
        self.assertIn("has one class only, 'rows', expected at least two",
                      self.refused(*self.options("one class")))
        self.assertIn("no such file or folder",
                      self.refused(*self.options("not there")))


    def test_other_formats_give_the_same_answer(self):
        """Of the same pixels: a BMP file of 24 bits, from below, and a plain PGM file of 16 bits."""
        pixel = stripes("rows", 0)
        rows = [bytes(v for w in range(SIDE) for v in [pixel(h, w)] * 3) for h in range(SIDE)]
        data = b"".join(reversed(rows))
        (self.folder / "same.bmp").write_bytes(
            struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54 + len(data), 0, 54, 40, SIDE, SIDE, 1, 24, 0,
                        len(data), 0, 0, 0, 0) + data)
        (self.folder / "same.pgm").write_text(
            f"P2\n# plain\n{SIDE} {SIDE} 65535\n"
            + "\n".join(str(257 * pixel(h, w)) for h in range(SIDE) for w in range(SIDE)))
        answers = self.predict(self.pictures / "rows" / "00.png", "same.bmp", "same.pgm")["images"]
        for answer in answers[1:]:
            self.assertEqual(answer["classes"], answers[0]["classes"])

    def test_a_folder_without_its_kind(self):
        self.run_tool("train", "--data", "pictures/", "--model", "tutorial", "--size", "12",
                      "--channels", "1", "--device", "cpu", "--batch", "8", "--epochs", "1", "--lr",
                      "0.02")
        self.assertTrue((self.folder / "tutorial-pictures.safetensors").exists())
        shown = self.run_tool("eval", "tutorial-pictures.safetensors", "--device", "cpu").stdout
        self.assertIn("folder:pictures/", shown)
        self.assertIn("there is no data set, folder or CSV file '../phtos'; there are: mnist,",
                      self.refused("train", "--data", "../phtos", "--model", "tutorial"))

    def test_files_that_are_passed_over_are_named(self):
        folder = self.with_picture("a.heic", b"x")
        (folder / "rows" / ".DS_Store").write_bytes(b"x")
        line = (f"note: [{folder.name}] ignored 1 file of another type: a.heic; "
                "1 hidden or system entry: .DS_Store\n")
        result = self.run_tool(*self.options(folder.name), "--epochs", "1", "--out",
                               "noted.safetensors")
        self.assertEqual(result.stderr.count(line), 1, result.stderr)
        result = self.run_tool("predict", "net.safetensors", f"{folder.name}/rows")
        self.assertIn("1 file of another type: a.heic", result.stderr)

    def test_the_cut_center_is_kept_with_the_model(self):
        """A wide image: squashed its stripes are fine, cut they are coarse."""
        wide = self.folder / "wide" / "rows"
        wide.mkdir(parents=True)
        (wide.parent / "columns").mkdir()
        for i in range(6):
            for label, vertical in (("rows", False), ("columns", True)):
                pixels = [[250 if (w if vertical else h) // 3 % 2 else 5 for w in range(36)]
                          for h in range(12)]
                (wide.parent / label / f"{i}.pgm").write_bytes(
                    b"P5 36 12 255\n" + bytes(v for row in pixels for v in row))
        for crop in ("none", "center"):
            self.run_tool(*self.options("wide"), "--epochs", "1", "--crop", crop,
                          "--out", f"{crop}.safetensors")
        image = "wide/columns/0.pgm"

        def answer(model, *options):
            result = self.run_tool("predict", model, image, "--device", "cpu", "--json", *options)
            return json.loads(result.stdout)["images"][0]["classes"]

        kept = answer("center.safetensors")
        self.assertEqual(kept, answer("center.safetensors", "--crop", "center"))
        self.assertNotEqual(kept, answer("center.safetensors", "--crop", "none"))
        self.assertNotEqual(answer("none.safetensors"),
                            answer("none.safetensors", "--crop", "center"))
        middle = b"P5 12 12 255\n" + bytes(250 if w // 3 % 2 else 5 for _ in range(12)
                                           for w in range(12, 24))
        (self.folder / "middle.pgm").write_bytes(middle)
        image = "middle.pgm"
        self.assertEqual(kept, answer("center.safetensors"))

    def test_large_images_are_refused_before_they_are_decoded(self):
        header = struct.pack(">IIBBBBB", 16384, 16384, 16, 0, 0, 0, 0)
        (self.folder / "large.png").write_bytes(
            b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
        self.assertIn("is 16384x16384, expected at most 178956970 pixels (--max-image-pixels)",
                      self.refused("predict", "net.safetensors", "large.png"))
        self.assertIn("is 12x12, expected at most 100 pixels",
                      self.refused(*self.options("pictures"), "--max-image-pixels", "100"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
