"""Builds the reference page of the public headers and fails where a function or a type has no
documentation, or a comment is none that doxygen understands. Names of members that are data may speak
for themselves. Skipped without doxygen.

usage: check_reference.py SOURCE_FOLDER
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

MAY_BE_BARE = re.compile(r"\((variable|enumvalue|enumeration|typedef)\) of .* is not documented")


def main(source):
    doxygen = shutil.which("doxygen")
    if not doxygen:
        print("skipped: no doxygen")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        settings = pathlib.Path(source, "docs/Doxyfile").read_text()
        result = subprocess.run([doxygen, "-"], cwd=source, capture_output=True, text=True,
                                input=f"{settings}\nOUTPUT_DIRECTORY = {folder}\n")
        pages = list(pathlib.Path(folder, "html").glob("classtessera_1_1*.html"))
    problems = [line for line in result.stderr.splitlines()
                if line.strip() and not MAY_BE_BARE.search(line)]
    print(*problems, f"{len(pages)} classes, {len(problems)} problems", sep="\n")
    return 1 if problems or result.returncode or len(pages) < 10 else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
