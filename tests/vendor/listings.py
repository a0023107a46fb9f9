"""Reads the machine code that vendors' compilers make: instructions by kind, loops, and where a loop
waits for its global loads.

A listing is the text of nvdisasm (NVIDIA), of clang -S (AMD) or of IGC's .asm dump (Intel).
"""
import collections
import dataclasses
import re

KINDS = ["fma", "matrix", "float", "local load", "local store", "global load", "global store",
         "integer", "select", "move", "wait", "barrier", "other"]
# How many waits and moves a loop needs depends on the vendor; these are work in themselves.
BEFORE, WITHIN, AFTER, LAST, NONE = "before", "within", "after", "loads last", ""


@dataclasses.dataclass
class Instruction:
    kind: str
    name: str
    text: str = ""
    bytes: int = 0  # of a load or store of a work-item
    fma: int = 0  # multiply-adds of a work-item
    target: str = ""  # label of a branch
    ready: int | None = None  # AMD: global loads that may still be on their way


@dataclasses.dataclass
class Code:
    """The instructions of a kernel, and the positions of its labels."""
    instructions: list
    labels: dict

    def loops(self):
        """(first, last) of each loop: a branch back and its target."""
        found = set()
        for i, instruction in enumerate(self.instructions):
            first = self.labels.get(instruction.target)
            if first is not None and first <= i:
                found.add((first, i))
        return sorted(found)

    def hot_loop(self):
        """The innermost loop that computes and loads most; all of the code if there is no loop."""
        loops = self.loops()
        inner = [loop for loop in loops if not any(encloses(loop, other) for other in loops)]
        if not inner:
            return 0, len(self.instructions) - 1
        return max(inner, key=lambda loop: (self.work(*loop), -loop[0]))

    def work(self, first, last):
        return sum(2 if i.kind == "matrix" else i.kind in ("fma", "float", "global load")
                   for i in self.instructions[first:last + 1])

    def step_loop(self, hot):
        """The loop around `hot` that waits at barriers; `hot` itself if there is none."""
        if self.has_barrier(hot):
            return hot
        around = [loop for loop in self.loops() if encloses(loop, hot) and self.has_barrier(loop)]
        return min(around, key=lambda loop: loop[1] - loop[0], default=hot)

    def has_barrier(self, loop):
        return any(i.kind == "barrier" for i in self.instructions[loop[0]:loop[1] + 1])

    def count(self, hot, step, repeats):
        """Instructions by kind of one turn of the loop `step`, whose inner loop turns `repeats`
        times."""
        counts = collections.Counter()
        for i in range(step[0], step[1] + 1):
            counts[self.instructions[i].kind] += repeats if hot[0] <= i <= hot[1] else 1
        return counts

    def widths(self, loop, kind):
        """{bytes: instructions} of the accesses of a kind."""
        return collections.Counter(
            i.bytes for i in self.instructions[loop[0]:loop[1] + 1] if i.kind == kind)

    def wait_place(self, loop, first_use):
        """Where the loop waits for the global loads that stand before its multiply-adds: before,
        within or after those. `loads last`: the loads stand behind them."""
        body = self.instructions[loop[0]:loop[1] + 1]
        sums = [i for i, x in enumerate(body) if x.kind in ("fma", "matrix")]
        loads = [i for i, x in enumerate(body) if x.kind == "global load"]
        if not sums or not loads:
            return NONE
        early = [i for i in loads if i < sums[0]]
        if not early:
            return LAST
        uses = [first_use(body, i) for i in early]
        if min(uses) < sums[0]:
            return BEFORE
        return AFTER if min(uses) > sums[-1] else WITHIN


def encloses(loop, other):
    return loop != other and loop[0] <= other[0] and other[1] <= loop[1]


def kind_of(name, rules):
    for kind, pattern in rules:
        if re.match(pattern, name):
            return kind
    return "other"


# NVIDIA.

