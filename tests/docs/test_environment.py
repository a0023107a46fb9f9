"""Compares the table of environment variables in docs/environment.md with the source: each variable that
the code reads has a row, and each row is read.

usage: test_environment.py SOURCE_FOLDER
"""
import pathlib
import re
import sys

# Functions that take the name of a variable, and the prefixes of names that are nothing else.
READERS = "getenv|user_folder|threads_from|value_of|variable"
PREFIXES = "TESSERA|XDG|OMP|OCL|OPENCL"
# A library that the tests load before drivers: it is told what to break.
LEFT_OUT = "tests/tool/opencl_faults.cpp"


def read_by_library(text):
    """Names in a file of the library, the tool or the benchmarks."""
    calls = re.findall(rf"\b(?:{READERS})\(([^;]*?)\)", text)
    names = {name for call in calls for name in re.findall(r'"([A-Z][A-Z0-9_]*)"', call)}
    return names | set(re.findall(rf'"((?:{PREFIXES})_[A-Z0-9_]*[A-Z0-9])"', text))


def read_by_tests(text):
    """Tests also set variables, which is no reading."""
    return set(re.findall(r'getenv\("(TESSERA_[A-Z0-9_]*[A-Z0-9])"', text))


def names_in(source, folders, read):
    return {name for folder in folders for path in (source / folder).rglob("*")
            if path.suffix in (".cpp", ".h") and str(path.relative_to(source)) != LEFT_OUT
            for name in read(path.read_text())}


def main(source):
    source = pathlib.Path(source)
    found = names_in(source, ["backends", "bench", "engine", "models", "onnx", "tools"], read_by_library)
    found |= names_in(source, ["tests"], read_by_tests)
    assert {"TESSERA_DEVICE", "TESSERA_CACHE_DIR", "OMP_NUM_THREADS", "HOME"} <= found, found
    rows = re.findall(r"^\| (`.*?) \|", (source / "docs" / "environment.md").read_text(), re.M)
    documented = re.findall(r"`(\w+)`", " ".join(rows))
    problems = [f"{name} is read, but has no row in docs/environment.md" for name in sorted(found - {*documented})]
    problems += [f"{name} has a row in docs/environment.md, but is not read" for name in documented
                 if name not in found]
    problems += [f"{name} has {documented.count(name)} rows" for name in sorted({*documented})
                 if documented.count(name) > 1]
    print("\n".join(problems) or f"{len(documented)} variables")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
