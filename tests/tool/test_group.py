"""`tessera train`, `eval` and `predict` on several devices.

usage: test_group.py TESSERA
"""
import json
import pathlib
import struct
import subprocess
import sys
import unittest

from test_epochs import rows
from tool_case import ToolCase


def tensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    training = json.loads(header.pop("__metadata__")["training"])
    at = 8 + size
    return {name: data[at + t["data_offsets"][0]:at + t["data_offsets"][1]]
            for name, t in header.items()}, training


class GroupTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.folder / "noise"
        folder.mkdir()
        (folder / "train.csv").write_text(rows(90, [0, 1, 2]))
        (folder / "val.csv").write_text(rows(24, [0, 1, 2], 2))

    def command(self, *options, device):
        return ["train", "--data", "csv:noise", "--model", "tutorial", "--device", device, "--batch", 20,
                "--epochs", 4, "--optimizer", "adam", "--augment", "crop=2,flip", *options]

    def train(self, name, *options, device):
        out = self.run_tool(*self.command("--out", f"{name}.safetensors", *options, device=device)).stdout
        return out, *tensors(self.folder / f"{name}.safetensors")

    def test_devices_and_shares_leave_no_trace_in_the_weights(self):
        _, one, training = self.train("one", "--parts", 8, device="cpu")
        self.assertNotIn("shares", training)
        out, two, training = self.train("two", "--log", "two.jsonl", device="cpu/2")
        self.assertIn(" (cpu/2:0), ", out)
        self.assertEqual(two, one)
        self.assertEqual(training["optimizer"]["parts"], 8)
        self.assertEqual(training["shares"][0],
                         {"step": 0, "devices": ["cpu/2:0", "cpu/2:1"], "parts": [4, 4]})
        events = [json.loads(line) for line in (self.folder / "two.jsonl").read_text().splitlines()]
        self.assertEqual([{"step": e["step"], "parts": [d["parts"] for d in e["devices"]]}
                          for e in events if e["event"] == "shares"],
                         [{"step": s["step"], "parts": s["parts"]} for s in training["shares"]])
        _, three, training = self.train("three", "--shares", "5,2,1", device="cpu/3")
        self.assertEqual(three, one)
        self.assertEqual([s["parts"] for s in training["shares"]], [[5, 2, 1]])

    def test_another_engine_gives_other_bits_on_two_processes(self):
        script = pathlib.Path(__file__).with_name("ddp_bits.py")
        folder = self.folder / "ddp"
        folder.mkdir()
        # Debian's PyTorch belongs to the system's Python.
        python = "/usr/bin/python3" if pathlib.Path("/usr/bin/python3").exists() else sys.executable
        result = subprocess.run([python, script, folder], capture_output=True, text=True, timeout=200)
        if result.returncode == 77:
            self.skipTest(result.stdout.strip())
        self.assertEqual(result.returncode, 0, result.stderr)
        print(f"PyTorch DDP (gloo, 2 x 32 against 1 x 64): {result.stdout.strip()}")
        self.assertRegex(result.stdout, r"^[1-9]\d* of \d+ weights differ$")

    def test_records_name_the_devices(self):
        ids = ["cpu/2:0", "cpu/2:1"]
        self.train("seen", "--log", "seen.jsonl", "--report", "seen.html", "--trace", "seen.json",
                   "--log-every", 2, "--check-replicas", 1, device="cpu/2")
        events = [json.loads(line) for line in (self.folder / "seen.jsonl").read_text().splitlines()]
        steps = [event for event in events if event["event"] == "step"]
        for step in steps:
            self.assertEqual([device["id"] for device in step["devices"]], ids)
            self.assertAlmostEqual(sum(device["images_per_second"] for device in step["devices"]),
                                   step["images_per_second"], delta=1e-6 * step["images_per_second"])
        page = (self.folder / "seen.html").read_text()
        for name in "all devices", *ids:
            self.assertRegex(page, f'<span class="key s[0-5]">{name}</span>')
        trace = json.loads((self.folder / "seen.json").read_text())["traceEvents"]
        tracks = {e["tid"]: e["args"]["name"] for e in trace if e["ph"] == "M"}
        spans = {name: [e["name"] for e in trace if e["ph"] == "X" and tracks[e["tid"]] == name]
                 for name in tracks.values()}
        self.assertEqual(spans["reduction"], ["sum"] * 5)  # steps of the first epoch
        for device in ids:
            self.assertEqual(spans[f"{device} thread"], ["gradients", "update", "check"] * 5)
            self.assertIn("conv1", spans[f"{device} compute queue"])
            self.assertIn("upload image", spans[f"{device} copy queue"])
        self.train("unseen", "--log", "unseen.jsonl", device="cpu")
        self.assertNotIn('"devices"', (self.folder / "unseen.jsonl").read_text())

    def test_evaluation_and_prediction_on_several_devices(self):
        self.train("model", "--parts", 8, device="cpu")
        images = [str(i % 24) for i in range(100)]
        for command in (["eval", "model.safetensors", "--json"],
                        ["predict", "model.safetensors", "--json", *images]):
            one, three = (self.run_tool(*command, "--device", device).stdout
                          for device in ("cpu/3:0", "cpu/3"))
            self.assertEqual(three, one)
            for device, message in (
                    ("cpu,cpu", "[device] cpu comes twice, expected different devices"),
                    ("cpu,", "[device] the list 'cpu,' has an empty item"),
                    ("cpu/2,gpu9", "[device] there is no device 'gpu9'; there are: cpu ("),
                    ("cpu/2:2", "[device] 'cpu/2:2' is none: 2 parts are numbered from 0 to 1")):
                with self.subTest(command=command[0], device=device):
                    self.assertIn(message, self.refused(*command, "--device", device))

    def test_a_run_continues_on_other_devices(self):
        _, whole, _ = self.train("whole", "--parts", 4, device="cpu")
        self.train("some", "--parts", 4, "--steps", 7, "--shares", "1,3", device="cpu/2")
        self.run_tool("train", "--resume", "some.safetensors", "--device", "cpu/3")
        found, training = tensors(self.folder / "some.safetensors")
        self.assertEqual(found, whole)
        self.assertEqual(training["shares"][0]["parts"], [1, 3])
        self.assertEqual(training["shares"][1]["devices"], ["cpu/3:0", "cpu/3:1", "cpu/3:2"])

    def test_the_shares_of_a_model_are_repeated(self):
        self.train("shared", "--shares", "7,1", device="cpu/2")
        _, _, training = self.train("repeated", "--shares", "shared.safetensors", device="cpu/2")
        self.assertEqual([s["parts"] for s in training["shares"]], [[7, 1]])
        self.train("alone", device="cpu")
        self.assertIn("[alone.safetensors] has no shares: it was not trained on several devices",
                      self.refused(*self.command("--shares", "alone.safetensors", device="cpu/2")))

    def test_what_makes_no_group_is_refused(self):
        for options, device, message in (
                ([], "cpu,cpu", "[device] cpu comes twice, expected different devices"),
                ([], "cpu,", "[device] the list 'cpu,' has an empty item"),
                ([], "cpu/2,gpu9", "[device] there is no device 'gpu9'; there are: cpu ("),
                (["--parts", 1], "cpu/2", "2 devices share 1 parts of a batch, expected at least one part per "
                                          "device"),
                (["--parts", 21], "cpu", "--parts is 21, expected at most the 20 images of a batch"),
                (["--shares", "1,2,3"], "cpu/2", "there are 3 shares, expected one for each of 2 devices"),
                (["--shares", "1,-2"], "cpu/2", "shares are 1,-2, expected numbers above 0"),
                (["--shares", "1,x"], "cpu/2", "--shares is '1,x', expected numbers above 0, as 3,1, or a "
                                               "model file")):
            with self.subTest(options=options, device=device):
                self.assertIn(message, self.refused(*self.command(*options, device=device)))
        self.train("four", "--parts", 4, device="cpu")
        self.assertIn("reads --parts from the checkpoint",
                      self.refused("train", "--resume", "four.safetensors", "--parts", 2, "--device", "cpu"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