NVIDIA_RULES = [
    ("fma", r"FFMA"), ("matrix", r"HMMA"), ("wait", r"DEPBAR|LDGDEPBAR|NOP"),
    ("select", r"FSEL|SEL|FSETP|ISETP|PLOP|R2P|P2R"), ("float", r"F(ADD|MUL|MNMX|CHK)|MUFU|F2F"),
    ("local load", r"LDS"), ("local store", r"STS"), ("global load", r"LDG|LD\b|LD\."),
    ("global store", r"STG|ST\b|ST\."), ("barrier", r"BAR"),
    ("move", r"MOV|UMOV|CS2R|S2R|S2UR|R2UR|HFMA2|LDC|ULDC|PRMT|LDL|STL"),
    ("integer", r"U?(IMAD|IADD|LEA|LOP|SHF|IABS|IMNMX|VIMNMX|VIADD|I2F|F2I|I2|SHL|SHR|ISETP|SEL)"),
]


def nvidia_bytes(name):
    found = re.search(r"\.(64|128|U8|U16|S8|S16)\b", name)
    return {"64": 8, "128": 16, "U8": 1, "S8": 1, "U16": 2, "S16": 2}[found[1]] if found else 4


def read_nvidia(text):
    """{kernel: Code} of `nvdisasm -c`."""
    codes, code = {}, None
    for line in text.splitlines():
        if found := re.match(r"\s*\.section\s+\.text\.([\w$]+)", line):
            code = codes.setdefault(found[1], Code([], {}))
        elif code is None:
            continue
        elif found := re.match(r"(\.L_\S+):", line):
            code.labels[found[1]] = len(code.instructions)
        elif found := re.match(r"\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+\s+)?(\S+)\s*(.*?)\s*;", line):
            name, operands = found.groups()
            kind = kind_of(name, NVIDIA_RULES)
            branch = re.search(r"`\((\.L_\S+?)\)", operands) if name.startswith("BRA") else None
            code.instructions.append(Instruction(
                kind, name, operands, nvidia_bytes(name) if kind.endswith(("load", "store")) else 0,
                int(kind == "fma"), branch[1] if branch else ""))
    return codes


