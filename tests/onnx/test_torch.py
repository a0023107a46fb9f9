"""Nets that PyTorch exports to ONNX, held against PyTorch: logits, and in training the loss, every
gradient and the running statistics.

usage: test_torch.py RUN_ONNX     (needs python3-torch; some nets need python3-torchvision)
"""
import functools
import sys
import unittest
import warnings

PROGRAM = sys.argv.pop(1)
try:
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
try:
    import torchvision
except ImportError:
    torchvision = None
from session import Session
from torch_weights import randomise

TOLERANCE = 1e-4  # of the largest element


def export(net, x, path, training=False, opset=13, dynamic=True):
    mode = torch.onnx.TrainingMode
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, x, path, opset_version=opset, input_names=["x"],
                          output_names=["y"], do_constant_folding=not training,
                          training=mode.TRAINING if training else mode.EVAL,
                          dynamic_axes={"x": {0: "n"}, "y": {0: "n"}} if dynamic else None)


class Small(nn.Module):
    """What nets are made of: convolutions, norms, pools, a shortcut and a flattened image."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8, momentum=0.2)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, groups=2, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.fc1 = nn.Linear(8 * 4 * 5, 12)
        self.fc2 = nn.Linear(12, 5)

    def forward(self, x):
        x = F.max_pool2d(torch.tanh(self.bn1(self.conv1(x))), 2)
        x = F.avg_pool2d(x + torch.sigmoid(self.bn2(self.conv2(x))), 2)
        return self.fc2(torch.tanh(self.fc1(torch.flatten(x, 1))))


class Attention(nn.Module):
    """Tokens of an image: reshapes with computed shapes, a class token, heads and a norm."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 12, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 12))
        self.places = nn.Parameter(torch.randn(1, 17, 12))
        self.norm = nn.LayerNorm(12)
        self.qkv = nn.Linear(12, 36)
        self.fc = nn.Linear(12, 5)

    def forward(self, x):
        n = x.shape[0]
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(n, -1, -1), x], 1) + self.places
        q, k, v = self.qkv(self.norm(x)).view(n, 17, 3, 2, 6).permute(2, 0, 3, 1, 4)
        y = torch.softmax(q @ k.transpose(-2, -1) * 0.4, -1) @ v
        x = x + F.gelu(y.transpose(1, 2).reshape(n, 17, 12))
        return self.fc(x[:, 0])


class Shuffle(nn.Module):
    """Channels in another order, cut in two, scaled by what the image is like, and resized."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)
        self.scale = nn.Conv2d(4, 4, 1)
        self.up = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        a, b = x.chunk(2, 1)
        x = torch.cat([F.leaky_relu(self.conv(x)), b, a], 1)[:, 1:5]
        x = x * F.hardsigmoid(self.scale(F.adaptive_avg_pool2d(x, 1)))
        x = F.interpolate(x, scale_factor=(1.5, 2), mode="bilinear")
        return self.fc(F.silu(self.up(F.pad(x, (1, 0, 0, 2)))).mean((2, 3)))


class Dilated(nn.Module):
    """Transposed convolutions with as much output padding as dilation lets them have."""

    def __init__(self):
        super().__init__()
        self.a = nn.ConvTranspose2d(3, 4, 3, padding=1, dilation=3, output_padding=2)
        self.b = nn.ConvTranspose2d(4, 4, 2, stride=(2, 1), padding=2, dilation=(2, 4),
                                    output_padding=(1, 3), bias=False)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc((self.b(torch.tanh(self.a(x))) ** 2).mean((2, 3)))


class Corner(nn.Module):
    """Einsum, padding that a remainder decides, the best features and a product of sizes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        x = F.pad(x, (0, (4 - x.shape[3] % 4) % 4, 0, (4 - x.shape[2] % 4) % 4))
        x = F.pad(torch.tanh(self.conv(x)), (1, -2, 2, 1), mode="replicate")
        a = torch.einsum("nchw,ndhw->ncd", x, x) / torch.prod(torch.tensor(x.shape[2:]))
        b = torch.topk(x.flatten(2), 3)[0].sum(2)
        return self.fc(torch.cat([a.amax(1), b], 1))


