"""`tessera train --report`: one page that stands alone and says what the log says.

usage: test_report.py TESSERA
"""
import base64
import html.parser
import json
import random
import re
import struct
import unittest

from tool_case import SIDE, ToolCase

# Elements without an end.
VOID = {"br", "img", "meta"}
# Of SVG; they end themselves.
SHAPES = {"circle", "line", "polyline"}


class Page(html.parser.HTMLParser):
    """Checks that elements are closed in order; collects tables, text and addresses."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.addresses, self.used, self.texts = [], {}, [], set(), []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.used.add(tag)
        self.addresses += [attributes[key] for key in ("src", "href") if key in attributes]
        assert not any(key.startswith("on") for key in attributes), attributes
        assert tag not in SHAPES, tag
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.rows = self.tables.setdefault(attributes["id"], [])
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        assert tag in SHAPES, tag

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open[-1:] in (["td"], ["th"]):
            self.rows[-1][-1] += data

    @property
    def text(self):
        return "".join(self.texts)


def write_array(path, kind, shape, data):
    header = repr({"descr": kind, "fortran_order": False, "shape": shape}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data)


class ReportTest(ToolCase):
    def train(self, *options):
        path = self.folder / "report.html"
        self.run_tool("train", *self.train_options(), "--report", path, "--log", "run.jsonl",
                      "--log-every", 5, "--out", self.folder / "<b> & 'c'.safetensors", *options)
        log = [json.loads(line) for line in (self.folder / "run.jsonl").read_text().splitlines()]
        return path.read_text(encoding="utf-8"), log

    def check_alone(self, text):
        """The page, of which nothing is elsewhere."""
        page = Page(text)
        self.assertFalse(page.used & {"script", "link", "iframe", "object", "embed", "base"})
        for address in page.addresses:
            self.assertTrue(address.startswith("data:image/png;base64,"), address)
            png = base64.b64decode(address.split(",")[1], validate=True)
            self.assertTrue(png.startswith(b"\x89PNG\r\n\x1a\n") and png.endswith(b"IEND\xaeB`\x82"))
        self.assertNotRegex(text, r"https?://|url\(|@import")
        self.assertIsNone(re.search(r'[">,]-?(nan|inf)\b', text))
        return page

    def test_a_page_that_stands_alone(self):
        text, log = self.train("--epochs", 1)
        page = self.check_alone(text)
        self.assertNotIn("<b> &", text)
        out = str(self.folder / "<b> & 'c'.safetensors")
        self.assertIn("--out '" + out.replace("'", "'\\''") + "'", page.text)
        self.assertIn(log[0]["device"]["name"], page.text)

    def test_numbers_are_those_of_the_log(self):
        text, log = self.train("--epochs", 3, "--augment", "rotate=90,brightness=0.9")
        page = self.check_alone(text)
        epochs = [event for event in log if event["event"] == "epoch"]
        self.assertEqual(
            [row[:4] for row in page.tables["epochs"][1:]],
            [[str(e["epoch"]), f"{e['train_loss']:.4f}", f"{e['test_loss']:.4f}",
              f"{100 * e['test_accuracy']:.2f} %"] for e in epochs])
        accuracy = epochs[-1]["test_accuracy"]
        self.assertIn(f"<dt>test accuracy</dt><dd>{100 * accuracy:.2f} %</dd>", text)
        matrix = [list(map(int, row[1:])) for row in page.tables["confusion"][1:]]
        self.assertAlmostEqual(sum(matrix[i][i] for i in range(10)) / 100, accuracy)
        noise = random.Random(2)
        labels = [noise.randrange(10) for _ in range(100)]
        self.assertEqual([sum(row) for row in matrix], [labels.count(i) for i in range(10)])
        for i, row in enumerate(page.tables["classes"][1:]):
            self.assertEqual(int(row[1]), labels.count(i))
            self.assertEqual(row[2], f"{100 * matrix[i][i] / labels.count(i):.1f} %")
        self.check_mistakes(page, text, matrix, labels)
        layers = {row[0]: row for row in page.tables["layers"][1:]}
        self.assertTrue(layers["conv1"][1].startswith("conv2d "))
        self.assertGreater(float(layers["conv1"][2]), 0)
        self.assertAlmostEqual(sum(float(row[3][:-2]) for row in layers.values()), 100, delta=2)
        self.check_curve(text, [event for event in log if event["event"] == "step"])

    def check_mistakes(self, page, text, matrix, labels):
        mistakes = 100 - sum(matrix[i][i] for i in range(10))
        self.assertGreater(mistakes, 0)
        self.assertIn(f"{mistakes} of 100 test images are misclassified", text)
        self.assertEqual(len(page.addresses), min(24, mistakes))
        names = [row[0] for row in page.tables["classes"][1:]]
        shown = re.findall(r"<b>(.+?)</b> \(([\d.]+)&nbsp;%\)<br>predicted as <b>(.+?)</b> "
                           r"\(([\d.]+)&nbsp;%\)<br>image (\d+)<", text)
        self.assertEqual(len(shown), len(page.addresses))
        for label, own, best, other, number in shown:
            self.assertEqual(names[labels[int(number)]], label)
            self.assertGreater(matrix[names.index(label)][names.index(best)], 0)
            self.assertLessEqual(float(own), float(other))
        order = [float(row[1]) for row in shown]
        self.assertEqual(order, sorted(order))

    def check_curve(self, text, steps):
        """The numbers of the ticks lead from places back to numbers."""
        chart = text[text.index("Loss (cross-entropy)"):text.index("</svg>")]
        ticks = [(float(place) - 4, float(number)) for place, number in
                 re.findall(r'y="([\d.]+)" text-anchor="end">([\d.]+)<', chart)]
        (low, least), (high, most) = ticks[0], ticks[-1]
        curve = re.search(r'class="line s0" points="([^"]*)"', chart).group(1).split()
        self.assertEqual(len(curve), len(steps))
        for point, step in zip(curve, steps):
            loss = least + (float(point.split(",")[1]) - low) / (high - low) * (most - least)
            self.assertAlmostEqual(loss, step["loss"], delta=(most - least) / 1000)

    def test_a_run_of_no_epoch(self):
        text, _ = self.train("--steps", 3)
        page = self.check_alone(text)
        self.assertNotIn("epochs", page.tables)
        self.assertIn("confusion", page.tables)

    def test_many_classes_with_bad_names(self):
        data, classes = self.folder / "many", 1000
        data.mkdir()
        names = [f"class {i}" for i in range(classes)]
        names[7] = """<script>alert("1")</script>&amp;'"""
        (data / "classes.txt").write_text("\n".join(names) + "\n")
        labels = list(range(classes)) * 2
        noise = random.Random(3)
        write_array(data / "x.npy", "|u1", (2 * classes, SIDE, SIDE),
                    noise.randbytes(2 * classes * SIDE * SIDE))
        write_array(data / "y.npy", "<i4", (2 * classes,), struct.pack(f"<{len(labels)}i", *labels))
        self.run_tool("train", "--data", f"npy:{data}", "--held-out", 0.5, "--device", "cpu",
                      "--steps", 2, "--report", "many.html", "--out", "many.safetensors")
        text = (self.folder / "many.html").read_text()
        page = self.check_alone(text)
        self.assertNotIn("<script", text)
        self.assertNotIn("confusion", page.tables)
        self.assertIn(names[7], [row[0] for row in page.tables["classes"]])
        self.assertEqual(len(page.tables["classes"]), 1 + classes)
        confused = [int(row[2]) for row in page.tables["confused"][1:]]
        self.assertEqual(len(confused), 30)
        self.assertEqual(confused, sorted(confused, reverse=True))
        self.assertLess(len(text), 400_000)

    def test_images_that_are_no_pictures(self):
        data = self.folder / "five"
        data.mkdir()
        write_array(data / "x.npy", "|u1", (60, SIDE, SIDE, 5),
                    random.Random(4).randbytes(60 * SIDE * SIDE * 5))
        write_array(data / "y.npy", "|u1", (60,), bytes([0, 1, 2] * 20))
        self.run_tool("train", "--data", f"npy:{data}", "--held-out", 0.5, "--device", "cpu",
                      "--steps", 1, "--batch", 8, "--report", "five.html", "--out",
                      "five.safetensors")
        text = (self.folder / "five.html").read_text()
        self.assertEqual(self.check_alone(text).addresses, [])
        self.assertIn("<br>predicted as <b>", text)

    def test_an_interrupted_run(self):
        path = self.folder / "interrupted.html"
        process = self.begin_training("--report", path, "--out", "interrupted.safetensors")
        out = self.interrupt(process)
        self.assertIn("model: interrupted.safetensors", out)
        page = self.check_alone(path.read_text())
        self.assertIn("The training was interrupted, so predictions and times were not measured.", page.text)
        self.run_tool("eval", "interrupted.safetensors", "--data-dir", self.data, "--device", "cpu")

    def test_a_failed_run(self):
        path = self.folder / "failed.html"
        line = self.refused("train", *self.train_options()[:8], "--lr", "1e30", "--epochs", 1,
                            "--report", path, "--out", "failed.safetensors")
        page = self.check_alone(path.read_text())
        self.assertIn("The training failed: " + line[len("tessera: "):], page.text)
        self.assertEqual(set(page.tables), {"options"})

    def test_watching_changes_no_weight(self):
        a, b = self.folder / "with.safetensors", self.folder / "without.safetensors"
        train = ["train", *self.train_options(), "--epochs", 1, "--out"]
        self.run_tool(*train, a, "--report", self.folder / "w.html")
        self.run_tool(*train, b)
        self.assertEqual(a.read_bytes(), b.read_bytes())

    def test_a_page_that_cannot_be_written(self):
        path = self.folder / "no folder" / "x.html"
        result = self.run_tool("train", *self.train_options(), "--report", path, code=1)
        self.assertEqual(result.stderr, f"tessera: [{path}] cannot be created: No such file or "
                                        "directory\n")
        self.assertNotIn("epoch", result.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
