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

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path[:0] = [os.path.join(ROOT, "tests/goldens"), os.path.join(ROOT, "bench")]
import safetensors_file  # noqa: E402

try:
    import torch
    import torch.nn.functional as F
    import torchvision
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
import pytorch_nets  # noqa: E402

CLASSES, BATCH = 10, 2


# Rows and columns of the images, else 96; batch norms get their values, and few enough pools that
# the largest of a window can stand clear of the next.
SIDES = {"googlenet": 64, "resnet20": 32, "vit_tiny": 32, "mobilenet_v2_cifar": 32,
         "vgg11_bn_cifar": 48}
# The least by which a maximum surpasses the next value: more than devices differ by.
CLEAR = 1e-5


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
    net, side = pytorch_nets.make_net(name, CLASSES).double(), SIDES.get(name, 96)
    initial = {key: torch.stack([tensor.mean(), tensor.std(unbiased=False), tensor.abs().max()])
               for key, tensor in net.named_parameters()}
    randomise(net)
    no_randomness(net)
    net.train()
    buffers = {key: buffer.clone() for key, buffer in net.named_buffers()}
    for _ in range(50):
        images = torch.randn(BATCH, 3, side, side).double()
        if avoid_kinks(net, images) > CLEAR:
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
