"""What `tessera train` makes of epochs: mean losses, best models, early ends, learning rates that follow
the evaluation; and what it chooses by the data.

usage: test_epochs.py TESSERA
"""
import json
import math
import random
import re
import unittest

from tool_case import ToolCase

PIXELS = 144


def rows(count, labels, seed=1):
    """Noise: a training learns it by heart, and is the worse for it on other images."""
    draw = random.Random(seed)
    return "".join(f"{labels[i % len(labels)]}," + ",".join(str(draw.randrange(256)) for _ in range(PIXELS))
                   + "\n" for i in range(count))


class EpochsTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.write("noise", rows(48, [0, 1, 2]), rows(24, [0, 1, 2], 2))

    @classmethod
    def write(cls, name, train, test):
        folder = cls.folder / name
        folder.mkdir()
        (folder / "train.csv").write_text(train)
        (folder / "val.csv").write_text(test)

    def train(self, *options, data="noise", out="net.safetensors", code=0):
        command = ["train", "--data", f"csv:{data}", "--model", "tutorial", "--device", "cpu", "--out", out,
                   "--log", "run.jsonl", *options]
        return self.refused(*command) if code else self.run_tool(*command).stdout

    def resume(self, *options, out="net.safetensors"):
        return self.run_tool("train", "--resume", out, "--device", "cpu", "--log", "run.jsonl", *options).stdout

    def events(self, kind):
        def refuse(name):
            raise ValueError(name)
        lines = (self.folder / "run.jsonl").read_text().splitlines()
        return [e for e in (json.loads(line, parse_constant=refuse) for line in lines) if e["event"] == kind]

    def test_a_short_last_batch_counts_by_its_images(self):
        same = rows(7, [0, 1, 2])
        self.write("seven", same, same)
        out = self.train("--lr", 0, "--batch", 4, "--epochs", 2, data="seven")
        for line in re.findall("train loss ([0-9.]+) test loss ([0-9.]+)", out):
            self.assertEqual(line[0], line[1])
        for epoch in self.events("epoch"):
            self.assertAlmostEqual(epoch["train_loss"], epoch["test_loss"], places=5)

    def test_the_default_name_has_the_whole_name_of_a_folder(self):
        for name in ("part.5", "part.25"):
            self.write(name, rows(6, [0, 1]), rows(4, [0, 1]))
            out = self.run_tool("train", "--data", f"csv:{name}", "--device", "cpu", "--steps", 1).stdout
            self.assertTrue(out.endswith(f"model: tutorial-{name}.safetensors\n"), out)

    def test_an_epoch_is_resumed_with_its_mean_loss(self):
        options = ["--batch", 5, "--epochs", 1, "--lr", 0.01]
        self.train(*options)
        whole = self.events("epoch")[0]["train_loss"]
        self.train(*options, "--steps", 4)
        self.resume()
        self.assertAlmostEqual(self.events("epoch")[0]["train_loss"], whole, places=9)

    def test_an_epoch_of_skipped_steps_ends_the_run(self):
        line = self.train("--lr", "1e30", "--on-nan", "skip", "--epochs", 4, "--batch", 8, "--report",
                          "skipped.html", code=1)
        self.assertRegex(line, r"all 6 steps of epoch \d were skipped because .* lower the learning rate \(--lr is "
                         r"1e\+30\) or limit gradients with --clip-norm")
        self.assertIn("the last good checkpoint is net.safetensors", line)
        self.assertEqual(len(self.events("failed")), 1)
        self.assertIn(None, [e["loss"] for e in self.events("step")])
        for e in self.events("step"):
            self.assertNotEqual(e["loss"], 0)
        page = (self.folder / "skipped.html").read_text()
        self.assertIsNone(re.search(r'[">, ]-?(nan|inf)\b', page))
        result = json.loads(self.run_tool("eval", "net.safetensors", "--device", "cpu", "--json").stdout)
        self.assertTrue(result["loss"] is None or math.isfinite(result["loss"]))
        skipped = self.run_tool("train", "--resume", "net.safetensors", "--device", "cpu", "--epochs", 9,
                                "--log-every", 1, code=1)
        self.assertIn("loss not finite", skipped.stdout)

    def test_a_loss_that_is_not_finite_says_what_to_do(self):
        line = self.train("--lr", "100000", "--epochs", 9, code=1)
        self.assertRegex(line, r"is not finite: .*; lower the learning rate \(--lr is 100000\) or limit gradients "
                         r"with --clip-norm")

    def test_the_best_model_is_kept(self):
        for by in "loss", "accuracy":
            out = f"{by}.safetensors"
            options = ["--keep", "best", "--keep-by", by, "--lr", 0.05, "--batch", 8, "--epochs", 12]
            self.train(*options, out=out)
            epochs = self.events("epoch")
            best = (min if by == "loss" else max)(epochs, key=lambda e: e[f"test_{by}"])
            self.assertEqual([e["epoch"] for e in epochs if e["best"]][-1], best["epoch"])
            self.assertLess(best["epoch"], 12)
            self.assertEqual(self.events("end")[0]["best"], {"epoch": best["epoch"], by: best[f"test_{by}"]})
            kept = json.loads(self.run_tool("eval", f"{by}.best.safetensors", "--device", "cpu", "--json").stdout)
            self.assertEqual((kept["loss"], kept["accuracy"]), (best["test_loss"], best["test_accuracy"]))
            last = json.loads(self.run_tool("eval", out, "--device", "cpu", "--json").stdout)
            self.assertEqual(last["loss"], epochs[-1]["test_loss"])
            # In parts it is the same.
            files = [self.folder / f"{by}.best.safetensors", self.folder / out]
            whole = [path.read_bytes() for path in files]
            for path in files:
                path.unlink()
            self.train(*options, "--steps", 20, out=out)
            self.resume("--steps", 45, out=out)
            self.resume(out=out)
            self.assertEqual([path.read_bytes() for path in files], whole)

    def test_patience(self):
        options = ["--patience", 3, "--lr", 0.05, "--batch", 8, "--epochs", 100]
        out = self.train(*options, "--report", "early.html")
        epochs = self.events("epoch")
        best = min(epochs, key=lambda e: e["test_loss"])["epoch"]
        self.assertEqual(len(epochs), best + 3)
        self.assertIn(f"stopped early after epoch {best + 3}: no epoch was better than epoch {best} (test loss ", out)
        self.assertTrue(self.events("end")[0]["stopped_early"])
        page = (self.folder / "early.html").read_text()
        self.assertIn(f"The training stopped early: no epoch after epoch {best} ", page)
        self.assertRegex(page, rf"<tr><td>{best}</td>.*<td>best</td></tr>")
        self.assertEqual(page.count("<td>best</td>"), 1)
        self.assertFalse((self.folder / "net.best.safetensors").exists())
        whole = (self.folder / "net.safetensors").read_bytes()
        self.train(*options, "--steps", 6 * (best + 1) + 3)
        self.resume()
        self.assertEqual((self.folder / "net.safetensors").read_bytes(), whole)
        self.assertIn("stopped early", self.resume())
        self.assertIn(f"stopped early after epoch {best + 5}", self.resume("--patience", 5))

    def test_the_learning_rate_follows_a_plateau(self):
        options = ["--reduce-on-plateau", "0.5,1", "--lr", 0.05, "--batch", 8, "--epochs", 12, "--log-every", 6]
        out = self.train(*options)
        rate, best, bad, expected = 0.05, math.inf, 0, []
        for epoch in self.events("epoch"):
            expected.append(rate)
            bad = 0 if epoch["test_loss"] < best * (1 - 1e-4) else bad + 1
            best = min(best, epoch["test_loss"]) if bad == 0 else best
            if bad > 1:
                rate, bad = rate / 2, 0
        self.assertEqual([e["learning_rate"] for e in self.events("step")], expected)
        self.assertLess(expected[-1], 0.05)
        self.assertIn("learning rate lowered to 0.025: the test loss has stopped falling", out)
        whole = (self.folder / "net.safetensors").read_bytes()
        self.train(*options, "--steps", 37)
        self.resume("--steps", 50)
        self.resume()
        self.assertEqual((self.folder / "net.safetensors").read_bytes(), whole)
        for text in ("0.5", "2,1", "0.5,-1", "0.5,1,2", "x,1", "0,3"):
            self.assertIn("expected FACTOR,PATIENCE", self.train("--reduce-on-plateau", text, code=1))

    def test_balance(self):
        self.write("rare", rows(8, [0, 0, 0, 1]), rows(4, [0, 1]))
        out = self.train("--balance", "--epochs", 2, data="rare")
        self.assertIn("class weights: 0.6667, 2\n", out)
        balanced = (self.folder / "net.safetensors").read_bytes()
        self.train("--class-weights", "0.66666666666666663,2", "--epochs", 2, data="rare")
        self.assertEqual((self.folder / "net.safetensors").read_bytes(), balanced)
        self.train("--epochs", 2, data="rare")
        self.assertNotEqual((self.folder / "net.safetensors").read_bytes(), balanced)
        self.run_tool("train", "--balance", "--class-weights", "1,2", code=2)
        self.assertIn("need the loss cross-entropy",
                      self.train("--balance", "--loss", "bce", data="rare", code=1))

    def test_defaults_fit_the_data(self):
        self.write("eight", rows(8, [0, 1]), rows(4, [0, 1]))
        out = self.train("--epochs", 2, data="eight")
        self.assertIn("batch: 8 images, all training images (default: 32)\n", out)
        self.assertIn("epoch 1/2 step 1/1 loss ", out)
        self.assertEqual(len(self.events("step")), 2)
        self.assertIn("--batch is 9, expected at most the 8 training images",
                      self.train("--batch", 9, data="eight", code=1))
        self.assertNotIn("batch:", self.train("--epochs", 1))
        self.assertIn("batch: 8 images, the default for CPUs",
                      self.train("--epochs", 1, "--batch", "auto", data="eight"))
        config = (self.folder / "net.safetensors.toml").read_text()
        self.assertRegex(config, r"(?m)^batch = 8$")
        self.assertRegex(config, r"(?m)^log-every = 1$")
        self.resume("--epochs", 2, "--batch", "auto")
        self.run_tool("train", "--batch", "most", code=2)

    def test_log_lines_by_the_number_of_steps(self):
        self.write("many", rows(300, [0, 1]), rows(4, [0, 1]))
        for batch, every in ((1, 12), (2, 6), (10, 1)):
            self.train("--epochs", 1, "--batch", batch, data="many")
            steps = [e["step"] for e in self.events("step")]
            self.assertEqual(steps, list(range(every, 300 // batch + 1, every)))

    def test_numbers_that_a_checkpoint_cannot_hold_are_refused_when_given(self):
        self.assertIn("--epochs 1e+09 means 6000000000 steps of 6 per epoch, expected at most 2147483647",
                      self.train("--epochs", 10**9, "--steps", 30, "--batch", 8, code=1))
        for option, value in (("--epochs", 10**18), ("--period", "1e300"), ("--milestones", 10**15),
                              ("--warmup", 10**12), ("--accumulate", 10**10), ("--patience", 10**10),
                              ("--mean", "nan"), ("--power", "inf"), ("--min-lr", "1e999"),
                              ("--label-smoothing", "nan"), ("--seed", 2**64 - 1), ("--clip-norm", "1e300")):
            with self.subTest(option=option):
                command = ["train", "--data", "csv:noise", "--device", "cpu", "--out", "large.safetensors",
                           "--epochs", 2, "--steps", 1, "--schedule", "multi-step", option, value]
                if option == "--epochs":
                    del command[7:9]
                path = self.folder / "large.safetensors"
                path.unlink(missing_ok=True)
                result = self.run_anyhow(*command)
                if result.returncode:
                    self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
                    self.assertNotIn("json", result.stderr)
                    self.assertFalse(path.exists(), "a step was done before it was refused")
                else:
                    self.run_tool("eval", path, "--device", "cpu")
                    self.run_tool("train", "--resume", path, "--device", "cpu", "--steps", 2)

    def run_anyhow(self, *command):
        try:
            return self.run_tool(*command)
        except AssertionError as error:
            _, code, out, err = error.args[0]
            return type("Result", (), {"returncode": code, "stdout": out, "stderr": err})


if __name__ == "__main__":
    unittest.main(verbosity=2)
