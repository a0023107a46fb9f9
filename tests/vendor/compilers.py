"""Compilers of GPU vendors that need no GPU: how each is run on an OpenCL C file, and what it says
of every kernel in it.

Intel: ocloc (package intel-opencl-icd). AMD and NVIDIA: clang, with the device libraries of AMD
(rocm-device-libs) and libclc; NVIDIA's own assembler, ptxas, comes with CUDA.
"""
import dataclasses
import functools
import glob
import os
import pathlib
import re
import shutil
import struct
import subprocess

import listings

STANDARD = "-cl-std=CL1.2"
CLANG = "clang-15"
AMD_LIBRARIES = "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode"
NVIDIA_LIBRARY = "/usr/lib/clc/nvptx64--nvidiacl.bc"
# What the header of Debian's ocloc lacks, while the rest of it knows these functions.
INTEL_MATRIX_FUNCTIONS = "".join(
    "float8 __attribute__((overloadable)) intel_sub_group_bf16_bf16_matrix_mad_k16(%s, int8, float8);\n"
    % left for left in ("short8", "int8"))
DUMPS = "listings"  # folder for the listings of Intel's compiler
PROBE = "__kernel void probe(__global float* x) { x[get_global_id(0)] = 1.0f; }\n"


class CompileError(Exception):
    """The command and the compiler's log."""


@dataclasses.dataclass
class Resources:
    """What a kernel takes of a target; None: the compiler does not say."""
    registers: int | None = None  # of a work-item; Intel: of a hardware thread
    local: int | None = None  # bytes of a work-group
    # Bytes of private data in memory, of a work-item (Intel: of a hardware thread): spilled
    # registers, arrays not in registers.
    scratch: int = 0
    occupancy: str = ""  # waves of a SIMD (AMD), lanes of a hardware thread (Intel)


def run(command, folder, variables={}):
    """Its output, both streams. Throws CompileError when it fails."""
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", env={**os.environ, **variables})
    if done.returncode != 0:
        raise CompileError("%s\n%s" % (" ".join(command), done.stdout))
    return done.stdout


class Intel:
    package = "intel-opencl-icd"
    extremes = ["skl", "dg2", "pvc"]  # of which the others are in between
    devices = {"skl": "Gen9", "tgllp": "Gen12", "dg2": "Xe-HPG", "pvc": "Xe-HPC"}

    @staticmethod
    def compile(file, options, devices, listed=False):
        """Resources by kernel, for each device; `listed`: listing() will be asked. Throws
        CompileError."""
        found = {}
        if "MATRIX_UNITS=3" in options:
            file.write_text(INTEL_MATRIX_FUNCTIONS + file.read_text())
        for device in devices:
            log = run(["ocloc", "compile", "-file", file.name, "-device", device, "-options",
                       " ".join([STANDARD, *options]), "-output", device], file.parent,
                      {"IGC_ShaderDumpEnable": "1", "IGC_DumpToCustomDir": DUMPS} if listed else {})
            binaries = list(file.parent.glob(device + "*.bin"))
            if not binaries:  # ocloc ends with 0 even so
                raise CompileError("ocloc for %s\n%s" % (device, log))
            found[device] = read_intel_binary(binaries[0].read_bytes())
            # Formats that are not read here still leave this in the log.
            for name, count in re.findall(r"kernel (\w+) .*spilled around (\d+)", log):
                kernel = found[device].setdefault(name, Resources())
                kernel.scratch = kernel.scratch or int(count)
        return found

    @staticmethod
    def why_no_listing():
        return None

    @staticmethod
    def listing(folder, device, kernel):
        """The Code of a kernel that was compiled there alone, with `listed`."""
        binary = next(folder.glob(device + "*.bin")).read_bytes()
        lanes = read_intel_binary(binary)[kernel].occupancy.lower()
        for file in (folder / DUMPS).glob("*_%s_*.asm" % lanes):
            text = file.read_text()
            if re.search(r"^//\.kernel %s$" % kernel, text, re.M):
                return listings.read_intel(text)
        raise CompileError("ocloc wrote no listing of %s" % kernel)

    @staticmethod
    def versions():
        return [run(["dpkg-query", "-W", "-f=ocloc ${Version}", Intel.package], None)]


