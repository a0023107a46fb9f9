"""`tessera eval`: figures of each class beside naive ones of what `tessera predict` says, and what it and
`tessera predict` say of files that are no model.

usage: test_eval.py TESSERA
"""
import csv
import json
import random
import re
import unittest

from tool_case import ToolCase, picture

PIXELS = 144
NAMES = ["a, b", 'say "x"', " plain; \u00e9", "=1+1"]


def share(part, whole):
    return part / whole if whole else None


def naive(pairs, names):
    """The figures of each class of pairs of a label and a prediction, by name."""
    rows = []
    for name in names:
        images = sum(label == name for label, _ in pairs)
        predicted = sum(best == name for _, best in pairs)
        right = sum(label == best == name for label, best in pairs)
        precision, recall = share(right, predicted), share(right, images)
        f1 = None
        if images or predicted:
            both = (precision or 0) + (recall or 0)
            f1 = 2 * (precision or 0) * (recall or 0) / both if both else 0
        rows.append({"name": name, "images": images, "predicted": predicted, "right": right,
                     "precision": precision, "recall": recall, "f1": f1})
    matrix = [[pairs.count((label, best)) for best in names] for label in names]
    return rows, matrix


class EvalTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.options = ["--data-dir", cls.data, "--device", "cpu"]
        cls.model = cls.folder / "ten.safetensors"
        cls.run_tool("train", *cls.train_options(), "--epochs", 1, "--out", cls.model)

    def train_on_rows(self, name, classes, train, test, *options):
        """Images of one gray, by pairs of labels; `train` and `test` are labels."""
        noise = random.Random(len(name))
        folder = self.folder / name
        folder.mkdir()
        for part, labels in ("train", train), ("val", test):
            gray = [40 + 180 * (label // 2 * 2) // len(classes) for label in range(len(classes))]
            rows = (f"{label}," + ",".join(str(gray[label] + noise.randrange(20)) for _ in range(PIXELS))
                    for label in labels)
            (folder / f"{part}.csv").write_text("\n".join(rows) + "\n")
        (folder / "classes.txt").write_text("\n".join(classes) + "\n")
        self.run_tool("train", "--data", f"csv:{folder}", "--device", "cpu", "--batch", 8, "--out",
                      f"{name}.safetensors", *options)
        return f"{name}.safetensors"

    def evaluated(self, model, *options):
        text = self.run_tool("eval", model, *self.options, "--json", *options).stdout
        self.assertNotRegex(text, r"\bnan\b")
        return json.loads(text)

    def answers(self, model, count, *options):
        """Pairs of a test image's label and its classes, the most probable first."""
        found = json.loads(self.run_tool("predict", model, *range(count), *self.options, "--top", 1000,
                                         "--json", *options).stdout)
        return [(image["label"], [c["name"] for c in image["classes"]]) for image in found["images"]]

    def check(self, result, answers):
        pairs = [(label, order[0]) for label, order in answers]
        names = [row["name"] for row in result["classes"]]
        rows, matrix = naive(pairs, names)
        for found, expected in zip(result["classes"], rows, strict=True):
            for key, value in expected.items():
                if isinstance(value, float):
                    self.assertAlmostEqual(found[key], value, places=12)
                else:
                    self.assertEqual(found[key], value, (key, found))
        self.assertEqual(result["confusion"], matrix)
        self.assertAlmostEqual(result["accuracy"], sum(a == b for a, b in pairs) / len(pairs))
        top5 = sum(label in order[:5] for label, order in answers) / len(pairs)
        self.assertEqual(result.get("top5"), top5 if len(names) > 5 else None)
        return rows

    def check_csv(self, path, result):
        with open(path, encoding="utf-8", newline="") as file:
            head, *rows = csv.reader(file, strict=True)
        names = [row["name"] for row in result["classes"]]
        self.assertEqual(head, ["class", *names])
        self.assertEqual([row[0] for row in rows], names)
        self.assertEqual([list(map(int, row[1:])) for row in rows], result["confusion"])

    def check_table(self, text, rows):
        """Lines of the printed table are those of the classes."""
        def shown(figure):
            return "-" if figure is None else f"{figure:.4f}"
        lines = [re.split(r"  +", line.rstrip()) for line in text.splitlines()]
        for row in rows:
            self.assertIn([row["name"], str(row["images"]), *(shown(row[key]) for key in
                                                              ("precision", "recall", "f1"))], lines)

    def test_figures_of_ten_classes(self):
        result = self.evaluated(self.model, "--confusion", "ten.csv")
        rows = self.check(result, self.answers(self.model, 100))
        self.assertLess(result["accuracy"], 1)
        self.check_csv(self.folder / "ten.csv", result)
        text = self.run_tool("eval", self.model, *self.options).stdout
        self.assertIn(f"accuracy {result['accuracy']:.4f}, top-5 {result['top5']:.4f}, loss ", text)
        self.check_table(text, rows)
        for label, row in enumerate(result["confusion"]):
            self.assertRegex(text, rf"(?m)^ {label}  {re.escape(rows[label]['name'])} +" +
                             " +".join(map(str, row)) + "$")

    def test_classes_without_images_and_names_that_need_quotes(self):
        for loss in "cross-entropy", "bce":
            model = self.train_on_rows(loss, NAMES, [0, 3] * 40 + [1, 2], [0] * 6 + [1], "--loss", loss,
                                       "--epochs", 12, "--lr", 0.03)
            result = self.evaluated(model, "--confusion", f"{loss}.csv")
            rows = self.check(result, self.answers(model, 7))
            self.assertNotIn("top5", result)
            self.assertIsNone(rows[3]["recall"])
            self.assertTrue(any(row["f1"] is None for row in result["classes"]), result)
            self.assertTrue(any(row["precision"] is None and row["images"] for row in result["classes"]))
            self.check_csv(self.folder / f"{loss}.csv", result)
            text = self.run_tool("eval", model, *self.options).stdout
            self.assertNotRegex(text, "nan|top-5")
            self.assertRegex(text, r"(?m)^=1\+1 +0  +-  +-  +-$")

    def test_many_classes(self):
        names = [f"class {i}" for i in range(40)]
        labels = list(range(40)) * 3
        model = self.train_on_rows("many", names, labels, labels, "--epochs", 2)
        result = self.evaluated(model, "--confusion", "many.csv")
        rows = self.check(result, self.answers(model, 120))
        self.check_csv(self.folder / "many.csv", result)
        text = self.run_tool("eval", model, *self.options).stdout
        self.assertIn("the 30 of 40 classes with the lowest F1 (see all with --json):", text)
        worst = sorted(rows, key=lambda row: 2 if row["f1"] is None else row["f1"])[:30]
        self.check_table(text, worst)
        self.assertEqual(len(re.findall(r"(?m)^class \d+ ", text)), 30)
        pairs = [tuple(map(int, pair)) for pair in
                 re.findall(r"(?m)^ +(\d+) images of class (\d+) predicted as class (\d+)$", text)]
        self.assertEqual(len(pairs), 10)
        for images, label, best in pairs:
            self.assertEqual(result["confusion"][label][best], images)
        wrong = sorted((n for i, row in enumerate(result["confusion"]) for j, n in enumerate(row) if i != j),
                       reverse=True)
        self.assertEqual([images for images, _, _ in pairs], wrong[:10])

    def test_a_matrix_that_cannot_be_written(self):
        line = self.refused("eval", self.model, *self.options, "--confusion", "no/folder/x.csv")
        self.assertIn("[no/folder/x.csv] cannot be created", line)

    def test_files_that_are_no_model(self):
        image = self.folder / "photo.pgm"
        image.write_bytes(b"P5 28 28 255\n" + picture(3, random.Random(1)))
        notes = self.folder / "notes.txt"
        notes.write_text("remember")
        (self.folder / "empty").write_text("")
        expected = "expected a file that `tessera train` or `tessera import` wrote, or an ONNX file"
        for path, problem in ((image, "is an image"), (notes, "is not a model"), ("empty", "is not a model"),
                              (self.folder, "is a folder")):
            for command in (["eval", path], ["export", path, "--out", "x.onnx"]):
                self.assertIn(f"[{path}] {problem}, {expected}", self.refused(*command))
            self.assertIn(f"[{path}] {problem}, expected a model; the model comes before the images: "
                          "`tessera predict MODEL IMAGE`", self.refused("predict", path, image))

    def test_weights_where_the_name_of_a_model_is_expected(self):
        for command in ("train", "--data", "fashion-mnist"), ("profile",), ("tune", "--device", "cpu"):
            self.assertIn(f"'{self.model}' is a file of weights, expected the name of a model",
                          self.refused(*command, "--model", self.model))

    def test_swapped_arguments(self):
        image = self.folder / "swapped.pgm"
        image.write_bytes(b"P5 28 28 255\n" + picture(3, random.Random(1)))
        for first in image, self.folder, "7":
            self.assertIn(f"[{first}] is not a model, but '{self.model}' is one; the model comes before the "
                          f"images: `tessera predict {self.model} IMAGE`",
                          self.refused("predict", first, self.model))
        self.assertIn(f"[{self.model}] is a model, expected an image; the model comes before the images",
                      self.refused("predict", self.model, self.model))
        # Among images it is one that cannot be read.
        result = self.run_tool("predict", self.model, image, self.model, "--device", "cpu", code=1)
        self.assertIn(str(image), result.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
