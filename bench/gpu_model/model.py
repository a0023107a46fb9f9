#!/usr/bin/python3
"""Predicts the time of a training step on a GPU that is not there, from the launches that Tessera
makes for it.

usage: model.py [--build DIR] [--devices FILE] [--model NAME] [--batch N] [--side N] [--classes N]
                [--layers N] [DEVICE]...
       model.py --published [--report FILE]

print_launches (in --build) lists the launches, on any OpenCL device in the role of the GPU. Each
launch costs the longest of its arithmetic, its memory traffic, and the latency of what a work-item
waits for, over all waves of work-groups; launches follow each other with a gap. devices.json has the
parameters of devices. --published compares predictions with measurements of another OpenCL engine.
Every number is an estimate.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
# What devices.json has of each device.
NUMBERS = {
    "units": "that hold work-groups", "reported_units": "CL_DEVICE_MAX_COMPUTE_UNITS",
    "sub_group": "lanes that a kernel can ask for, 0 where Tessera does not", "memory_gib": "",
    "ghz": "", "fma_per_clock": "of a unit", "instructions_per_fma": "of a tile's step",
    "depthwise_instructions_per_fma": "of a depthwise convolution",
    "resident_items": "work-items of a tile's kernel on a unit", "memory_gb_s": "",
    "cache_gb_s": "of the last cache", "latency_cycles": "of a load from the last cache",
    "bytes_in_flight": "that a work-item waits for at once", "issue_efficiency": "of arithmetic",
    "memory_efficiency": "", "gap_us": "between launches", "host_us": "of a launch on the host"}
TEXTS = {"name": str, "waits_first": bool}
STEP_OVERHEAD = 100  # cycles of barriers
GROUP_OVERHEAD = 1500  # cycles before and after the steps of a work-group


def read_devices(path):
    devices = json.loads(path.read_text())
    for key, device in devices.items():
        for name, value in device.items():
            if name not in NUMBERS and name not in TEXTS:
                sys.exit("%s: device '%s' has an unknown key '%s'; there are: %s" % (
                    path, key, name, ", ".join([*TEXTS, *NUMBERS])))
            kind = TEXTS.get(name, (int, float))
            if not isinstance(value, kind) or (name in NUMBERS and isinstance(value, bool)):
                sys.exit("%s: device '%s': '%s' is %r" % (path, key, name, value))
        for name in [*TEXTS, *NUMBERS]:
            if name not in device:
                sys.exit("%s: device '%s' has no '%s'" % (path, key, name))
    return devices


def read_launches(program, device, model, batch, side, classes):
    done = subprocess.run(
        [program, "--model", model, "--batch", str(batch), "--side", str(side), "--classes",
         str(classes), "--compute-units", str(device["reported_units"]), "--sub-group",
         str(device["sub_group"]), "--memory", str(int(device["memory_gib"] * 2**30))],
        stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def ceil_div(a, b):
    return -(-a // b)


def product(values):
    result = 1
    for value in values:
        result *= value
    return result


class Launch:
    """A launch with the macros of its program and what its node computes and moves."""

    def __init__(self, row, node):
        self.kernel, self.node = row["kernel"], node
        self.macros = {name: int(value) for name, value in
                       re.findall(r"-D (\w+)=(-?\d+)\b", row.get("options", ""))}
        self.items = product(row.get("global", [1]))
        self.group = product(row.get("local", [1]))
        self.slices = row.get("global", [1, 1, 1])[2]
        self.siblings = []  # launches of the node, in order, this one too

    @property
    def groups(self):
        return self.items // self.group

    def is_tile(self):
        return "TILE_M" in self.macros

    def before(self, kernel):
        """The last launch of the node before this one whose kernel has that name, or None."""
        found = None
        for launch in self.siblings:
            if launch is self:
                return found
            if re.match(kernel, launch.kernel):
                found = launch
        return None


def gather(data):
    launches, of_node = [], collections.defaultdict(list)
    for row in data["launches"]:
        launch = Launch(row, data["nodes"][str(row["node"])])
        launch.siblings = of_node[row["node"]]
        launch.siblings.append(launch)
        launches.append(launch)
    return launches


def winograd_growth(launch):
    """How much larger the transforms of a tensor are than the tensor."""
    results = next((l.macros["RESULTS"] for l in launch.siblings if "RESULTS" in l.macros), 0)
    return (results + 2)**2 / results**2 if results else 0


def moved_bytes(launch):
    """What a launch that is no tile reads and writes."""
    inputs, outputs, name = launch.node["inputs"], launch.node["outputs"], launch.kernel
    grown = winograd_growth(launch)
    large = [size for size in inputs if 4 * size >= max(inputs, default=0)]
    channels = min(filter(None, inputs), default=4)  # in bytes
    partial = launch.before("normalization_(moments|sums)")
    parts = partial.items * 4 * 4 // channels if partial else 0
    rules = {
        "winograd_local_source": lambda: max(inputs) * (1.3 + grown) / launch_count(launch),
        "winograd_local_gradients": lambda: min(large) * (1 + grown) / launch_count(launch),
        "winograd_local_results": lambda: outputs[0] * (1 + grown) / launch_count(launch),
        "winograd_local_filters": lambda: min(inputs) * (1 + 4),
        "winograd_local_weights": lambda: outputs[0] * (1 + 4),
        "normalization_moments": lambda: inputs[0],
        "normalization_sums": lambda: inputs[0] + inputs[1],
        "normalize_columns": lambda: sum(large) + outputs[0],
        "normalize_columns_dx": lambda: sum(large) + outputs[0],
        "batch_norm_statistics": lambda: 2 * parts * channels,
        "normalization_statistics": lambda: 2 * parts * channels,
        "normalization_parameters": lambda: 2 * parts * channels,
        "normalization_coefficients": lambda: 2 * parts * channels,
        "matmul_local_finish": lambda: outputs[0] * (1 + tile_before(launch).slices),
        "conv2d_depthwise_pack": lambda: 2 * min(inputs),
        "square_sums": lambda: sum(inputs),
        "norm_of_sums": lambda: 4 * launch.before("square_sums").groups,
    }
    if name in rules:
        return rules[name]()
    others = sum(not l.is_tile() and l.kernel not in rules for l in launch.siblings)
    return (sum(inputs) + sum(outputs)) / others


def launch_count(launch):
    """A node's transforms may take their place image by image."""
    return sum(l.kernel == launch.kernel for l in launch.siblings)