def read_intel_binary(binary):
    """Resources by kernel of ocloc's ELF file, where it holds the format "patch tokens"."""
    OPENCL_BINARY, MAGIC = 0xff000005, b"CTNI"
    LOCAL, SCRATCH, ENVIRONMENT, PRIVATE = 15, 18, 23, 38  # tokens
    table, = struct.unpack_from("<Q", binary, 40)
    entry_bytes, entries = struct.unpack_from("<HH", binary, 58)
    program = b""
    for i in range(entries):
        kind, _, _, offset, size = struct.unpack_from("<IQQQQ", binary, table + i * entry_bytes + 4)
        if kind == OPENCL_BINARY:
            program = binary[offset:offset + size]
    kernels = {}
    if not program.startswith(MAGIC):
        return kernels
    count, _, patches = struct.unpack_from("<III", program, 16)
    at = 28 + patches
    for _ in range(count):
        # After a checksum and a hash: the sizes of name, patches and four heaps, and one more.
        name_bytes, patch_bytes, *heaps, _ = struct.unpack_from("<7I", program, at + 12)
        at += 40
        name = program[at:at + name_bytes].rstrip(b"\0").decode()
        at += name_bytes + sum(heaps)
        kernel = kernels[name] = Resources(local=0)
        end = at + patch_bytes
        while at < end:
            token, size = struct.unpack_from("<II", program, at)
            words = struct.unpack_from("<%dI" % ((size - 8) // 4), program, at + 8)
            if token == LOCAL:
                kernel.local = words[1]
            elif token == ENVIRONMENT:
                kernel.registers, kernel.occupancy = words[20], "SIMD%d" % words[3]
            elif token == SCRATCH:
                kernel.scratch += words[1]
            elif token == PRIVATE:
                kernel.scratch += words[3]
            at += size
    return kernels


class Amd:
    package = CLANG + " rocm-device-libs"
    extremes = ["gfx906", "gfx1030"]
    devices = {"gfx906": "GCN", "gfx90a": "CDNA2", "gfx940": "CDNA3", "gfx1030": "RDNA2",
               "gfx1100": "RDNA3"}

    @staticmethod
    def compile(file, options, devices, listed=False):
        found = {}
        for device in devices:
            run([CLANG, "-x", "cl", STANDARD, "--target=amdgcn-amd-amdhsa", "-mcpu=" + device,
                 *Amd.libraries(device), "-O3", "-S", *options, file.name, "-o", device + ".s"],
                file.parent)
            found[device] = read_amd_assembly((file.parent / (device + ".s")).read_text())
        return found

    @staticmethod
    def libraries(device):
        """Options for AMD's device libraries; for a device that is younger than these, those of its
        predecessor."""
        if device != "gfx1100":
            return ["--rocm-device-lib-path=" + AMD_LIBRARIES]
        names = ["opencl", "ocml", "ockl", "oclc_isa_version_1030", "oclc_daz_opt_on",
                 "oclc_unsafe_math_off", "oclc_finite_only_off", "oclc_correctly_rounded_sqrt_on",
                 "oclc_wavefrontsize64_off", "oclc_abi_version_400"]
        return ["-nogpulib", "-Xclang", "-finclude-default-header"] + [
            word for name in names
            for word in ("-Xclang", "-mlink-builtin-bitcode", "-Xclang",
                         "%s/%s.bc" % (AMD_LIBRARIES, name))]

    @staticmethod
    def why_no_listing():
        return None

    @staticmethod
    def listing(folder, device, kernel):
        """The Code of a kernel that was compiled there."""
        return listings.read_amd((folder / (device + ".s")).read_text())[kernel]

    @staticmethod
    def versions():
        return [run([CLANG, "--version"], None).splitlines()[0]]


def read_amd_assembly(text):
    kernels = {}
    for function in text.split("; -- Begin function ")[1:]:
        numbers = dict(re.findall(r"\n; (\w+): (\d+)", function))
        if "Occupancy" in numbers:  # else it is no kernel
            kernels[function.split()[0]] = Resources(
                int(numbers["NumVgprs"]), int(numbers["LDSByteSize"]), int(numbers["ScratchSize"]),
                numbers["Occupancy"] + " waves")
    return kernels


class Nvidia:
    package = CLANG + " libclc-15, ptxas of CUDA"
    extremes = ["sm_75", "sm_90"]
    devices = {"sm_70": "Volta", "sm_75": "Turing", "sm_80": "Ampere", "sm_90": "Hopper",
               "sm_100": "Blackwell"}

    @staticmethod
    def compile(file, options, devices, listed=False):
        run([CLANG, "-x", "cl", STANDARD, "--target=nvptx64-unknown-nvidiacl", "-Xclang",
             "-finclude-default-header", "-Xclang", "-mlink-builtin-bitcode", "-Xclang",
             NVIDIA_LIBRARY, "-O3", "-S", *options, file.name, "-o", "kernels.ptx"], file.parent)
        text = (file.parent / "kernels.ptx").read_text()
        found = {}
        for device in devices:
            # clang writes what is oldest; what kernels have inline may need more.
            version = "8.6" if device == "sm_100" else "8.0"
            (file.parent / (device + ".ptx")).write_text(
                re.sub(r"\.version .*\n\.target .*", ".version %s\n.target %s" % (version, device),
                       text, 1))
            log = run([assembler(device), "-arch=" + device, "-v", device + ".ptx", "-o",
                       device + ".cubin"], file.parent)
            found[device] = read_ptxas_log(log)
        return found

    @staticmethod
    def why_no_listing():
        return None if disassembler() else "no nvdisasm, which comes with CUDA"

    @staticmethod
    def listing(folder, device, kernel):
        """The Code of a kernel that was compiled there."""
        return listings.read_nvidia(
            run([disassembler(), "-c", device + ".cubin"], folder))[kernel]

    @staticmethod
    def versions():
        paths = dict.fromkeys(filter(None, map(assembler, Nvidia.devices)))
        return Amd.versions() + [
            "ptxas " + run([path, "--version"], None).splitlines()[-2].split(", ")[-1]
            for path in paths]


def read_ptxas_log(log):
    kernels = {}
    for name, body in re.findall(r"Compiling entry function '(\w+)'(.*?Used \d+ registers[^\n]*)",
                                 log, re.S):
        number = lambda pattern: sum(map(int, re.findall(pattern, body)))
        kernels[name] = Resources(number(r"Used (\d+) registers"), number(r"(\d+) bytes smem"),
                                  number(r"(\d+) bytes stack frame"))
    return kernels


@functools.lru_cache(maxsize=None)
def assembler(device):
    """The first ptxas that knows the device; None where none does."""
    for folder in cuda_folders():
        path = shutil.which("ptxas", path=folder)
        if path and "'%s'" % device in run([path, "--help"], None):
            return path
    return None


def cuda_folders():
    return [*os.environ.get("PATH", "").split(":"), os.environ.get("CUDA_HOME", "") + "/bin",
            *sorted(glob.glob("/usr/local/cuda*/bin")), *sorted(glob.glob("/opt/cuda*/bin"))]


def disassembler():
    """The first nvdisasm; None where there is none."""
    return shutil.which("nvdisasm", path=":".join(cuda_folders()))


VENDORS = [Intel, Amd, Nvidia]


def why_missing(vendor, device, folder):
    """Why a device cannot be compiled for here; None if it can."""
    if vendor is Nvidia and not assembler(device):
        return "no ptxas that knows " + device
    file = pathlib.Path(folder) / "probe.cl"
    file.write_text(PROBE)
    try:
        found = vendor.compile(file, [], [device])[device]
        return None if found else "nothing known of its format"
    except (CompileError, OSError) as error:
        return "needs %s (%s)" % (vendor.package, str(error).strip().splitlines()[-1])
