"""How many waves (warps, hardware threads) of a kernel fit on a part of each GPU, by its registers
and its local memory."""
import re

# NVIDIA: of a multiprocessor. 4-byte registers, bytes of local memory, warps, work-groups.
NVIDIA = {"sm_80": (65536, 164 << 10, 64, 32), "sm_90": (65536, 228 << 10, 64, 32),
          "sm_100": (65536, 228 << 10, 64, 32)}
# AMD: lanes of a wave; local memory of a compute unit, and its SIMDs.
AMD = {"gfx90a": (64, 64 << 10, 4), "gfx940": (64, 64 << 10, 4), "gfx1030": (32, 64 << 10, 2),
       "gfx1100": (32, 64 << 10, 2)}
# Intel: local memory, vector engines and hardware threads of each, of an Xe core.
INTEL = {"dg2": (128 << 10, 16, 8), "pvc": (128 << 10, 8, 8)}


def nvidia(device, resources, items):
    """Warps of a multiprocessor."""
    registers, local, warps, groups = NVIDIA[device]
    of_group = -(-items // 32)
    by_registers = registers // (-(-resources.registers * 32 // 256) * 256) // of_group
    by_local = local // ((resources.local or 0) + 1024)  # the driver takes one KiB of each group
    return min(by_registers, by_local, groups, warps // of_group) * of_group


def amd(device, resources, items):
    """Waves of a SIMD."""
    lanes, local, simds = AMD[device]
    by_registers = int(re.match(r"\d+", resources.occupancy)[0])
    if not resources.local:
        return by_registers
    groups = local // resources.local
    return min(by_registers, max(1, groups * -(-items // lanes) // simds))


def intel(device, resources, items):
    """Hardware threads of a vector engine."""
    local, engines, threads = INTEL[device]
    lanes = int(resources.occupancy.removeprefix("SIMD") or 8)
    if resources.registers and resources.registers > 128:
        threads //= 2
    if not resources.local:
        return threads
    return min(threads, max(1, local // resources.local * -(-items // lanes) // engines))