def tile_before(launch):
    return next(l for l in reversed(launch.siblings[:launch.siblings.index(launch)]) if l.is_tile())


def multiply_adds(launch):
    """Of a tile's launch: its share of the node's by work-groups, fewer by Winograd's algorithm."""
    tiles = sum(l.groups * l.macros["TILE_M"] * l.macros["TILE_N"]
                for l in launch.siblings if l.is_tile())
    share = launch.groups * launch.macros["TILE_M"] * launch.macros["TILE_N"] / tiles
    return launch.node["flops"] / 2 * share * (winograd_growth(launch) / 9 or 1)


def tile_seconds(device, launch):
    """Work-groups in waves over the units, each a number of steps of TILE_K."""
    m, n, k = (launch.macros["TILE_" + name] for name in "MNK")
    steps = max(1, multiply_adds(launch) / (launch.groups * m * n * k))
    unit = m * n * k / device["fma_per_clock"] * device["instructions_per_fma"]
    latency = 1.7 * device["latency_cycles"]
    stall = STEP_OVERHEAD + (latency if device["waits_first"] else max(0, latency - unit))
    resident = max(1, int(device["resident_items"]) // launch.group)

    def cycles(groups):
        return steps * max(groups * unit / device["issue_efficiency"], unit + stall) + GROUP_OVERHEAD

    full, rest = divmod(ceil_div(launch.groups, device["units"]), resident)
    arithmetic = full * cycles(resident) + (cycles(rest) if rest else 0)
    cache = launch.groups * steps * k * (m + n) * 4 / (1e9 * device["cache_gb_s"])
    grown = winograd_growth(launch)
    tensors = (sum(launch.node["inputs"]) + sum(launch.node["outputs"])) * (grown or 1)
    memory = tensors / sum(l.is_tile() for l in launch.siblings) / (
        1e9 * device["memory_gb_s"] * device["memory_efficiency"])
    return max(arithmetic / (1e9 * device["ghz"]), cache, memory)


def stream_seconds(device, launch):
    """Bounded by memory, and by the loads that the work-items there are wait for."""
    size = moved_bytes(launch)
    seconds = size / (1e9 * device["memory_gb_s"] * device["memory_efficiency"])
    latency = 1.9 * device["latency_cycles"] / (1e9 * device["ghz"])
    at_once = min(launch.items, 1024 * device["units"])
    arithmetic = 0
    if launch.kernel in ("conv2d_depthwise", "conv2d_depthwise_dw"):
        arithmetic = launch.node["flops"] / 2 * device["depthwise_instructions_per_fma"] / (
            device["units"] * device["fma_per_clock"] * 1e9 * device["ghz"] *
            device["issue_efficiency"])
    return max(seconds, latency * size / (at_once * device["bytes_in_flight"]), arithmetic)


class Prediction:
    """Seconds of a step: of the device, of the host, and by kernel and layer."""

    def __init__(self, device, data):
        self.launches = gather(data)
        self.by_kernel, self.by_layer = collections.Counter(), collections.Counter()
        for launch in self.launches:
            seconds = tile_seconds(device, launch) if launch.is_tile() else stream_seconds(device, launch)
            seconds += 1e-6 * device["gap_us"]
            self.by_kernel[launch.kernel] += seconds
            self.by_layer[launch.node["name"]] += seconds
        self.device = sum(self.by_kernel.values())
        self.host = 1e-6 * device["host_us"] * len(self.launches)
        self.step = max(self.device, self.host)
        flops = sum({id(l.node): l.node["flops"] for l in self.launches}.values())
        peak = 2e9 * device["units"] * device["fma_per_clock"] * device["ghz"]
        self.share = flops / self.step / peak


def show(device, data, layers):
    predicted = Prediction(device, data)
    print("%s batch %d on %s: %.1f ms, %.0f images/s (estimated); %d launches, host %.1f ms; %.0f %% of peak" % (
        data["model"], data["batch"], device["name"], 1e3 * predicted.step,
        data["batch"] / predicted.step, len(predicted.launches), 1e3 * predicted.host,
        100 * predicted.share))
    for rows in (predicted.by_kernel, predicted.by_layer):
        for name, seconds in rows.most_common(layers):
            print("  %-32s %8.3f ms %5.1f %%" % (name, 1e3 * seconds, 100 * seconds / predicted.device))


def published(devices, program, report):
    """Predictions beside the measurements of published.json; fails beyond the bar."""
    bar = 1.5
    data = json.loads((FOLDER / "published.json").read_text())
    lines = ["# The model of a GPU's step, held against measurements", "",
             "`bench/gpu_model/model.py --published --report FILE` writes this page. No GPU has run Tessera for it:",
             "*model* is an estimate of Tessera's step from its launches. *OpenCL* and *native* were measured with",
             "another OpenCL engine, which has kernels of the same kind, and with the vendor's PyTorch",
             "(%s)." % data["source"],
             "The efficiencies of the three devices and the cost of their depthwise convolutions were adjusted until",
             "the model was within %g of *OpenCL*; the other parameters are those of data sheets and of" % bar,
             "[gpu-code.md](gpu-code.md). So this shows the order of magnitude, not that Tessera reaches these times.", "",
             "| device | network | batch | model, ms | OpenCL, ms | model / OpenCL | native, ms |",
             "|---|---|---|---|---|---|---|"]
    beyond = 0
    for figure in data["figures"]:
        device = devices[figure["device"]]
        launches = read_launches(program, device, figure["model"], figure["batch"], 224, 1000)
        milliseconds = 1e3 * Prediction(device, launches).step
        ratio = milliseconds / figure["opencl_ms"]
        beyond += not 1 / bar <= ratio <= bar
        lines.append("| %s | %s | %d | %.0f | %.0f | %.2f | %.0f |" % (
            device["name"], figure["model"], figure["batch"], milliseconds, figure["opencl_ms"], ratio,
            figure["native_ms"]))
    lines += ["", "Predictions of a ResNet-50 training step at batch 32 on other devices, which nothing confirms:", "",
              "| device | model, ms | launches | kernels that take most |", "|---|---|---|---|"]
    measured = {figure["device"] for figure in data["figures"]}
    for key in (key for key in devices if key not in measured):
        predicted = Prediction(devices[key], read_launches(program, devices[key], "resnet50", 32, 224, 1000))
        most = ", ".join("%s %.0f %%" % (name, 100 * seconds / predicted.device)
                         for name, seconds in predicted.by_kernel.most_common(3))
        lines.append("| %s | %.0f | %d | %s |" % (
            devices[key]["name"], 1e3 * predicted.step, len(predicted.launches), most))
    text = "\n".join(lines) + "\n"
    print(text)
    if report:
        report.write_text(text)
    if beyond:
        sys.exit("%d of %d predictions are off by more than %g" % (beyond, len(data["figures"]), bar))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("device", nargs="*")
    parser.add_argument("--build", type=pathlib.Path, default=FOLDER.parents[1] / "build")
    parser.add_argument("--devices", type=pathlib.Path, default=FOLDER / "devices.json")
    parser.add_argument("--model", default="resnet50")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--layers", type=int, default=8, help="kernels and layers to show")
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--report", type=pathlib.Path)
    arguments = parser.parse_args()
    devices = read_devices(arguments.devices)
    program = arguments.build / "bench/print_launches"
    if arguments.published:
        return published(devices, program, arguments.report)
    for key in arguments.device or devices:
        if key not in devices:
            sys.exit("there is no device '%s'; there are: %s" % (key, ", ".join(devices)))
        data = read_launches(program, devices[key], arguments.model, arguments.batch, arguments.side,
                             arguments.classes)
        show(devices[key], data, arguments.layers)


if __name__ == "__main__":
    main()
