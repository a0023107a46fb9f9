#!/usr/bin/env python3
"""Weights from PyTorch and for it, through the command: what `tessera import` makes of a state_dict
predicts as torchvision's model does, and so does torchvision's with what `tessera export` writes of
a network that was trained here.

usage: pytorch_weights.py TESSERA MODEL   (needs python3-torch and -torchvision, else exits with 77)

Python's package `safetensors` writes and reads the files where it is there.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../goldens"))
import safetensors_file  # noqa: E402

try:
    import torch
    import torchvision
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
from torch_weights import randomise
try:
    from safetensors.torch import load_file, save_file
except ImportError:
    def save_file(tensors, path):
        safetensors_file.write(path, {name: t.contiguous().numpy() for name, t in tensors.items()},
                               {"format": "pt"})

    def load_file(path):
        return {name: torch.from_numpy(array.copy())
                for name, array in safetensors_file.read(path).items()}

TOOL, NAME = os.path.abspath(sys.argv[1]), sys.argv[2]
del sys.argv[1:]
CLASSES, HEIGHT, WIDTH = 5, 64, 96
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def make_net():
    return getattr(torchvision.models, NAME)(num_classes=CLASSES)


class WeightsTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(7)
        folder = tempfile.TemporaryDirectory(prefix="tessera weights ")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.weights, self.net = self.path("weights.safetensors"), self.path("net.safetensors")
        self.images = torch.randint(256, (2, HEIGHT, WIDTH, 3), dtype=torch.uint8)
        self.pictures = [self.path(f"{number}.ppm") for number in range(2)]
        for path, image in zip(self.pictures, self.images):
            with open(path, "wb") as file:
                file.write(f"P6\n{WIDTH} {HEIGHT}\n255\n".encode() + image.numpy().tobytes())

    def path(self, name):
        return os.path.join(self.folder, name)

    def run_tool(self, *arguments, code=0):
        result = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True,
                                cwd=self.folder, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout if code == 0 else result.stderr

    def import_weights(self, code=0):
        return self.run_tool("import", self.weights, "--model", NAME, "--size", f"{HEIGHT}x{WIDTH}",
                             "--mean", ",".join(map(str, MEAN)),
                             "--deviation", ",".join(map(str, DEVIATION)), "--out", self.net,
                             code=code)

    def check_predictions(self, model, net_file, mean, deviation):
        """Logits are compared but for what they have in common."""
        text = self.run_tool("predict", net_file, *self.pictures, "--json", "--device", "cpu",
                             "--top", CLASSES)
        answers = json.loads(text)["images"]
        self.assertEqual([answer["image"] for answer in answers], self.pictures)
        rows = [{entry["name"]: entry["probability"] for entry in answer["classes"]}
                for answer in answers]
        found = torch.tensor([[row[name] for name in self.classes] for row in rows],
                             dtype=torch.double)
        x = (self.images.permute(0, 3, 1, 2).double() / 255 - torch.tensor(mean)[:, None, None]) / \
            torch.tensor(deviation)[:, None, None]
        with torch.no_grad():
            logits = model.double().eval()(x)
        self.assertGreater(logits.std(), 1e-2)
        difference = found.log() - torch.log_softmax(logits, 1)
        self.assertLess(difference.abs().max().item(), 1e-4 * max(1, logits.abs().max().item()))

    def test_import(self):
        self.classes = [str(number) for number in range(CLASSES)]
        model = make_net()
        randomise(model)
        save_file(model.state_dict(), self.weights)
        self.import_weights()
        self.check_predictions(model, self.net, MEAN, DEVIATION)

    def test_export(self):
        self.classes = ["ant", "bee", "cat", "dog", "eel"]
        for number, name in enumerate(self.classes):
            os.makedirs(self.path(f"data/{name}"))
            for copy in range(4):
                os.symlink(self.pictures[(number + copy) % 2], self.path(f"data/{name}/{copy}.ppm"))
        self.run_tool("train", "--data", "folder:data", "--size", f"{HEIGHT}x{WIDTH}", "--model",
                      NAME, "--device", "cpu", "--batch", 5, "--steps", 2, "--lr", 0.001,
                      "--out", self.net)
        self.run_tool("export", self.net, "--out", self.weights)
        model = make_net()
        model.load_state_dict(load_file(self.weights))
        self.check_predictions(model, self.net, [0.0] * 3, [1.0] * 3)

    def test_refusals(self):
        state = make_net().state_dict()
        first, second = list(state)[:2]
        state["extra"] = torch.zeros(3)
        state[second] = torch.zeros(1, 2)
        del state[first]
        save_file(state, self.weights)
        line = self.import_weights(code=1)
        self.assertEqual(len(line.splitlines()), 1)
        for part in ("weights.safetensors", f"'{first}' is missing", "'extra' is unexpected",
                     f"'{second}' is f32[1,2], expected f32["):
            self.assertIn(part, line)
        self.assertFalse(os.path.exists(self.net))


if __name__ == "__main__":
    unittest.main()
