"""`tessera train --log`: what a training writes for programs.

usage: test_log.py TESSERA
"""
import json
import pathlib
import re
import unittest

from tool_case import ToolCase


def read(path):
    def refuse(name):
        raise ValueError(name)
    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


class LogTest(ToolCase):
    def test_events_of_a_training(self):
        log = self.folder / "run.jsonl"
        log.write_text("of another run\n")
        out = self.run_tool("train", *self.train_options(), "--epochs", 2, "--log", log,
                            "--log-every", 10, "--schedule", "cosine", "--mean", "0.5", "--out",
                            self.folder / "a.safetensors").stdout
        lines = read(log)
        start, end = lines[0], lines[-1]
        self.assertEqual([e["event"] for e in lines],
                         ["start", *["step"] * 3, "epoch", *["step"] * 4, "epoch", "end"])
        self.assertEqual(start["device"]["id"], "cpu")
        self.assertEqual([start[key] for key in ("model", "data", "train_images", "test_images")],
                         ["tutorial", "fashion-mnist", 600, 100])
        self.assertEqual(start["version"], self.run_tool("--version").stdout.strip())
        self.assertEqual(start["step"], 0)
        options = start["options"]
        self.assertEqual([options[key] for key in ("batch", "lr", "schedule", "mean", "out")],
                         [16, 0.02, "cosine", 0.5, str(self.folder / "a.safetensors")])
        steps = [e for e in lines if e["event"] == "step"]
        self.assertEqual([e["step"] for e in steps], [10, 20, 30, 40, 50, 60, 70])
        self.assertEqual([e["epoch"] for e in steps], [1, 1, 1, 2, 2, 2, 2])
        for e in steps:
            self.assertGreater(e["images_per_second"], 0)
            self.assertGreater(e["loss"], 0)
        # The mean of the printed mean losses so far, undone.
        shown = [float(x) for x in re.findall(r"step \d+/38 loss ([\d.]+)", out)[:3]]
        for i, e in enumerate(steps[:3]):
            before = shown[i - 1] * 10 * i if i else 0
            self.assertAlmostEqual(e["loss"], (shown[i] * 10 * (i + 1) - before) / 10, delta=5e-3)
        rates = [e["learning_rate"] for e in steps]
        self.assertEqual(rates, sorted(rates, reverse=True))
        epochs = [e for e in lines if e["event"] == "epoch"]
        printed = re.findall(r"train loss ([\d.]+) test loss ([\d.]+) test accuracy ([\d.]+)", out)
        self.assertEqual([tuple(f"{e[key]:.4f}" for key in
                                ("train_loss", "test_loss", "test_accuracy")) for e in epochs],
                         printed)
        self.assertEqual([(e["epoch"], e["step"]) for e in epochs], [(1, 38), (2, 76)])
        self.assertEqual((end["step"], end["epochs"]), (76, 2))
        self.assertGreaterEqual(end["seconds"], sum(e["seconds"] for e in epochs))

    def test_watching_changes_no_weight(self):
        a, b = self.folder / "with.safetensors", self.folder / "without.safetensors"
        train = ["train", *self.train_options(), "--epochs", 2, "--out"]
        self.run_tool(*train, a, "--log", self.folder / "w.jsonl", "--log-every", 7)
        self.run_tool(*train, b)
        self.assertEqual(a.read_bytes(), b.read_bytes())

    def test_resume_appends(self):
        log, out = self.folder / "parts.jsonl", self.folder / "parts.safetensors"
        watch = ["--log", log, "--log-every", 10, "--out", out]
        self.run_tool("train", *self.train_options(), "--epochs", 1, "--steps", 15, *watch)
        log.write_text(log.read_text() + '{"event": "cut o')
        self.run_tool("train", "--data-dir", self.data, "--device", "cpu", "--resume", *watch)
        lines = log.read_text().splitlines()
        self.assertEqual(lines.pop(3), '{"event": "cut o')
        events = [json.loads(line) for line in lines]
        self.assertEqual([(e["event"], e["step"]) for e in events],
                         [("start", 0), ("step", 10), ("end", 15), ("start", 15), ("step", 20),
                          ("step", 30), ("epoch", 38), ("end", 38)])

    def test_interrupt_and_failure(self):
        log = self.folder / "interrupted.jsonl"
        self.interrupt(self.begin_training("--log", log, "--out", "interrupted.safetensors"))
        self.assertEqual(read(log)[-1]["event"], "interrupted")
        line = self.refused("train", *self.train_options()[:8], "--lr", "1e30", "--epochs", 1, "--log", log,
                            "--out", "failed.safetensors")
        failed = read(log)[-1]
        self.assertEqual(failed["event"], "failed")
        self.assertEqual("tessera: " + failed["error"], line)

    def test_a_log_that_cannot_be_written(self):
        nowhere = self.folder / "no folder" / "x.jsonl"
        result = self.run_tool("train", *self.train_options(), "--log", nowhere, code=1)
        self.assertIn(f"[{nowhere}] cannot be written: No such file", result.stderr)
        self.assertNotIn("epoch", result.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
