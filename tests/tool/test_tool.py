"""The `tessera` command as a user meets it, on made-up data: what it prints, writes and refuses.

usage: test_tool.py TESSERA
"""
import json
import pathlib
import random
import re
import shutil
import struct
import subprocess
import time
import unittest
import zlib

from tool_case import SIDE, TOOL, ToolCase, picture


def write_png(path, pixels):
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))
    rows = b"".join(b"\0" + pixels[r * SIDE:(r + 1) * SIDE] for r in range(SIDE))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" +
                     chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class ToolTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.folder / "model.safetensors"
        cls.trained = cls.run_tool("train", *cls.train_options(), "--epochs", "3", "--out", cls.model)

    def test_models(self):
        lines = self.run_tool("models").stdout.splitlines()
        rows = {line.split()[0]: line.split() for line in lines}
        self.assertEqual(rows["resnet50"][1:], ["224x224x3", "1000", "25,557,032", "8.206"])
        self.assertEqual(rows["resnet20"][1:4], ["32x32x3", "10", "269,722"])
        self.assertIn("a multiply-add counts as two", lines[-1])
        small = self.run_tool("models", "--size", "28x32", "--channels", 1, "--classes", 7).stdout
        self.assertRegex(small, r"alexnet +28x32x1 +7 +\[alexnet\] images are 28x32, expected at least 63x63")
        self.assertRegex(small, r"lenet5 +28x32x1 +7 +\[lenet5\] images are 28x32, expected a square")
        self.assertRegex(small, r"mobilenet_v2 +28x32x1 +7 +2,")

    def test_the_layers_of_a_model(self):
        text = self.run_tool("models", "resnet18").stdout
        self.assertRegex(text, r"\nconv1 +conv2d +\[1,112,112,64\] +9,408 +236\.0\n")
        self.assertRegex(text, r"\nlayer4\.1\.bn2 +batch_norm_inference +\[1,7,7,512\] +1,024 ")
        self.assertRegex(text, r"\nfc +matmul +\[1,1000\] +513,000 +1\.0\n")
        self.assertIn("11,689,512 parameters (44.6 MiB)", text)
        text = self.run_tool("models", "unet", "--size", "64", "--classes", 3).stdout
        self.assertRegex(text, r"\nhead +conv2d +\[1,64,64,3\] +99 ")

    def usable_devices(self):
        devices = json.loads(self.run_tool("devices", "--json").stdout)
        return [device["id"] for device in devices if device["usable"]]

    def check_trace(self, path, tracks):
        """Spans on these tracks, by name; on each they begin in order, and none of them overlap."""
        events = json.loads(path.read_text())["traceEvents"]
        names = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M"}
        spans = {name: [e for e in events if e["ph"] == "X" and names[e["tid"]] == name]
                 for name in names.values()}
        self.assertEqual({name for name in spans if spans[name]}, set(tracks))
        for name in tracks:
            end = 0
            for span in spans[name]:
                self.assertGreaterEqual(span["ts"], end - 0.01, span)
                self.assertGreaterEqual(span["dur"], 0, span)
                end = span["ts"] + span["dur"]
        return spans

    def test_profile(self):
        tracks = ["host", "loader thread", "compute queue", "copy queue"]
        for device in self.usable_devices():
            trace = self.folder / "trace.json"
            text = self.run_tool("profile", "--model", "tutorial", "--batch", 4, "--steps", 3,
                                 "--device", device, "--json", "--trace", trace).stdout
            profile = json.loads(text)
            self.assertEqual(profile["device"]["id"], device)
            self.assertEqual(profile["steps"], 3)
            for ceiling in profile["ceilings"].values():
                self.assertGreater(ceiling, 0)
            memory = profile["memory"]
            self.assertEqual(memory["total"], sum(memory.values()) - memory["total"])
            # Weights and momenta of 62006 numbers, the ring of losses and the counter of steps.
            self.assertEqual(memory["parameters"], 4 * (2 * 62006 + 1024 + 1))
            layers = {row["name"]: row for row in profile["layers"]}
            self.assertEqual(layers["conv1"]["op"], "conv2d")
            self.assertAlmostEqual(layers["conv1"]["gflop"], 1e-9 * 4 * 2 * 28 * 28 * 6 * 75)
            self.assertEqual(layers["upload image"]["calls"], 1)
            for rows in profile["layers"], profile["kernels"]:
                times = [row["ms"] for row in rows]
                self.assertEqual(times, sorted(times, reverse=True))
            self.assertAlmostEqual(sum(row["ms"] for row in profile["layers"]),
                                   sum(row["ms"] for row in profile["kernels"]))
            spans = self.check_trace(trace, tracks)
            self.assertEqual(sum(s["name"] == "step" for s in spans["host"]), 3)
            self.assertEqual(len(spans["loader thread"]), 3)
            self.assertGreaterEqual({s["name"] for s in spans["compute queue"]},
                                    {name for name in layers if not name.startswith("upload")})

    def test_profile_as_text(self):
        text = self.run_tool("profile", "--infer", "--batch", 2, "--size", 32, "--steps", 2,
                             "--device", "cpu").stdout
        self.assertIn("tutorial, inference, batch 2 of 32x32x3, on ", text)
        self.assertRegex(text, r"\nceilings  \d+ GFLOP/s, [\d.]+ GB/s; launch ")
        self.assertRegex(text, r"\nmemory    [\d.]+ MiB: arena ")
        self.assertRegex(text, r"\nconv1 +conv2d [a-z]+ +1 +[\d.]+ +[\d.]+% +[\d.]+ +[\d.]+ +\d+% [FB]\n")
        self.assertRegex(text, r"\nkernel ")
        self.assertNotIn("sgd_step", text)
        self.assertIn("nosuch", self.refused("profile", "--model", "nosuch"))
        self.assertIn("no/folder", self.refused("profile", "--trace", "no/folder/trace.json"))

    def test_trace_of_a_training(self):
        trace = self.folder / "train trace.json"
        out = self.folder / "traced.safetensors"
        self.run_tool("train", *self.train_options(), "--steps", 45, "--trace", trace, "--out", out)
        spans = self.check_trace(trace, ["host", "loader thread", "compute queue", "copy queue"])
        # The 38 steps of the first epoch, the last of which is smaller and has a plan of its own.
        self.assertEqual(sum(s["name"] == "step" for s in spans["host"]), 38)
        self.assertEqual(sum(s["name"] == "upload image" for s in spans["copy queue"]), 38)
        self.run_tool("train", *self.train_options(), "--steps", 45, "--out", self.folder / "b")
        self.assertEqual(out.read_bytes(), (self.folder / "b").read_bytes())

    def test_models_that_there_are_not(self):
        self.assertIn("there is no model 'resnet19'; there are: ", self.refused("models", "resnet19"))
        self.assertIn("[alexnet] images are 32x32, expected at least 63x63",
                      self.refused("models", "alexnet", "--size", "32"))
        for size in ("0", "32x", "x", "32x32x32", "-3", "1e9", "99999999"):
            line = self.refused("models", "resnet18", "--size", size, code=2)
            self.assertIn("--size", line)
            self.assertIn(f"found {size}, expected", line)

    def test_devices(self):
        devices = json.loads(self.run_tool("devices", "--json").stdout)
        cpu = devices[0]
        self.assertEqual(cpu["id"], "cpu")
        self.assertIs(cpu["usable"], True)
        for device in devices:
            for key in ("id", "name", "vendor", "driver", "usable", "compute_units",
                        "memory_bytes"):
                self.assertIn(key, device)
            self.assertTrue(device["usable"] or device["reason"])
        self.assertIn(cpu["name"], self.run_tool("devices").stdout)

    def test_train_prints_epochs_and_learns(self):
        epochs = re.findall(r"^epoch (\d)/3 train loss ([\d.]+) test loss ([\d.]+) "
                            r"test accuracy ([\d.]+)", self.trained.stdout, re.M)
        self.assertEqual([e[0] for e in epochs], ["1", "2", "3"])
        self.assertLess(float(epochs[2][1]), float(epochs[0][1]))
        self.assertNotIn("\r", self.trained.stdout)
        self.assertIn(str(self.model), self.trained.stdout)

    def test_log_every(self):
        out = self.run_tool("train", *self.train_options(), "--epochs", 1, "--log-every", 10,
                            "--out", self.folder / "log.safetensors").stdout
        self.assertEqual(re.findall(r"^epoch 1/1 step (\d+)/38 loss [\d.]+ \d+ images/s", out, re.M),
                         ["10", "20", "30"])

    def test_eval(self):
        evaluate = ["eval", self.model, "--data-dir", self.data, "--device", "cpu"]
        result = json.loads(self.run_tool(*evaluate, "--json").stdout)
        self.assertEqual(set(result), {"accuracy", "top5", "loss", "images", "classes", "confusion"})
        self.assertEqual(result["images"], 100)
        self.assertGreater(result["accuracy"], 0.5)
        last = re.findall(r"test loss ([\d.]+) test accuracy ([\d.]+)", self.trained.stdout)[-1]
        self.assertEqual(f"{result['loss']:.4f}", last[0])
        self.assertEqual(f"{result['accuracy']:.4f}", last[1])
        self.assertIn(f"{result['accuracy']:.4f}", self.run_tool(*evaluate).stdout)

    def test_predict(self):
        pixels = picture(3, random.Random(9))
        png, pgm, ppm = (self.folder / f"dress.{kind}" for kind in ("png", "pgm", "ppm"))
        write_png(png, pixels)
        pgm.write_bytes(b"P5\n28 28\n255\n" + pixels)
        ppm.write_bytes(b"P6\n28 28\n255\n" + b"".join(bytes([p] * 3) for p in pixels))
        predict = ["predict", self.model, "--device", "cpu"]
        answers = [self.run_tool(*predict, path).stdout.splitlines() for path in (png, pgm, ppm)]
        self.assertEqual(len(answers[0]), 4)
        self.assertRegex(answers[0][1], r"^ +[\d.]+ %  Dress$")
        self.assertEqual(answers[0][1:], answers[1][1:])
        self.assertEqual(answers[0][1], answers[2][1])
        by_index = self.run_tool(*predict, "0", "99", "--top", 1, "--data-dir", self.data).stdout
        self.assertEqual(len(by_index.splitlines()), 4)
        self.assertIn("label: ", by_index)

    def test_resume_goes_on_bit_for_bit(self):
        whole, parts = self.folder / "whole.safetensors", self.folder / "parts.safetensors"
        self.run_tool("train", *self.train_options(), "--epochs", 2, "--out", whole)
        for steps in (17, 50):  # in the middle of each epoch
            resume = [] if steps == 17 else ["--resume"]
            out = self.run_tool("train", *self.train_options(), "--epochs", 2, "--steps", steps,
                                "--out", parts, *resume).stdout
            self.assertIn(f"stopped after step {steps} ", out)
        self.run_tool("train", "--data-dir", self.data, "--device", "cpu", "--resume", parts,
                      "--epochs", 2)
        self.assertEqual(parts.read_bytes(), whole.read_bytes())

    def test_resume_goes_on_bit_for_bit_with_any_optimizer_and_schedule(self):
        for name, options in (
                ("adamw", ["--schedule", "one-cycle", "--clip-norm", 1, "--ema", 0.9]),
                ("lars", ["--schedule", "cosine", "--warmup", 5, "--parts", 3]),
                ("rmsprop", ["--momentum", 0.5, "--schedule", "exponential", "--clip-value", 0.01]),
                ("adagrad", ["--schedule", "polynomial", "--power", 2]),
                ("adam", ["--schedule", "step", "--period", 0.5, "--weight-decay", 0.01]),
                ("sgd", ["--nesterov", "--schedule", "multi-step", "--milestones", "1,2", "--augment",
                         "crop=3,flip=0.3,rotate=10,cutout=5,contrast=0.2,mixup=0.4"])):
            whole, parts = (self.folder / f"{name} {part}.safetensors" for part in ("whole", "parts"))
            train = ["train", "--data", "fashion-mnist", "--data-dir", self.data, "--device", "cpu",
                     "--batch", 64, "--lr", 0.002, "--epochs", 2, "--optimizer", name, *options]
            self.run_tool(*train, "--out", whole)
            self.run_tool(*train, "--steps", 13, "--out", parts)
            self.run_tool("train", "--data-dir", self.data, "--device", "cpu", "--resume", parts)
            self.assertEqual(parts.read_bytes(), whole.read_bytes(), name)

    def test_resume_ends_with_the_schedule(self):
        out = self.folder / "scheduled.safetensors"
        self.run_tool("train", *self.train_options(), "--epochs", 2, "--steps", 3, "--schedule",
                      "cosine", "--out", out)
        resume = ["train", "--data-dir", self.data, "--device", "cpu", "--resume", out]
        self.assertIn("--epochs is 3, expected at most 2, the end of the cosine schedule",
                      self.refused(*resume, "--epochs", 3))
        self.assertIn("epoch 2/2", self.run_tool(*resume).stdout)

    def test_averages_of_weights(self):
        out = self.folder / "averaged.safetensors"
        trained = self.run_tool("train", *self.train_options(), "--epochs", 1, "--ema", 0.9,
                                "--out", out).stdout
        evaluate = ["eval", out, "--data-dir", self.data, "--device", "cpu", "--json"]
        last = json.loads(self.run_tool(*evaluate).stdout)["loss"]
        averaged = json.loads(self.run_tool(*evaluate, "--ema").stdout)["loss"]
        self.assertNotEqual(last, averaged)
        self.assertIn(f"test loss {averaged:.4f}", trained)
        predict = ["predict", out, "0", "--data-dir", self.data, "--device", "cpu"]
        self.assertNotEqual(self.run_tool(*predict).stdout, self.run_tool(*predict, "--ema").stdout)
        line = self.refused("eval", self.model, "--data-dir", self.data, "--device", "cpu", "--ema")
        self.assertIn(".ema", line)

    def test_resume_names_a_file_that_is_no_checkpoint(self):
        photo = self.folder / "photo.pgm"
        photo.write_bytes(b"P5 2 2 255\n" + bytes(4))
        for path, problem in (photo, "is an image"), (self.folder, "is a folder"):
            self.assertIn(f"[{path}] {problem}, expected a checkpoint that `tessera train` wrote",
                          self.refused("train", "--resume", path, "--data-dir", self.data))

    def test_resume_refuses_other_settings(self):
        line = self.refused("train", "--resume", self.model, "--batch", 8, "--data-dir", self.data)
        self.assertIn("--batch is 8, expected 16 from the checkpoint", line)
        line = self.refused("train", "--resume", self.model, "--data-dir", self.data,
                            "--optimizer", "adam")
        self.assertIn("reads --optimizer from the checkpoint", line)

    def test_augmentations_are_checked(self):
        train = ["train", *self.train_options(), "--augment"]
        self.assertIn("crop is '4px', expected a whole number of at least 0",
                      self.refused(*train, "flip,crop=4px"))
        self.assertIn("there is no 'blur'; there are: crop, flip", self.refused(*train, "blur=1"))

    def test_resume_without_anything_left_to_do(self):
        other = self.folder / "other.safetensors"
        out = self.run_tool("train", "--resume", self.model, "--epochs", 3, "--data-dir", self.data,
                            "--device", "cpu", "--out", other).stdout
        self.assertIn("nothing to do", out)
        self.assertEqual(other.read_bytes(), self.model.read_bytes())
        line = self.refused("train", "--resume", self.model, "--normalize", "--data-dir", self.data)
        self.assertIn("--normalize", line)

    def test_interrupt_saves(self):
        out = self.folder / "interrupted.safetensors"
        rest = self.interrupt(self.begin_training("--out", out))
        self.assertIn("resume with --resume", rest)
        self.run_tool("eval", out, "--data-dir", self.data, "--device", "cpu")

    def test_normalize(self):
        out = self.folder / "normalized.safetensors"
        self.run_tool("train", *self.train_options(), "--epochs", 1, "--normalize", "--out", out)
        header = out.read_bytes()
        size = struct.unpack("<Q", header[:8])[0]
        metadata = json.loads(header[8:8 + size])["__metadata__"]
        options = json.loads(metadata["input"])
        self.assertEqual(len(options["mean"]), 1)
        self.assertTrue(0 < options["mean"][0] < 1 and 0 < options["deviation"][0] < 1)

    def test_bad_command_lines(self):
        self.assertIn("frobnicate", self.refused("frobnicate", code=2))
        self.assertIn("--epoch; did you mean '--epochs'?",
                      self.refused("train", "--epoch", "3", code=2))
        self.assertTrue(self.refused("eval", self.model, "--xyz=3", code=2).endswith("--xyz=3"))
        self.assertIn("--batch", self.refused("train", "--batch", "0", code=2))
        self.assertIn("--lr", self.refused("train", "--lr", "-1", code=2))
        self.assertIn("--lr", self.refused("train", "--lr", "nan", code=2))
        for option in ("--epochs", "--steps", "--seed"):
            line = self.refused("train", *self.train_options()[:6], option, "-1", code=2)
            self.assertIn(option, line)
            self.assertLess(len(line), 120)
        self.assertIn("devices, models, train, eval, predict", self.refused(code=2))
        line = self.refused("train", *self.train_options()[:6], "--batch", 601)
        self.assertIn("--batch is 601, expected at most the 600 training images", line)
        self.assertIn("--ema", self.refused("train", "--ema", "2", code=2))

    def test_matmul_precision(self):
        self.assertIn("there is no matmul precision 'fp16'; there are: float32, tf32, bf16",
                      self.refused("eval", self.model, "--data-dir", self.data,
                                   "--matmul-precision", "fp16"))
        # The CPU backend has float32 only: it says so, and computes all the same.
        out = self.run_tool("train", *self.train_options(), "--steps", 1, "--verbose",
                            "--matmul-precision", "tf32", "--out",
                            self.folder / "precision.safetensors").stdout
        self.assertRegex(out, r"matrix products stay in float32: .* computes in float32 only")

    def test_unknown_names(self):
        options = ["--data-dir", self.data, "--out", self.folder / "no.safetensors"]
        self.assertIn("there are: tutorial, ", self.refused("train", "--model", "resnet", *options))
        self.assertIn("cifar10", self.refused("train", "--data", "imagenet", *options))
        self.assertIn("there are: sgd, adam", self.refused(
            "train", "--optimizer", "bfgs", *options))
        self.assertIn("there are: constant, step", self.refused(
            "train", "--schedule", "random", *options))
        self.assertIn("there are: cpu", self.refused("train", "--device", "abacus", *options))
        line = self.refused("eval", self.model, "--device", "opencl:9:9", "--data-dir", self.data)
        self.assertIn("opencl:9:9", line)

    def test_bad_data(self):
        def broken(name, change):
            folder = self.folder / f"broken {name}"
            shutil.copytree(self.data, folder)
            change(folder)
            return self.refused("train", "--data", "fashion-mnist", "--data-dir", folder, "--out",
                                self.folder / "no.safetensors")
        images, labels = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

        def truncate(folder):
            (folder / images).write_bytes((self.data / images).read_bytes()[:-1])
        self.assertIn(images, broken("truncated", truncate))

        def other_magic(folder):
            (folder / images).write_bytes(b"\0\0\x08\x01" + (self.data / images).read_bytes()[4:])
        self.assertIn(images, broken("magic", other_magic))

        def fewer_labels(folder):
            (folder / labels).write_bytes(struct.pack(">II", 0x801, 99) + bytes(99))
        line = broken("labels", fewer_labels)
        self.assertIn("99", line)
        self.assertIn("100", line)
        self.assertIn(labels, broken("missing", lambda folder: (folder / labels).unlink()))

    def test_unwritable_out_is_found_before_training(self):
        keep = self.folder / "keep.safetensors.part"
        keep.write_text("mine")
        for out in (self.folder / "no such folder" / "x.safetensors", self.folder,
                    self.folder / ("x" * 245), pathlib.Path("/dev/null")):
            result = self.run_tool("train", *self.train_options(), "--out", out, code=1)
            self.assertNotIn("epoch", result.stdout)
            self.assertIn(str(out), result.stderr)
        self.run_tool("train", *self.train_options(), "--epochs", 1, "--out",
                      self.folder / "keep.safetensors")
        self.assertEqual(keep.read_text(), "mine")

    def test_damaged_models(self):
        foreign = self.folder / "foreign.safetensors"
        foreign.write_bytes(b"hello")
        self.assertIn(str(foreign), self.refused("eval", foreign))
        cut = self.folder / "cut.safetensors"
        cut.write_bytes(self.model.read_bytes()[:-1])
        self.assertIn(str(cut), self.refused("predict", cut, "0"))
        self.assertIn("gone.safetensors", self.refused("eval", self.folder / "gone.safetensors"))

    def test_numbers_with_commas_end_at_the_next_argument(self):
        line = self.refused("predict", self.model, "--mean", "0.5", "photo.png", "--deviation",
                            "0.5,0.5", "--device", "cpu")
        self.assertIn("expected no --mean or --deviation", line)

    def test_bad_pictures(self):
        text = self.folder / "text.png"
        text.write_text("no picture")
        self.assertIn(str(text), self.refused("predict", self.model, text, "--device", "cpu"))
        missing = self.folder / "missing.png"
        self.assertIn(str(missing), self.refused("predict", self.model, missing))
        line = self.refused("predict", self.model, "100", "--data-dir", self.data)
        self.assertIn("expected 0 to 99", line)

    def test_diverging_training_keeps_the_last_good_checkpoint(self):
        out = self.folder / "diverging.safetensors"
        self.run_tool("train", *self.train_options(), "--epochs", 1, "--out", out)
        before = out.read_bytes()
        line = self.refused("train", "--data-dir", self.data, "--device", "cpu", "--resume", out,
                            "--epochs", 2, "--lr", "1e30")
        self.assertRegex(line, r"the loss or a gradient of step (39|40) is not finite: node '[^']+' "
                         r"\([a-z0-9_]+, [a-z0-9_]+\) returns -?(nan|inf) in \d+ of \d+ elements")
        self.assertIn(str(out), line)
        self.assertEqual(out.read_bytes(), before)

    def test_steps_that_are_not_finite_are_skipped_when_asked(self):
        out = self.folder / "skipping.safetensors"
        text = self.run_tool("train", *self.train_options()[:-4], "--lr", "1e30", "--epochs", 1,
                             "--on-nan", "skip", "--out", out).stdout
        self.assertRegex(text, r"\nskipped 3\d of 38 steps because of non-finite losses or gradients\n")
        self.assertTrue(out.exists())

    def test_progress_bar_on_a_terminal(self):
        if not shutil.which("script"):
            self.skipTest("no script command")
        command = " ".join(f"'{word}'" for word in
                           [TOOL, "train", *map(str, self.train_options()), "--epochs", "40",
                            "--out", "bar.safetensors"])
        out = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True,
                             text=True, cwd=self.folder, stdin=subprocess.DEVNULL).stdout
        self.assertRegex(out, r"epoch \d+/40 \[[#.]+\] +\d+ % +\d+ images/s +loss [\d.]+ +\d+:\d\d left")
        self.assertIn("epoch 40/40 train loss", out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