class TorchTest(unittest.TestCase):
    device = "cpu"

    @classmethod
    def setUpClass(cls):
        cls.session = Session(PROGRAM, cls.device)

    @classmethod
    def tearDownClass(cls):
        cls.session.close()

    def setUp(self):
        torch.manual_seed(7)

    def check(self, found, expected, name):
        expected = expected.detach().float().numpy()
        self.assertEqual(found.shape, expected.shape, name)
        error = abs(found - expected).max() / max(1e-6, abs(expected).max())
        self.assertLess(error, TOLERANCE, name)

    def infer(self, net, x, **how):
        net = randomise(net).eval()
        path = self.session.path("net.onnx")
        export(net, x[:1], path, **how)
        result = self.session.run("infer", path, {"x": x.numpy()})
        self.assertIsInstance(result, dict, result)
        with torch.no_grad():
            self.check(result["y"], net(x), "y")

    def train(self, net, x, classes, **how):
        net = randomise(net).train()
        path = self.session.path("net.onnx")
        export(net, x, path, training=True, **how)  # runs the net, and writes the statistics after that
        label = torch.randint(classes, (len(x),))
        result = self.session.run("train", path, {"x": x.numpy(), "label": label.int().numpy()})
        self.assertIsInstance(result, dict, result)
        loss = F.cross_entropy(net(x), label)
        loss.backward()
        self.check(result["loss"], loss.reshape(1), "loss")
        for name, parameter in net.named_parameters():
            self.check(result[f"gradient/{name}"], parameter.grad, name)
        for name, buffer in net.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                self.check(result[f"state/{name}"], buffer, name)

    def test_a_small_net(self):
        for opset in (9, 11, 13, 16):
            with self.subTest(opset=opset):
                self.infer(Small(), torch.randn(3, 3, 16, 20), opset=opset)

    def test_batches_of_another_size_than_the_files(self):
        self.infer(Small(), torch.randn(3, 3, 16, 20), dynamic=False)
        self.infer(Attention(), torch.randn(3, 3, 16, 16), dynamic=False)

    def test_attention(self):
        for opset in (11, 14):
            with self.subTest(opset=opset):
                self.infer(Attention(), torch.randn(2, 3, 16, 16), opset=opset)

    def test_channels_that_move(self):
        self.infer(Shuffle(), torch.randn(2, 4, 6, 5))

    def test_dilated_transposed_convolutions(self):
        self.infer(Dilated(), torch.randn(2, 3, 5, 6))
        self.train(Dilated(), torch.randn(2, 3, 5, 6), 3)

    def test_operators_of_shapes(self):
        self.infer(Corner(), torch.randn(2, 3, 9, 10))
        self.train(Corner(), torch.randn(2, 3, 9, 10), 3)

    @unittest.skipUnless(torchvision, "no torchvision")
    def test_attention_in_windows(self):
        from torchvision.models import maxvit, swin_transformer
        swin = functools.partial(swin_transformer.SwinTransformer, [4, 4], 16, [2, 2], [2, 4],
                                 [5, 5], stochastic_depth_prob=0, num_classes=5)
        nets = {
            "swin": (swin, 60),
            "maxvit": (functools.partial(maxvit.MaxVit, (64, 64), 8, 4, [8, 16], [1, 1], 8, 0,
                                         num_classes=5), 64)}
        for name, (build, size) in nets.items():
            with self.subTest(name=name):
                self.infer(build(), torch.randn(2, 3, size, size), opset=16)
                self.train(build(), torch.randn(2, 3, size, size), 5, opset=16)

    def test_gradients_of_a_small_net(self):
        self.train(Small(), torch.randn(4, 3, 16, 20), 5)

    def test_gradients_of_attention(self):
        self.train(Attention(), torch.randn(3, 3, 16, 16), 5)

    def test_gradients_of_channels_that_move(self):
        self.train(Shuffle(), torch.randn(3, 4, 6, 5), 3)

    @unittest.skipUnless(torchvision, "no torchvision")
    def test_nets_of_torchvision(self):
        for name in ("resnet18", "mobilenet_v2", "squeezenet1_1", "shufflenet_v2_x0_5",
                     "mobilenet_v3_small", "densenet121", "googlenet"):
            with self.subTest(name=name):
                options = {"init_weights": False} if name == "googlenet" else {}
                net = getattr(torchvision.models, name)(num_classes=10, **options)
                self.infer(net, torch.randn(2, 3, 96, 96))


if __name__ == "__main__":
    unittest.main(verbosity=2)
