"""Signals to `tessera train`: what ends it saves, also during an evaluation, and it resumes with the bits
of an undisturbed run.

usage: test_signals.py TESSERA
"""
import json
import re
import signal
import subprocess
import time
import unittest

from tool_case import TOOL, ToolCase, write_idx


class SignalsTest(ToolCase):
    def resume(self, out, *options):
        return self.run_tool("train", "--resume", out, "--data-dir", self.data, "--device", "cpu",
                             *options).stdout

    def test_each_signal_saves(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU):
            with self.subTest(signal=number.name):
                out = self.folder / f"{number.name}.safetensors"
                process = self.begin_training("--out", out)
                process.send_signal(number)
                text, _ = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 128 + number)
                self.assertRegex(text, r"stopped after step \d+ .*; resume with --resume ")
                self.run_tool("eval", out, "--data-dir", self.data, "--device", "cpu")

    def test_ignored_signals_stay_ignored(self):
        def ignore():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        process = self.begin_training("--out", "nohup.safetensors", preexec_fn=ignore)
        process.send_signal(signal.SIGHUP)
        for _ in range(3):
            self.assertIn("step", process.stdout.readline())
        self.interrupt(process)

    def slow_evaluation(self):
        """A data set of few images for training and many for testing."""
        folder = self.folder / "slow"
        if not folder.exists():
            folder.mkdir()
            write_idx(folder, "train", 64, 1, compress=False)
            write_idx(folder, "t10k", 3000, 2, compress=False)
        return ["--data", "fashion-mnist", "--data-dir", folder, "--device", "cpu", "--batch", "16",
                "--model", "resnet20", "--seed", "5", "--epochs", "2"]

    def test_an_evaluation_is_interrupted_and_done_on_resume(self):
        options, log = self.slow_evaluation(), self.folder / "evaluation.jsonl"
        out, whole = self.folder / "evaluation.safetensors", self.folder / "whole.safetensors"
        expected = self.run_tool("train", *options, "--out", whole).stdout
        out.unlink(missing_ok=True)
        process = subprocess.Popen([TOOL, "train", *map(str, options), "--out", out, "--log", log],
                                   stdout=subprocess.PIPE, text=True, cwd=self.folder)
        while not out.exists():  # it is saved before the evaluation
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 143)
        self.assertIn("stopped after step 4 (epoch 1, mean loss ", text)
        self.assertIn("), before its evaluation; resume with --resume ", text)
        self.assertEqual(json.loads(log.read_text().splitlines()[-1])["event"], "interrupted")
        rest = self.run_tool("train", "--resume", out, "--data-dir", self.folder / "slow", "--device",
                             "cpu").stdout
        losses = r"epoch \d/2 train loss [\d.]+ test loss [\d.]+ test accuracy [\d.]+"
        self.assertEqual(re.findall(losses, rest), re.findall(losses, expected))
        self.assertEqual(out.read_bytes(), whole.read_bytes())

    def test_a_second_interrupt_ends_at_once(self):
        for _ in range(5):  # on a busy machine a step may end between the two
            process = self.begin_training("--out", "twice.safetensors", "--model", "resnet110")
            for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):  # the last two do nothing
                process.send_signal(number)
            time.sleep(0.005)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            if process.returncode == -signal.SIGINT:
                return
            self.assertEqual(process.returncode, 130)
        self.fail("the second interrupt did nothing")

    def test_save_every(self):
        whole = self.folder / "undisturbed.safetensors"
        options = [*self.train_options(), "--model", "resnet20", "--epochs", 1]
        self.run_tool("train", *options, "--out", whole)
        for every in ("7", "0.0001m"):
            with self.subTest(every=every):
                out = self.folder / f"every {every}.safetensors"
                process = subprocess.Popen(
                    [TOOL, "train", *map(str, options), "--out", out, "--save-every", every],
                    stdout=subprocess.DEVNULL, cwd=self.folder)
                while not out.exists():
                    self.assertIsNone(process.poll())
                process.send_signal(signal.SIGKILL)
                process.wait()
                state = self.training_of(out)
                self.assertTrue(0 < state["step"] < 38, state)
                if every == "7":
                    self.assertEqual(state["step"] % 7, 0)
                self.resume(out)
                self.assertEqual(out.read_bytes(), whole.read_bytes())
        for bad in ("0", "-1", "m", "0m", "5x", "1e999m", "nanm"):
            self.assertIn("--save-every: found " + bad + ", expected steps, e.g. 500, or minutes",
                          self.refused("train", "--save-every", bad, code=2))

    @staticmethod
    def training_of(path):
        data = path.read_bytes()
        header = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
        return json.loads(header["__metadata__"]["training"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
