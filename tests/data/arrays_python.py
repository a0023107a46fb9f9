"""Holds the readers of arrays and CSV files against numpy: what numpy writes is read by C++ and must
be what numpy has. Takes the program `dump_dataset`; skipped where Python has no numpy; the tests of
pandas' files also where it has no pandas.
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
try:
    import pandas
except ImportError:
    pandas = None

DUMP = str(pathlib.Path(sys.argv.pop(1)).resolve())
RANDOM = np.random.default_rng(1)
BYTES = RANDOM.integers(0, 256, (6, 7, 5, 3)).astype(np.uint8)
GRAY = RANDOM.integers(0, 256, (6, 8, 8)).astype(np.uint8)
LABELS = np.array([2, 0, 1, 1, 0, 2])


class Read:
    def __init__(self, name, *options):
        result = subprocess.run([DUMP, name, *map(str, options)], capture_output=True, text=True)
        self.error = result.stderr.strip()
        if result.returncode != 0:
            assert result.returncode == 1 and self.error.count("\n") == 0, result
            return
        lines = iter(result.stdout.splitlines())
        shape = [int(extent) for extent in next(lines).split()]
        self.classes = [next(lines) for _ in range(int(next(lines)))]
        self.notes = [next(lines) for _ in range(int(next(lines)))]
        self.labels = [int(label) for label in next(lines).split()]
        self.x = np.array(next(lines).split(), np.uint8).reshape(shape)


class ArraysCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def read(self, x, y=LABELS, *options):
        np.save(self.folder / "x.npy", x)
        np.save(self.folder / "y.npy", y)
        return Read(f"npy:{self.folder}", *options)

    def check(self, x, expected, y=LABELS, labels=LABELS, *options):
        read = self.read(x, y, *options)
        self.assertEqual(read.error, "")
        self.assertEqual(read.labels, list(labels))
        np.testing.assert_array_equal(read.x, expected)
        return read

    def refused(self, message, *arguments):
        self.assertIn(message, self.read(*arguments).error)

    def csv(self, text, *options):
        path = self.folder / "rows.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Read(f"csv:{path}", *options)


class ImagesTest(ArraysCase):
    def test_any_type_of_bytes(self):
        for kind in ("u1", "u2", ">u2", "i2", "u4", "i4", "<u8", ">i8", "f2", "f4", ">f4", "f8", ">f8"):
            for order in "CF":
                with self.subTest(kind=kind, order=order):
                    self.check(np.array(BYTES, kind, order=order), BYTES)
        self.check(np.asfortranarray(GRAY), GRAY[..., None])
        self.check((BYTES > 100), np.where(BYTES > 100, 255, 0))
        self.check(BYTES // 2 - np.int8(0), BYTES // 2)

    def test_floats_from_0_to_1(self):
        for kind in ("f2", "f4", ">f4", "f8"):
            with self.subTest(kind=kind):
                x = RANDOM.random((6, 4, 4, 3)).astype(kind)
                scaled = np.float32(255) * x.astype(np.float32) if x.dtype.itemsize == 4 else 255 * x.astype(float)
                self.check(x, np.floor(scaled + 0.5).astype(np.uint8))
                self.check((BYTES / 255).astype(kind), BYTES)
        self.check(np.array(BYTES > 100, np.float32), np.where(BYTES > 100, 255, 0))

    def test_floats_from_0_to_255(self):
        x = RANDOM.random((6, 4, 4, 3)) * 255
        self.check(x, np.floor(x + 0.5))
        self.check((BYTES // 100).astype(np.float32), BYTES // 100)

    def test_channels_first(self):
        for x in (BYTES, (BYTES / 255).astype(np.float32), np.asfortranarray(BYTES)):
            for channels in (1, 3):
                nchw = np.moveaxis(x[..., :channels], 3, 1)
                self.check(nchw, BYTES[..., :channels])
                self.check(np.ascontiguousarray(nchw), BYTES[..., :channels])
        many = RANDOM.integers(0, 256, (6, 16, 20, 13)).astype(np.uint8)
        self.assertIn("16x20 with 13 channels", self.check(many, many).notes[0])
        self.assertIn("16x20 with 13 channels", self.check(np.moveaxis(many, 3, 1), many).notes[0])

    def test_doubtful_shapes_need_a_word(self):
        x = RANDOM.integers(0, 256, (6, 3, 4, 4)).astype(np.uint8)
        self.refused("set --channels to 4 or 3", x)
        self.check(x, np.moveaxis(x, 1, 3), LABELS, LABELS, 3)
        self.check(x, x, LABELS, LABELS, 4)
        self.refused("no axis looks like channels", np.zeros((6, 8, 8, 8), np.uint8))
        self.refused("three rows look like channels", np.zeros((6, 3, 1024), np.uint8))
        self.refused("reshape the rows to images", np.zeros((6, 64), np.uint8))
        self.refused("numpy.moveaxis(x, -1, 0)", np.zeros((8, 8, 3, 6), np.uint8))

    def test_values_that_are_no_pixels(self):
        x = RANDOM.standard_normal((6, 4, 4, 3))
        self.refused(f"has values from {x.min():.6g} to {x.max():.6g}, expected 0 to 1 or 0 to 255, before "
                     "any normalization", x)
        self.refused("has values from 0 to 1.02, expected 0 to 1 or 0 to 255; scale them",
                     np.linspace(0, 1.02, 96).reshape(6, 4, 4))
        self.refused("has values from 0 to 65535, expected 0 to 255; scale them",
                     np.array([0, 65535] * 48, np.uint16).reshape(6, 4, 4))
        self.refused("has values from -1 to 7, expected 0 to 255", np.array([-1, 7] * 48).reshape(6, 4, 4))
        for bad in (np.nan, np.inf):
            x = np.zeros((6, 4, 4))
            x[0, 1, 1] = bad
            self.refused(f"element 5 is {bad}, expected a number", x)

    def test_types_that_are_no_images(self):
        self.refused("'<c16'", np.zeros((6, 4, 4), complex))
        self.refused("has text (type '<U1'), expected numbers", np.full((6, 4, 4), "a"))
        self.refused("has Python objects", np.full((6, 4, 4), None))
        self.refused("has a structured type", np.zeros((6, 4, 4), [("a", "u1"), ("b", [("c", "f4")])]))
        self.refused("'<M8[s]'", np.zeros((6, 4, 4), "M8[s]"))


class LabelsTest(ArraysCase):
    def test_whole_numbers_of_any_type(self):
        for kind in ("u1", "i1", "u2", ">i2", ">u4", "i4", "u8", ">i8", "f2", "f4", ">f8"):
            with self.subTest(kind=kind):
                self.check(BYTES, BYTES, LABELS.astype(kind))
        self.check(BYTES, BYTES, LABELS[:, None])
        self.check(BYTES, BYTES, LABELS[None])
        self.check(BYTES, BYTES, LABELS > 0, LABELS > 0)

    def test_one_hot(self):
        for kind in ("u1", "f4", "?"):
            one_hot = np.eye(3, dtype=kind)[LABELS]
            self.check(BYTES, BYTES, one_hot)
            self.check(BYTES, BYTES, np.asfortranarray(one_hot))
        for value in (0, 0.5):
            soft = np.eye(3)[LABELS]
            soft[4, 0] = value
            self.refused("is [6,3], but row 4 is not one-hot", BYTES, soft)
        soft[4] = 1
        self.refused("row 4 is not one-hot", BYTES, soft)

    def test_words(self):
        words = np.array(["Äpfel", "cat", "tree frog"])
        for y in (words[LABELS], words[LABELS].astype(">U9"), words[LABELS][:, None]):
            names, index = np.unique(words[LABELS], return_inverse=True)
            self.assertEqual(self.check(BYTES, BYTES, y, index).classes, list(names))
        y = np.array([b"b", b"aa", b"c"])[LABELS]
        self.assertEqual(self.check(BYTES, BYTES, y, np.unique(y, return_inverse=True)[1]).classes,
                         ["aa", "b", "c"])
        read = self.check(BYTES, BYTES, np.array(["10", "2", "0"])[LABELS], np.array([10, 2, 0])[LABELS])
        self.assertEqual(len(read.classes), 11)

    def test_no_labels(self):
        self.refused("label 0.5 of image 1 is not an integer", BYTES, LABELS / 1 + [0, 0.5, 0, 0, 0, 0])
        self.refused("label nan of image 1 is not an integer", BYTES, np.array([0, np.nan, 0, 0, 0, 0]))
        self.refused("label -1 of image 0 is out of range", BYTES, LABELS - 3)
        self.refused("image 1 has no label (found '')", BYTES, np.array(["a", "", "a", "a", "a", "a"]))
        self.refused("has the label '?', expected UTF-8", BYTES, np.array([b"\xc4"] * 6))
        self.refused("has Python objects", BYTES, np.array(["a", None] * 3))
        self.refused("has 6 images, but", BYTES, LABELS[:5])

    def test_classes_without_images_are_named(self):
        notes = self.check(BYTES, BYTES, LABELS + 1, LABELS + 1).notes
        self.assertIn("labels go from 1 to 3: 1 of 4 classes has no images, '0'; if labels count from 1, "
                      "subtract 1", notes[0])
        notes = self.check(BYTES, BYTES, LABELS * 2, LABELS * 2).notes
        self.assertIn("2 of 5 classes have no images, '1', '3'", notes[0])
        self.assertEqual(self.check(BYTES, BYTES).notes, [])
        (self.folder / "classes.txt").write_bytes("\ufeffcat\r\ndog\r\nÄffin\r\n".encode())
        self.assertEqual(self.check(BYTES, BYTES).classes, ["cat", "dog", "Äffin"])
        self.refused("out of range, expected 0 to 2; if labels count from 1, subtract 1", BYTES, LABELS + 1)
        words = np.array(["dog", "cat", "Äffin"])[LABELS]
        self.check(BYTES, BYTES, words, np.array([1, 0, 2])[LABELS])
        self.refused("has 1 labels of unknown classes: 'cow'; the 3 classes are 'cat', ...", BYTES,
                     np.array(["dog", "cow", "cat"])[LABELS])

    def test_the_words_of_two_parts(self):
        for part, y in (("train", ["b", "a", "b", "c", "a", "a"]), ("val", ["c", "c", "a", "c", "a", "c"])):
            (self.folder / part).mkdir()
            np.save(self.folder / part / "x.npy", BYTES)
            np.save(self.folder / part / "y.npy", np.array(y))
        self.assertEqual(Read(f"npy:{self.folder}").labels, [1, 0, 1, 2, 0, 0])


class CsvTest(ArraysCase):
    ROWS = [[label, *image.ravel()] for label, image in zip(LABELS, GRAY)]

    def text(self, separator=",", end="\n", rows=None):
        return end.join(separator.join(map(str, row)) for row in (rows or self.ROWS)) + end

    def check_csv(self, text, labels=LABELS, *options):
        read = self.csv(text, *options)
        self.assertEqual(read.error, "")
        self.assertEqual(read.labels, list(labels))
        np.testing.assert_array_equal(read.x, GRAY[..., None])
        return read

    def test_separators_and_line_ends(self):
        for separator in (",", ";", "\t", " ", ", ", "  "):
            for end in ("\n", "\r\n", "\r"):
                with self.subTest(separator=separator, end=end):
                    self.check_csv(self.text(separator, end))
                    self.check_csv("\ufeff" + self.text(separator, end) + end + end)
        quoted = [[f'"{field}"' for field in row] for row in self.ROWS]
        self.check_csv(self.text(rows=quoted))
        self.check_csv("sep=;\n" + self.text(";"))
        self.check_csv(self.text().replace("\n", ",\n") + ",,,\n")
        self.assertIn("is UTF-16 text, expected UTF-8", self.csv(self.text().encode("utf-16")).error)
        self.assertIn("line 1 has an unterminated quote", self.csv('0,"1,2,3,4\n').error)

    def test_headers(self):
        pixels = [f"pixel{i}" for i in range(64)]
        for header in (["label", *pixels], ["digit", *range(64)], ["label", *range(1, 65)], ["", *range(64)], ["# a", *range(64)]):
            self.check_csv(self.text(rows=[header, *self.ROWS]))
        words = [["ab", *row[1:]] for row in self.ROWS]
        self.check_csv(self.text(rows=words), [0] * 6)
        counted = [["ab", *range(64)], *words[1:]]
        self.assertEqual(self.csv(self.text(rows=counted)).x[0, 0, 3, 0], 3)
        self.check_csv(self.text(rows=[["Label", *range(64)], *words]), [0] * 6)
        self.assertIn("line 1 has the label 'ab' and the next row '0'",
                      self.csv(self.text(rows=[words[0], self.ROWS[1]])).error)
        first = self.csv(self.text(rows=[list(range(65)), *self.ROWS]))
        self.assertEqual(first.x.shape[0], 7)
        self.assertIn("the first row, 0 to 64, is read as an image", first.notes[0])

    def test_the_label_is_in_the_column_that_is_called_so(self):
        last = [[*row[1:], row[0]] for row in self.ROWS]
        for name in ("label", "Class", "target"):
            read = self.check_csv(self.text(rows=[[*range(64), name], *last]))
            self.assertIn(f"labels are in column 65, '{name}'", read.notes[0])
        for name in ("", "Unnamed: 0", "id"):
            numbered = [[i, *row] for i, row in enumerate(self.ROWS)]
            read = self.check_csv(self.text(rows=[[name, "label", *(f"p{i}" for i in range(64))], *numbered]))
            self.assertIn("column 1 is ignored as an index", read.notes[0])
            self.check_csv(self.text(rows=[[name, "label", *range(64)], *numbered]))

    def test_words(self):
        names = ["tree, frog", 'a "cat"', "Äpfel"]
        rows = [[('"' + names[row[0]].replace('"', '""') + '"'), *row[1:]] for row in self.ROWS]
        read = self.check_csv(self.text(rows=rows), np.array([1, 0, 2])[LABELS])
        self.assertEqual(read.classes, ['a "cat"', "tree, frog", "Äpfel"])
        rows[3][0] = "7"
        self.assertIn("line 4 has the label '7', expected a word as in the previous rows",
                      self.csv(self.text(rows=rows)).error)
        rows[3][0] = ""
        self.assertIn("line 4 has no label", self.csv(self.text(rows=rows)).error)

    def test_numpy(self):
        for options in ({}, {"fmt": "%d", "delimiter": ","}, {"delimiter": ";", "header": "label;pixels"}):
            np.savetxt(self.folder / "rows.csv", np.array(self.ROWS), **options)
            self.check_csv((self.folder / "rows.csv").read_bytes())

    @unittest.skipUnless(pandas, "no pandas")
    def test_pandas(self):
        frame = pandas.DataFrame(GRAY.reshape(6, -1))
        frame.insert(0, "label", LABELS)
        for index in (True, False):
            self.check_csv(frame.to_csv(index=index))
            self.check_csv(frame.astype(float).to_csv(index=index, sep=";"))
        frame = pandas.DataFrame(GRAY.reshape(6, -1))
        frame["label"] = np.array(["b", "a", "c"])[LABELS]
        self.check_csv(frame.to_csv(), np.array([1, 0, 2])[LABELS])


if __name__ == "__main__":
    unittest.main(verbosity=2)
