"""The hardening that Debian's own builds have, as the ELF files show it: position independence,
BIND_NOW, RELRO, no executable stack, stack protector, and the checked functions of the C library.

usage: hardening.py READELF FILE...
"""
import re
import subprocess
import sys

READELF, FILES = sys.argv[1], sys.argv[2:]


def readelf(option, path):
    return subprocess.run([READELF, "--wide", option, path], check=True, capture_output=True,
                          text=True).stdout


def missing(path):
    header, dynamic = readelf("--file-header", path), readelf("--dynamic", path)
    segments, symbols = readelf("--segments", path), readelf("--dyn-syms", path)
    checks = {
        "position-independent code": re.search(r"Type:\s+DYN", header),
        "BIND_NOW": re.search(r"BIND_NOW|FLAGS_1.*\bNOW\b", dynamic),
        "RELRO": "GNU_RELRO" in segments,
        "a stack that is not executable": re.search(r"GNU_STACK.* RW ", segments),
        "stack protector": "__stack_chk_fail" in symbols,
        "fortified functions": re.search(r"\b__\w+_chk\b", symbols),
    }
    return [name for name, found in checks.items() if not found]


def main():
    failed = False
    for path in FILES:
        for name in missing(path):
            failed = True
            print(f"{path} has no {name}")
    return 1 if failed or not FILES else 0


sys.exit(main())
