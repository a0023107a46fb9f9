"""Checks the objects of the CPU backend's variants: check_objects.py NM OBJDUMP OBJECT...

Each may show the linker one function only, and none may contain instructions that its machines do
not have: a function that one variant compiled must never be called in place of another's.
"""
import re
import subprocess
import sys
import unittest

NM, OBJDUMP, *OBJECTS = sys.argv[1:]


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def instructions(path):
    """The instructions of an object, as objdump prints them."""
    for line in output(OBJDUMP, "--disassemble", "--no-show-raw-insn", path).splitlines():
        found = re.match(r"\s+[0-9a-f]+:\s+(\S.*)", line)
        if found:
            yield found.group(1)


def uses(path, pattern):
    return any(re.search(pattern, instruction) for instruction in instructions(path))


VEX = r"^v(?!err|erw)|%[yz]mm"  # AVX and later; their names begin with v
AVX512 = r"%zmm|%k[1-7]"


class Objects(unittest.TestCase):
    def object_of(self, level):
        found = [path for path in OBJECTS if path.endswith(f"x86_64_{level}.o")]
        if not found:
            self.skipTest(f"{level} is not built")
        return found[0]

    def test_one_global_symbol(self):
        for path in OBJECTS:
            symbols = output(NM, "--extern-only", "--defined-only", path).split("\n")
            names = [line.split()[-1] for line in symbols if line.strip()]
            variant = re.search(r"(x86_64_v\d)\.o$", path).group(1)
            self.assertEqual(names, [f"tessera_cpu_variant_{variant}"], path)

    def test_v2_has_no_avx(self):
        self.assertFalse(uses(self.object_of("v2"), VEX))

    def test_v3_has_avx_but_no_avx512(self):
        self.assertTrue(uses(self.object_of("v3"), VEX))
        self.assertFalse(uses(self.object_of("v3"), AVX512))

    def test_v4_has_avx512(self):
        self.assertTrue(uses(self.object_of("v4"), AVX512))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
