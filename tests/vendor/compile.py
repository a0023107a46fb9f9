"""Compiles the OpenCL kernels for real GPUs on a machine that has none, with their vendors'
compilers: every program that print_programs finds, for every target that can be compiled for here.

usage: compile.py PRINT_PROGRAMS [--all] [--report FILE] [--jobs N] [--only TEXT]

Without --all it takes the extremes of each vendor's targets, which saves a third of the time.
Fails on a compile error and on a kernel for GPUs that keeps private data in memory (spilled
registers, arrays not in registers). --report writes what each kernel takes of each target.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import compilers

SKIPPED = 77

# (file, kernel, target, macro): may keep private data in memory.
MAY_SPILL = {
    # ocloc makes threads of 32 lanes there, which leaves a lane 128 bytes of registers.
    *((file, kernel, "pvc", "")
      for file, kernel in (("conv2d.cl", "conv2d_tile"), ("conv2d.cl", "conv2d_dw_tile"),
                           ("conv2d_depthwise.cl", "conv2d_depthwise"),
                           ("conv2d_depthwise.cl", "conv2d_depthwise_dw"),
                           ("max_pool2d.cl", "max_pool2d"), ("max_pool2d.cl", "max_pool2d_dx"),
                           ("normalization.cl", "normalization_sums"))),
    # ocloc does not unroll the loop over the tile's pixels there.
    ("conv2d_depthwise.cl", "conv2d_depthwise", "dg2", ""),
    # ocloc lays out in memory what goes into and comes out of matrix units.
    *(("matmul_local.cl", "matmul_local", device, "MATRIX_UNITS=3") for device in ("dg2", "pvc")),
}


def read_programs(print_programs):
    """[{file, options, kernels, targets, source}]; `kernels` are those that these targets run; none
    of both where the file stands with its own defaults, which must compile. A .json file has what the
    program printed."""
    if print_programs.endswith(".json"):
        return json.loads(pathlib.Path(print_programs).read_text())
    done = subprocess.run([print_programs], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def usable_devices(folder, everything):
    """[(vendor, devices)] that can be compiled for here; prints why others cannot."""
    usable = []
    for vendor in compilers.VENDORS:
        devices = []
        for device in vendor.devices if everything else vendor.extremes:
            reason = compilers.why_missing(vendor, device, folder)
            if reason:
                print("skipped: %s %s: %s" % (vendor.__name__, device, reason))
            else:
                devices.append(device)
        if devices:
            usable.append((vendor, devices))
    return usable


def compile_program(program, vendor, devices):
    """Resources by kernel, for each device. Throws CompileError."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / program["file"]
        file.write_text(program["source"])
        return vendor.compile(file, program["options"].split(), devices)


def compile_all(programs, vendors, jobs):
    """(results: {(file, options): {device: {kernel: Resources}}}, messages of errors)"""
    results, errors = collections.defaultdict(dict), []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        pending = {}
        for program in programs:
            for vendor, usable in vendors:
                devices = [device for device in usable if device in program["targets"]]
                if not program["targets"]:
                    devices = usable[-1:]
                if devices:
                    done = pool.submit(compile_program, program, vendor, devices)
                    pending[done] = (program, vendor)
        for done in concurrent.futures.as_completed(pending):
            program, vendor = pending[done]
            try:
                results[program["file"], program["options"]].update(done.result())
            except compilers.CompileError as error:
                errors.append("%s does not compile with '%s' for %s:\n%s" % (
                    program["file"], program["options"], vendor.__name__, error))
    return results, sorted(errors)


def check(programs, results):
    """Messages on kernels that are missing or keep private data in memory."""
    messages = []
    for program in programs:
        file, options = program["file"], program["options"]
        for device, kernels in results[file, options].items():
            for name in program["kernels"]:
                where = "%s of %s with '%s' for %s" % (name, file, options, device)
                if name not in kernels:
                    messages.append(where + ": the compiler does not say what it takes")
                elif kernels[name].scratch and not any(
                        (file, name, device) == known[:3] and known[3] in options
                        for known in MAY_SPILL):
                    messages.append("%s: %d bytes of private data in memory, expected none" % (
                        where, kernels[name].scratch))
    return messages


def cell(resources):
    if resources is None:
        return ""
    text = " ".join([str(resources.registers), resources.occupancy.replace(" waves", "w")]).strip()
    return text + (" **%d B**" % resources.scratch if resources.scratch else "")


def report(programs, results, vendors):
    """Markdown: what each kernel that a GPU runs takes of each target."""
    devices = [device for _, devices in vendors for device in devices]
    names = {device: name for vendor, _ in vendors for device, name in vendor.devices.items()}
    versions = dict.fromkeys(name for vendor, _ in vendors for name in vendor.versions())
    asked = [program for program in programs if program["kernels"]]
    macros = {id(program): program["options"].replace("-D ", "").split() for program in asked}
    everywhere = set.intersection(*map(set, macros.values()))
    rows = collections.defaultdict(list)  # (kernel, what it takes) -> macros it takes that with
    for program in asked:
        found = results[program["file"], program["options"]]
        for kernel in program["kernels"]:
            of = [found.get(device, {}).get(kernel) for device in devices]
            local = max((r.local or 0 for r in of if r), default=0)
            rows["%s %s" % (program["file"], kernel), local, *map(cell, of)].append(
                " ".join(macro for macro in macros[id(program)] if macro not in everywhere))
    return "\n".join([
        "# Kernel resources on each GPU", "",
        "`tests/vendor/compile.py build/tests/vendor/print_programs --all --report FILE` writes this page.",
        "It compiles every program of the OpenCL backend with the vendors' compilers, without a GPU:",
        "%s." % ", ".join(versions), "",
        "Each cell has the number of registers per work-item (Intel: per hardware thread), then for AMD the",
        "waves that fit on a SIMD, for Intel the lanes of a thread. Bold numbers are bytes of private data in",
        "memory (spilled registers) per work-item (Intel: per thread). Local is bytes per work-group.",
        "All programs have %s." % " ".join(sorted(everywhere)), "",
        "| kernel | macros | local | %s |" % " | ".join(
            "%s %s" % (device, names[device]) for device in devices),
        "|---|---|---|%s|" % "|".join("---" for _ in devices),
        *["| %s | %s | %s |" % (row[0], "; ".join(with_macros), " | ".join(map(str, row[1:])))
          for row, with_macros in rows.items()]]) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("print_programs")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="files whose name contains it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        vendors = usable_devices(folder, arguments.all)
    if not vendors:
        sys.exit(SKIPPED)
    programs = [program for program in read_programs(arguments.print_programs)
                if arguments.only in program["file"]]
    results, errors = compile_all(programs, vendors, arguments.jobs)
    errors += check(programs, results)
    for error in errors:
        print(error)
    print("%d programs, %d kernels for %d targets: %d errors" % (
        len(programs), sum(len(program["kernels"]) for program in programs),
        sum(len(devices) for _, devices in vendors), len(errors)))
    if arguments.report:
        arguments.report.write_text(report(programs, results, vendors))
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
