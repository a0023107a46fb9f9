#!/usr/bin/env python3
"""Holds a model against torchvision's: with the same weights, logits, loss, every gradient and the
running statistics must agree, and the logits of inference with statistics at random; so must mean
and deviation of the weights that it starts with.

usage: parity.py PROGRAM MODEL     (needs python3-torch and python3-torchvision, else exits with 77)

Weights, statistics, images and labels are random; PyTorch computes in double, in training mode (so
batch norms use and record the statistics of the batch, which have at least 18 values for a channel)
with dropout and stochastic depth off. What it finds goes to a temporary safetensors file, which
PROGRAM reads.

A relu or relu6 has two right gradients at a kink, and rounding would choose between them. Biases
are therefore moved until each kink lies in the middle of a gap between the values of its channel.
Where the two largest values of a pool's window are too close, other images are taken.
"""
import os
import subprocess
import sys
import tempfile
from unittest import mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "goldens"))
import safetensors_file  # noqa: E402

try:
    import torch
    import torch.nn.functional as F
    import torchvision
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

CLASSES, BATCH = 10, 2


class CifarBlock(torch.nn.Module):
    """Of He et al.'s networks for CIFAR, with shortcuts without weights."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(outputs)
        self.relu = torch.nn.ReLU()
        self.conv2 = torch.nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(outputs)
        self.stride, self.zeros = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.zeros:
            x = x[:, :, :: self.stride, :: self.stride]
            x = F.pad(x, (0, 0, 0, 0, self.zeros // 2, self.zeros - self.zeros // 2))
        return self.relu(y + x)


class CifarResNet(torch.nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(16)
        self.relu = torch.nn.ReLU()
        width = 16
        for stage in 1, 2, 3:
            layers = []
            for i in range(blocks):
                stride = 2 if stage > 1 and i == 0 else 1
                layers.append(CifarBlock(width, width * stride, stride))
                width *= stride
            setattr(self, f"layer{stage}", torch.nn.Sequential(*layers))
        self.fc = torch.nn.Linear(width, CLASSES)
        for module in self.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


def vit_tiny():
    return torchvision.models.VisionTransformer(
        image_size=32, patch_size=4, num_layers=12, num_heads=3, hidden_dim=192, mlp_dim=768,
        num_classes=CLASSES)


def googlenet():
    return torchvision.models.googlenet(
        weights=None, num_classes=CLASSES, aux_logits=False, init_weights=True)


def make_net(name):
    """The net, and rows and columns of its images."""
    if name == "resnet20":
        return CifarResNet(3), 32
    if name == "vit_tiny":
        return vit_tiny(), 32
    if name == "googlenet":
        return googlenet(), 96
    return getattr(torchvision.models, name)(weights=None, num_classes=CLASSES), 96


def randomise(net):
    """What is 0 or 1 at first would leave a part of the net untested."""
    for parameter in net.parameters():
        if parameter.dim() == 1 or not parameter.any():
            parameter.data += 0.1 * torch.randn_like(parameter)
    for name, buffer in net.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)


def gap(values, kinks):
    """How much to add to the values of a channel so that each kink lies far from all of them."""
    near = torch.cat([(kink - values).flatten() for kink in kinks])
    reach = values.std() / 2
    near = torch.cat([near[near.abs() < reach], torch.stack([-reach, reach])]).sort().values
    widest = (near[1:] - near[:-1]).argmax()
    return (near[widest] + near[widest + 1]) / 2


def lead(x, pool):
    """The least by which a maximum surpasses the next value of its window. Equal values are zeros
    of a relu, which pass no gradient on, or copies of one value, which get their sum."""
    size, padding = pool.kernel_size, pool.padding
    x = F.pad(x.flatten(0, 1)[:, None], [padding, padding + size] * 2, value=-1e9)
    largest = F.unfold(x, size, stride=pool.stride).topk(2, dim=1).values
    leads = largest[:, 0] - largest[:, 1]
    return leads[leads > 0].min().item()


def avoid_kinks(net, images):
    """Returns the smallest lead of a maximum."""
    last = []  # module with a bias that ran last
    leads = [1.0]

    def moving(kinks):
        def activation(x, *_, **__):
            shift = torch.stack([gap(channel, kinks) for channel in x.transpose(0, 1)])
            last[0].bias.data += shift
            x = x + shift.reshape(-1, *[1] * (x.dim() - 2))
            return x.clamp(kinks[0], kinks[1] if len(kinks) > 1 else None)

        return activation

    def remember(module, _):
        last[:] = [module]

    hooks = [module.register_forward_pre_hook(remember) for module in net.modules()
             if getattr(module, "bias", None) is not None]
    hooks += [module.register_forward_pre_hook(lambda pool, x: leads.append(lead(x[0], pool)))
              for module in net.modules() if isinstance(module, torch.nn.MaxPool2d)]
    # torch.nn.ReLU and ReLU6 call these.
    with mock.patch.object(F, "relu", moving([0])), \
            mock.patch.object(F, "hardtanh", moving([0, 6])), torch.no_grad():
        net(images)
    for hook in hooks:
        hook.remove()
    return min(leads)


def no_randomness(net):
    for module in net.modules():
        if isinstance(module, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            module.p = 0.0


def array(tensor):
    return tensor.detach().float().contiguous().numpy()


def main(program, name):
    torch.manual_seed(2023)
    net, side = make_net(name)
    net = net.double()
    initial = {key: torch.stack([tensor.mean(), tensor.std(unbiased=False), tensor.abs().max()])
               for key, tensor in net.named_parameters()}
    randomise(net)
    no_randomness(net)
    net.train()
    buffers = {key: buffer.clone() for key, buffer in net.named_buffers()}
    for _ in range(50):
        images = torch.randn(BATCH, 3, side, side).double()
        if avoid_kinks(net, images) > 3e-6:
            break
    for key, buffer in net.named_buffers():
        buffer.copy_(buffers[key])
    labels = torch.randint(CLASSES, (BATCH,))

    tensors = {f"weights/{key}": array(tensor) for key, tensor in net.state_dict().items()}
    tensors.update({f"initial/{key}": array(tensor) for key, tensor in initial.items()})
    net.eval()
    with torch.no_grad():
        tensors["inference"] = array(net(images))
    net.train()
    logits = net(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    for key, parameter in net.named_parameters():
        tensors[f"gradients/{key}"] = array(parameter.grad)
    for key, buffer in net.named_buffers():
        if not key.endswith("num_batches_tracked"):
            tensors[f"states/{key}"] = array(buffer)
    tensors["images"] = array(images.permute(0, 2, 3, 1))
    tensors["labels"] = labels.int().numpy()
    tensors["logits"] = array(logits)
    tensors["loss"] = array(loss.reshape(1))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "expected.safetensors")
        safetensors_file.write(path, tensors, {"model": name})
        del net, tensors
        return subprocess.run([program, path], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