def nvidia_first_use(body, load):
    """The first instruction after a load that names a register it writes."""
    register = re.match(r"R(\d+)", body[load].text)
    if not register:
        return load
    first = int(register[1])
    written = {first + i for i in range(max(1, body[load].bytes // 4))}
    for i in range(load + 1, len(body)):
        if written & {int(n) for n in re.findall(r"\bR(\d+)", body[i].text)}:
            return i
    return len(body)


# AMD.

AMD_RULES = [
    ("fma", r"v_(pk_|dual_)?(fma|fmac|mac|mad)\w*_f32|v_dual_fma"), ("matrix", r"v_mfma|v_wmma"),
    ("local load", r"ds_(read|load)"), ("local store", r"ds_(write|store)"),
    ("global load", r"(global|flat|buffer)_load"), ("global store", r"(global|flat|buffer)_store"),
    ("wait", r"s_(waitcnt|delay|nop|wait|clause)"), ("barrier", r"s_barrier"),
    ("select", r"v_(dual_)?cndmask|v_cmp|s_cselect|s_cmp"),
    ("move", r"v_(dual_)?mov|v_(readlane|readfirst|writelane|accvgpr)|s_mov|scratch_"),
    ("float", r"v_\w*_f(32|16|64)"), ("integer", r"v_|s_(?!c?branch|load|endpgm)"),
]
AMD_BYTES = {"b8": 1, "b16": 2, "b32": 4, "b64": 8, "b96": 12, "b128": 16, "dword": 4, "dwordx2": 8,
             "dwordx3": 12, "dwordx4": 16, "ubyte": 1, "sbyte": 1, "ushort": 2, "u8": 1, "i8": 1}


def read_amd(text):
    """{kernel: Code} of `clang -S` for amdgcn."""
    codes = {}
    for function in text.split("; -- Begin function ")[1:]:
        code = codes[function.split()[0]] = Code([], {})
        for line in function.splitlines():
            if found := re.match(r"(\.?\w+):", line):
                code.labels[found[1]] = len(code.instructions)
            elif found := re.match(r"\s+([a-z]\w+)\s*([^;]*)", line):
                # Two operations in one instruction of RDNA3 are counted as two.
                for part in line.split(";")[0].split("::"):
                    add_amd(code, *re.match(r"\s*(\w+)\s*(.*)", part).groups())
    return {name: code for name, code in codes.items() if code.instructions}


def add_amd(code, name, operands):
    kind = kind_of(name, AMD_RULES)
    width = AMD_BYTES.get(re.sub(r"_(st64|d16_hi)$", "", name).rpartition("_")[2], 0)
    if re.match(r"ds_(read|write|load|store)_?2", name):
        width *= 2
    ready = re.search(r"vmcnt\((\d+)\)", operands) if name == "s_waitcnt" else None
    branch = operands.split()[0] if re.match(r"s_c?branch", name) and operands else ""
    code.instructions.append(Instruction(
        kind, name, operands, width if kind.endswith(("load", "store")) else 0,
        (2 if name.startswith("v_pk") else 1) * (kind == "fma"), branch,
        int(ready[1]) if ready else None))


def amd_first_use(body, load):
    """The first wait that lets no more loads be on their way than began after this one."""
    began = 0
    for i in range(load + 1, len(body)):
        if body[i].ready is not None and body[i].ready <= began:
            return i
        began += body[i].kind == "global load"
    return len(body)


# Intel.

INTEL_RULES = [
    ("matrix", r"dpas"), ("float", r"math"), ("wait", r"sync\.(nop|allrd|allwr)"),
    ("barrier", r"sync\.bar"), ("select", r"sel|csel|cmp"), ("move", r"mov|smov"),
    ("integer", r"mach|macl|mul|add3?|avg|shl|shr|asr|and|or|xor|not|bfn|bfe|bfi|cbit|fbl|lzd|rol"),
]


def read_intel(text):
    """The Code of one .asm dump."""
    code = Code([], {})
    for line in text.splitlines():
        if found := re.match(r"(\w+):\s*$", line):
            code.labels[found[1]] = len(code.instructions)
        elif found := re.match(r"(?:\(W\))?(?:\([^)]*\))?\s+(?:\(\S+\)\s+)?([a-z][\w.]*)\s+(.*)", line):
            instruction = intel_instruction(*found.groups())
            # A goto has two labels; one that stands before it is the beginning of a loop.
            labels = (re.findall(r"\b(_\w+|L\d+)\b", instruction.text)
                      if re.match(r"jmpi|goto|while", instruction.name) else [])
            instruction.target = next(filter(code.labels.__contains__, labels), "")
            code.instructions.append(instruction)
    return code


def intel_instruction(name, operands):
    kind, width = kind_of(name, INTEL_RULES), 0
    if name.startswith(("send", "load", "store")):
        kind, width = intel_access(name, operands)
    floats = ":f " in operands + " "
    if floats and kind == "integer":
        kind = "float"
    if name == "mad":
        kind = "fma" if floats else "integer"
    return Instruction(kind, name, operands, width, int(kind == "fma"))


def intel_access(name, operands):
    """Kind and bytes of a message to memory."""
    if "barrier" in operands or "fence" in operands:
        return "barrier" if "signal" in operands else "wait", 0
    place = "local" if ".slm" in name else "global"
    if lsc := re.match(r"(load|store)\.(?:slm|ugm)\.d(\d+)(?:x(\d+))?", name):
        return "%s %s" % (place, lsc[1]), int(lsc[2]) // 8 * int(lsc[3] or 1)
    if "surface" not in operands and "read" not in operands and "write" not in operands:
        return "other", 0
    # The last byte of a message to the data port is its surface: 0xFE is local memory.
    descriptors = re.findall(r"0x[0-9A-Fa-f]{8}", operands)
    if descriptors and descriptors[-1].upper().endswith("FE"):
        place = "local"
    lanes = re.search(r" with ([xyzw]+)", operands)
    return (place + (" store" if "write" in operands else " load"),
            4 * len(lanes[1]) if lanes else 4)


def intel_first_use(body, load):
    """The first instruction after a load that waits for its token."""
    token = re.search(r"[{,](\$\d+)\}", body[load].text)
    if not token:
        return load
    for i in range(load + 1, len(body)):
        if re.search(re.escape(token[1]) + r"\.(dst|src)\b", body[i].text) and ".dst" in body[i].text:
            return i
    return len(body)
