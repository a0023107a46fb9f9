"""PyTorch's side of compare_pytorch: what `tessera-bench` does with --serve.

usage: pytorch_bench.py train|infer --model MODEL --batch N [--size N] [--classes N]
       pytorch_bench.py memory           (likewise: prints the peak of training steps in bytes)
       pytorch_bench.py pictures --data FOLDER --batch N --size N
       pytorch_bench.py ops              (all: [--layout channels_last] [--torch-device cuda] ...)
Prints "ready", then answers lines of its input with seconds: "STEPS" with those of that many
steps, or passes over all pictures; of ops, "RUNS OP SHAPE" with those of the runs, where SHAPE is
"SIZE" of a matmul,
"N C H K R STRIDE PADDING GROUPS" of conv2d, conv2d_dx and conv2d_dw.
"""
import argparse
import sys
import time

import torch
import torch.nn.functional as F
import torchvision
from torchvision import transforms

import pytorch_nets

LAYOUTS = {"channels_first": torch.contiguous_format, "channels_last": torch.channels_last}

def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def train_step(net, x, labels):
    optimizer = torch.optim.SGD(net.parameters(), 0.001, momentum=0.9)

    def step():
        optimizer.zero_grad()
        F.cross_entropy(net(x), labels).backward()
        optimizer.step()

    return step


def infer_step(net, x):
    net = net.eval()
    with torch.no_grad():
        net = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x)))

    def step():
        with torch.no_grad():
            net(x)

    return step


def make_step(arguments):
    device = arguments.torch_device
    net = pytorch_nets.make_net(arguments.model, arguments.classes).train().to(device)
    x = torch.rand(arguments.batch, 3, arguments.size, arguments.size, device=device)
    labels = torch.randint(0, arguments.classes, (arguments.batch,), device=device)
    net = net.to(memory_format=LAYOUTS[arguments.layout])
    x = x.contiguous(memory_format=LAYOUTS[arguments.layout])
    return infer_step(net, x) if arguments.command == "infer" else train_step(net, x, labels)


def serve_net(arguments):
    step = make_step(arguments)

    def answer(line):
        start = time.perf_counter()
        for _ in range(int(line)):
            step()
        wait(arguments.torch_device)
        return time.perf_counter() - start

    answer("3")
    return answer


def resident(what):
    """Bytes of this process's memory, by their name in /proc/self/status."""
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(what + ":"))


def peak_memory(arguments):
    """Bytes that a training step takes at most, of the device's memory or, on a CPU, of this
    process's own beyond what it has before it makes the net; code that is read in does not count."""
    before = resident("RssAnon")
    step = make_step(arguments)
    for _ in range(2):  # reads in the code, and on a GPU chooses algorithms
        step()
    if arguments.torch_device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # VmHWM begins anew
    for _ in range(2):
        step()
    if arguments.torch_device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resident("VmHWM") - resident("RssFile") - resident("RssShmem") - before


def matmul(arguments, size):
    a, b, y = (torch.rand(size, size, device=arguments.torch_device) for _ in range(3))
    return lambda: torch.mm(a, b, out=y)


def convolution(what, arguments, N, C, H, K, R, stride, padding, groups):
    x = torch.randn(N, C, H, H, device=arguments.torch_device)
    w = torch.randn(K, C // groups, R, R, device=arguments.torch_device)
    x, w = (t.contiguous(memory_format=LAYOUTS[arguments.layout]) for t in (x, w))
    with torch.no_grad():
        y = F.conv2d(x, w, None, stride, padding, 1, groups)
    if what == "conv2d":
        return lambda: F.conv2d(x, w, None, stride, padding, 1, groups)
    wanted = [what == "conv2d_dx", what == "conv2d_dw", False]
    return lambda: torch.ops.aten.convolution_backward(
        y, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups, wanted)


def make_op(what, arguments, shape):
    if what == "matmul":
        return matmul(arguments, *shape)
    return convolution(what, arguments, *shape)


def serve_ops(arguments):
    ops = {}

    def answer(line):
        runs, what, *shape = line.split()
        if (what, *shape) not in ops:
            ops[what, *shape] = make_op(what, arguments, [int(n) for n in shape])
        op = ops[what, *shape]
        start = time.perf_counter()
        with torch.no_grad():
            for _ in range(int(runs)):
                op()
        wait(arguments.torch_device)
        return time.perf_counter() - start

    return answer


def serve_pictures(arguments):
    """torchvision's own way, as its reference training of classifiers goes."""
    transform = transforms.Compose([
        transforms.RandomResizedCrop(arguments.size), transforms.RandomHorizontalFlip(),
        transforms.ToTensor(), transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
    loader = torch.utils.data.DataLoader(
        torchvision.datasets.ImageFolder(arguments.data, transform), arguments.batch, shuffle=True,
        num_workers=arguments.threads, persistent_workers=True, drop_last=True)

    def answer(line):
        start = time.perf_counter()
        for _ in range(int(line)):
            for _ in loader:
                pass
        return time.perf_counter() - start

    answer("1")
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["train", "infer", "memory", "pictures", "ops"])
    parser.add_argument("--model", default="tutorial")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--data", help="folder of pictures")
    parser.add_argument("--layout", choices=list(LAYOUTS), default="channels_first")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--torch-device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--tf32", action="store_true", help="products in TF32 where a GPU has it")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)  # before threads start, which take it over
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = arguments.tf32
    if arguments.command == "memory":
        return print(peak_memory(arguments))
    serve = {"ops": serve_ops, "pictures": serve_pictures}.get(arguments.command, serve_net)
    answer = serve(arguments)
    print("ready", flush=True)
    for line in sys.stdin:
        print(answer(line), flush=True)


if __name__ == "__main__":
    main()
