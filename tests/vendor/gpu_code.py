"""Reads the machine code that vendors' compilers make of the main kernels, without a GPU: what a turn
of the innermost loop consists of, registers, local memory, occupancy, and whether a loop waits for
its global loads before it computes.

usage: gpu_code.py PRINT_PROGRAMS [--report FILE] [--bars FILE] [--write-bars] [--target NAME]...

PRINT_PROGRAMS is that program or a file with its output. The bars (gpu_code.json beside this file)
name kernels, targets, and limits of their code; the command fails when code is beyond one.
--write-bars sets the limits to what this run finds. Targets without a compiler are skipped.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import compilers
import listings
import occupancy
from compile import SKIPPED, read_programs

ROOT = pathlib.Path(__file__).resolve().parent


@dataclasses.dataclass
class Figures:
    """Of one kernel on one target."""
    tile: bool  # whether it multiplies tiles of matrices
    resources: compilers.Resources
    waves: int
    counts: dict  # instructions by kind, of a step of the tile or of a turn of the hot loop
    widths: dict  # {bytes: global loads}
    loop_fma_share: float  # of the instructions of the innermost loop
    wait: str
    cycles: float | None = None  # of the innermost loop, by llvm-mca

    def limits(self):
        """{figure: (value, is a higher value better)}"""
        limits = {"registers": (self.resources.registers or 0, False),
                  "spilled bytes": (self.resources.scratch, False),
                  "waves": (self.waves, True),
                  "instructions": (sum(self.counts.values()), False),
                  "widest global load": (max(self.widths, default=0), True)}
        if self.tile:
            limits["fma percent"] = (self.loop_fma_share, True)
            limits["waits after the multiply-adds"] = (int(self.wait == listings.AFTER), True)
        return limits


def macros_of(program):
    return dict(re.findall(r"-D (\w+)=(\S+)", program["options"]))


def find_program(programs, kernel, target):
    """The program of a kernel with the macros that the data file asks for."""
    wanted = kernel["macros"] + (target["tile"] if kernel.get("tile") else [])
    for program in programs:
        if (program["file"] == kernel["file"] and kernel["kernel"] in program["kernels"] and
                target["programs"] in program["targets"] and
                set(wanted) <= {"%s=%s" % pair for pair in macros_of(program).items()}):
            return program
    return None


def group_items(macros):
    """Work-items of a group."""
    tile = [int(macros.get(name, 0)) for name in ("TILE_M", "TILE_N", "ITEM_M", "ITEM_N")]
    return tile[0] // tile[2] * (tile[1] // tile[3]) if tile[2] else int(macros.get("LOCAL", 64))


def first_use(vendor):
    return {compilers.Nvidia: listings.nvidia_first_use, compilers.Amd: listings.amd_first_use,
            compilers.Intel: listings.intel_first_use}[vendor]


def figures(vendor, device, kernel, program):
    """Throws CompileError."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / program["file"]
        file.write_text(program["source"])
        resources = vendor.compile(file, program["options"].split(), [device],
                                   listed=True)[device].get(kernel["kernel"], compilers.Resources())
        code = vendor.listing(file.parent, device, kernel["kernel"])
    macros = macros_of(program)
    hot = code.hot_loop()
    step = code.step_loop(hot) if kernel.get("tile", False) else hot
    in_loop = code.instructions[hot[0]:hot[1] + 1]
    multiply_adds = sum(i.fma for i in in_loop)
    repeats = 1
    if kernel.get("tile") and multiply_adds:
        of_step = int(macros["ITEM_M"]) * int(macros["ITEM_N"]) * int(macros["TILE_K"])
        repeats = max(1, of_step // multiply_adds)
    waves = {compilers.Nvidia: occupancy.nvidia, compilers.Amd: occupancy.amd,
             compilers.Intel: occupancy.intel}[vendor](device, resources, group_items(macros))
    tile = kernel.get("tile", False)
    return Figures(tile, resources, waves, code.count(hot, step, repeats),
                   code.widths(step, "global load"),
                   100 * sum(i.kind == "fma" for i in in_loop) // len(in_loop),
                   code.wait_place(step, first_use(vendor)) if tile else listings.NONE,
                   cycles(vendor, device, in_loop) if tile else None)


def cycles(vendor, device, instructions):
    """Cycles of a turn of a loop of one wave by llvm-mca; None where it does not know the device."""
    mca = next(filter(None, map(shutil.which, ("llvm-mca-15", "llvm-mca-14", "llvm-mca"))), None)
    if vendor is not compilers.Amd or not mca:
        return None
    text = "\n".join("%s %s" % (i.name, i.text) for i in instructions if not i.target)
    turns = 100
    done = subprocess.run([mca, "-mtriple=amdgcn-amd-amdhsa", "-mcpu=" + device,
                           "-iterations=%d" % turns], input=text, text=True, capture_output=True)
    found = re.search(r"Total Cycles: +(\d+)", done.stdout)
    return int(found[1]) / turns if found and done.returncode == 0 else None


def collect(data, programs, vendors, jobs):
    """({(kernel, target): Figures}, messages)"""
    found, errors, pending = {}, [], {}
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for vendor, devices in vendors:
            for device in devices:
                for kernel in data["kernels"]:
                    program = find_program(programs, kernel, data["targets"][device])
                    if program is None:
                        errors.append("%s: no program for %s has its macros" % (
                            kernel["name"], device))
                        continue
                    done = pool.submit(figures, vendor, device, kernel, program)
                    pending[done] = (kernel["name"], device)
        for done in concurrent.futures.as_completed(pending):
            try:
                found[pending[done]] = done.result()
            except (compilers.CompileError, KeyError) as error:
                errors.append("%s for %s: %s" % (*pending[done], error))
    return found, sorted(errors)


def beyond(bars, found):
    """Messages on figures that are worse than their bars, and the number of bars that were compared."""
    messages, compared = [], 0
    for (name, device), its in sorted(found.items()):
        limits = its.limits()
        for figure, bar in bars.get(name, {}).get(device, {}).items():
            if figure not in limits:
                messages.append("%s for %s: there is no figure '%s' to hold against its bar" % (
                    name, device, figure))
                continue
            value, more_is_better = limits[figure]
            compared += 1
            if value < bar if more_is_better else value > bar:
                messages.append("%s for %s: %s is %g, expected at %s %g" % (
                    name, device, figure, value, "least" if more_is_better else "most", bar))
    return messages, compared


def bars_of(data, found):
    bars = {}
    for kernel in data["kernels"]:
        for device in data["targets"]:
            its = found.get((kernel["name"], device))
            old = data["bars"].get(kernel["name"], {}).get(device, {})
            if its or old:
                bars.setdefault(kernel["name"], {})[device] = {
                    figure: bar_of(figure, value)
                    for figure, (value, _) in its.limits().items()} if its else old
    return bars


def bar_of(figure, value):
    """Compilers of another version may need a few instructions or registers more."""
    return value * 21 // 20 if figure in ("instructions", "registers") else value


def dump(data):
    """JSON with a line for each kernel, target and bar."""
    line = lambda key, value: "    %s%s" % (json.dumps(key) + ": " if key else "", json.dumps(value))
    block = lambda lines: ",\n".join(lines)
    bars = block("    %s: {\n%s\n    }" % (json.dumps(name), block(
        "  " + line(device, limits) for device, limits in of.items()))
        for name, of in data["bars"].items())
    return '{\n  "kernels": [\n%s\n  ],\n  "targets": {\n%s\n  },\n  "bars": {\n%s\n  }\n}\n' % (
        block(line("", kernel) for kernel in data["kernels"]),
        block(line(*pair) for pair in data["targets"].items()), bars)


def row(name, device, its):
    count = lambda *kinds: sum(its.counts.get(kind, 0) for kind in kinds)
    widths = ", ".join("%d x %d B" % (n, width) for width, n in sorted(its.widths.items()))
    known = ("fma", "matrix", "local load", "local store", "global load", "integer", "select",
             "move", "wait", "barrier")
    cells = [name, device, count("fma", "matrix"), count("local load"), count("local store"),
             widths, count("integer"), count("select"), count("move"), count("wait"),
             count("barrier"), sum(n for kind, n in its.counts.items() if kind not in known),
             "%d %%" % its.loop_fma_share, its.wait, its.resources.registers or "",
             its.resources.local or 0, its.resources.scratch, its.waves,
             "" if its.cycles is None else "%.0f" % its.cycles]
    return "| %s |" % " | ".join(map(str, cells))


def report(data, found, vendors):
    versions = dict.fromkeys(name for vendor, _ in vendors for name in vendor.versions())
    lines = [
        "# Machine code of the main kernels on each GPU", "",
        "`tests/vendor/gpu_code.py build/tests/vendor/print_programs --report FILE` writes this page from the code",
        "that the vendors' compilers make; no GPU is needed. Compilers: %s." % ", ".join(versions), "",
        "Rows of tiles (matmul, conv2d) count the instructions of one step of TILE_K, inner loop included; other rows",
        "count one turn of the loop that computes and loads most. \"FMA share\" is that of the innermost loop.",
        "\"Wait\" is where the loop waits for its global loads: *after* the multiply-adds hides their latency;",
        "*before* and *within* do not. Registers are those of a work-item (Intel: of a hardware thread), local memory",
        "and spilled memory are bytes. Waves are those that fit on a multiprocessor (NVIDIA, of 64), a SIMD (AMD) or a",
        "vector engine (Intel, of 8). Cycles are those of a turn of the innermost loop of one wave by llvm-mca.",
        "AMD's packed multiply-adds count as one instruction and do two.", "",
        "| kernel | target | FMA | local loads | local stores | global loads | integer | select | move | wait | barrier | other | FMA share | wait | registers | local | spilled | waves | cycles |",
        "|---|---|" + "---|" * 17]
    for kernel in data["kernels"]:
        lines += [row(kernel["name"], device, found[kernel["name"], device])
                  for device in data["targets"] if (kernel["name"], device) in found]
    return "\n".join(lines) + "\n"


def usable(data, wanted):
    """[(vendor, devices)] of the data file's targets that can be compiled for; prints the others."""
    vendors = []
    with tempfile.TemporaryDirectory() as folder:
        for vendor in compilers.VENDORS:
            devices = []
            for device in data["targets"]:
                if device not in vendor.devices or (wanted and device not in wanted):
                    continue
                reason = compilers.why_missing(vendor, device, folder) or vendor.why_no_listing()
                if reason:
                    print("skipped: %s: %s" % (device, reason))
                else:
                    devices.append(device)
            if devices:
                vendors.append((vendor, devices))
    return vendors


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("print_programs")
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--bars", type=pathlib.Path, default=ROOT / "gpu_code.json")
    parser.add_argument("--write-bars", action="store_true")
    parser.add_argument("--target", action="append", default=[])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    data = json.loads(arguments.bars.read_text())
    if unknown := [name for name in arguments.target if name not in data["targets"]]:
        sys.exit("there is no target '%s'; there are: %s" % (unknown[0], ", ".join(data["targets"])))
    vendors = usable(data, arguments.target)
    if not vendors:
        sys.exit(SKIPPED)
    found, errors = collect(data, read_programs(arguments.print_programs), vendors, arguments.jobs)
    if arguments.report:
        arguments.report.write_text(report(data, found, vendors))
    if arguments.write_bars:
        data["bars"] = bars_of(data, found)
        arguments.bars.write_text(dump(data))
    messages, compared = beyond(data["bars"], found)
    for message in errors + messages:
        print(message)
    print("%d kernels on %d targets: %d bars, %d errors" % (
        len(data["kernels"]), sum(len(devices) for _, devices in vendors), compared,
        len(errors + messages)))
    sys.exit(1 if errors or messages else 0)


if __name__ == "__main__":
    main()
