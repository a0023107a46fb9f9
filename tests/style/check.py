"""Rules of the source tree that a compiler does not check: who may include what, where vendor names
may stand, how long a file may be, and the formatting (skipped without clang-format 14).

usage: check.py SOURCE_FOLDER
"""
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)).resolve()
FOLDERS = ["backends", "bench", "cl_kernels", "engine", "examples", "models", "onnx",
           "tests", "tools"]
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*")
                 if path.suffix in (".cpp", ".h", ".cl"))


def code(path):
    """The text without comments."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.S)


def prose(line):
    """Comments and texts in a line of C++ or OpenCL C, but not the files that it includes."""
    if line.startswith("#include"):
        return ""
    texts = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
    return " ".join(texts + re.findall(r"//.*", re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)))


def name(path):
    return str(path.relative_to(ROOT))


# Words that are not the field's, with those that are. The first list holds everywhere, the second in
# README, docs and public headers, and in comments and texts of these folders.
PROSE_FOLDERS = {"cl_kernels", "engine", "models", "onnx", "tools"}
SPELLINGS = {r"optimis|normalis|initialis": "American spelling: -iz-", r"colour": "color",
             r"neighbour": "neighbor", r"behaviour": "behavior", r"\bgrey": "gray",
             r"labelled": "labeled", r"\bcentre\b": "center"}
TERMS = {r"of one's own": "your own", r"data set with a name": "built-in data set",
         r"\bheld out\b": "validation split", r"brings? home": "copies to the host",
         r"\bthe works\b": "the workloads", r"\bgoes? on\b": "continues", r"gives back": "returns",
         r"\bstands? in\b": "is in", r"\bnets\b": "models", r"\bso it does\b": "say it again",
         r"\bof those that\b": "options that", r"\bthat which\b": "the noun",
         r"takes no notice": "ignores", r"side of a work-group": "local size",
         r"\b(is|are) told\b": "gets", r"element-wise": "elementwise", r"passed over": "ignored",
         r"asks? for memory ahead": "prefetches", r"past the cache": "non-temporal",
         r"to be avoided": "unreliable", r"prepared filters": "packed weights",
         r"on (its|their) way\b": "staging", r"\b(is|are) spelt\b": "is spelled",
         r"made[- ]up": "generated"}


class StyleTest(unittest.TestCase):
    def offenders(self, folders, pattern, but=()):
        return [name(path) for path in SOURCES
                if name(path).split("/")[0] in folders and name(path) not in but
                and re.search(pattern, code(path), re.I | re.M)]

    def test_words_are_those_of_the_field(self):
        documents = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
        generated = {ROOT / "docs/ops.md"}
        headers = [path for path in SOURCES if "/include/tessera/" in str(path)]
        sources = [path for path in SOURCES if name(path).split("/")[0] in PROSE_FOLDERS]
        checked = [(path, SPELLINGS, str) for path in [*SOURCES, *documents]]
        checked += [(path, TERMS, str) for path in [*documents, *headers] if path not in generated]
        checked += [(path, TERMS, prose) for path in sources if path not in headers]
        found = []
        for path, terms, part in checked:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                found += [f"{name(path)}:{number}: '{term}', expected: {wanted}"
                          for term, wanted in terms.items() if re.search(term, part(line), re.I)]
        self.assertEqual(found, [])

    def test_there_are_sources(self):
        self.assertGreater(len(SOURCES), 50)

    def test_engine_includes_no_backend(self):
        self.assertEqual(
            self.offenders({"engine"}, r'#include\s*[<"](CL/|Eigen|clblast|backends/|models/|onnx/)'), [])

    def test_backends_include_neither_models_nor_tools(self):
        self.assertEqual(
            self.offenders({"backends"}, r'#include\s*"(models/|tools/|tessera/models)'), [])

    def test_op_files_do_not_see_the_executables_side(self):
        side = r'#include\s*"backends/\w+/(lowering/(plan_lowering|counting)|runtime/(device|executable))\.h"'
        self.assertEqual([path for path in self.offenders({"backends"}, side) if "/ops/" in path], [])

    def test_tools_and_examples_use_public_headers_only(self):
        self.assertEqual(
            self.offenders({"tools", "examples"}, r'#include\s*"(engine|backends|models|onnx)/'), [])

    def test_tools_print_through_standard_streams(self):
        # Which escapes names, and notices output that is lost.
        self.assertEqual(self.offenders({"tools"}, r"fmt::print\(|std::printf|std::cerr"), [])

    def test_opencl_headers_stand_in_one_file(self):
        self.assertEqual(self.offenders(set(FOLDERS), r"#include\s*<CL/opencl.hpp>"),
                         ["backends/opencl/runtime/cl.h"])

    def test_vendor_names_stand_in_traits_only(self):
        vendors = r"\b(nvidia|amd|radeon|intel|apple|arm mali|qualcomm|pocl|mesa|clover|rusticl)\b"
        self.assertEqual(self.offenders({"backends", "cl_kernels"}, vendors,
                                        but={"backends/opencl/runtime/traits.cpp"}), [])

    def test_parameters_have_4_bytes(self):
        # Host and kernels then have the same layout.
        known = {"int", "unsigned int", "float"}
        for path in sorted((ROOT / "cl_kernels/params").glob("*.h")):
            for body, name_of_struct in re.findall(r"typedef struct {(.*?)} (\w+);", code(path), re.S):
                for member in filter(None, map(str.strip, body.split(";"))):
                    kind = re.match(r"(unsigned int|\w+) [\w, ]+$", member)
                    self.assertTrue(kind and kind[1] in known, f"{name(path)}: {member}")
                known.add(name_of_struct)

    def test_kernels_use_no_double_and_no_atomics(self):
        self.assertEqual(self.offenders({"cl_kernels"}, r"\bdouble\b|\batomic"), [])

    def test_files_are_short(self):
        self.assertEqual([name(path) for path in SOURCES
                          if len(path.read_text().splitlines()) > 420], [])

    def test_nothing_is_left_undone(self):
        self.assertEqual(self.offenders(set(FOLDERS), r"\b(TODO|FIXME|XXX)\b"), [])

    def test_map_names_each_folder(self):
        document = (ROOT / "docs/architecture.md").read_text()
        named = set(re.findall(r"^\| `([\w/]+)/` \|", document, re.M))
        rooms = {"/".join(name(path).split("/")[:2]) for path in SOURCES
                 if name(path).split("/")[0] in {"backends", "engine", "tools"} and len(name(path).split("/")) > 2}
        rooms -= {"engine/include", "engine/pch", "tools/pch"}
        self.assertEqual(sorted(named - {name for name in named if (ROOT / name).is_dir()}), [])
        self.assertEqual(sorted((rooms | set(FOLDERS)) - named), [])

    def test_format(self):
        formatter = shutil.which("clang-format")
        if not formatter or "version 14." not in subprocess.check_output([formatter, "--version"],
                                                                        text=True):
            self.skipTest("no clang-format 14")
        result = subprocess.run([formatter, "--dry-run", "-Werror", *map(str, SOURCES)],
                                capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr[:2000])


if __name__ == "__main__":
    unittest.main(verbosity=2)
