"""Every kernel under Oclgrind, a simulator: on each case that is small enough for it, reads and writes
outside of buffers, data races, and wrong results.

usage: oclgrind.py BUILD_FOLDER [CASE]...    CASE: of the test programs, by doctest's names
Without Oclgrind (Debian package oclgrind) it ends as skipped, with 77.
"""
import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

build = pathlib.Path(sys.argv[1])
wanted = sys.argv[2:]

# Its interpreter knows neither freeze nor noalias.scope.decl, which its compiler's optimizer makes,
# the latter of restrict. --uninitialized takes every sub-buffer for never written: see docs/devices.md.
SIMULATOR = ["oclgrind", "--build-options", "-cl-opt-disable -Drestrict=", "--data-races",
             "--max-errors", "1000000", "--num-threads", "1"]
# The most operations and bytes of a case. Launches for GPUs have more work-items for the same.
PROGRAMS = {"tests/test_ops": 3000, "tests/opencl/test_opencl_ops": 1000}
FINDING = re.compile(r"^(Invalid \w+|Read-write data race|Write-write data race|OCLGRIND FATAL ERROR)"
                     r"(?:(?!\n\n)[\s\S])*?(?:Kernel: (\w+)|\n\n)", re.M)


def cases(program):
    listed = subprocess.run([build / program, "-ltc"], text=True, capture_output=True).stdout
    names = [line for line in listed.splitlines() if line and not line.startswith(("[", "="))]
    return [name for name in names if not wanted or name in wanted]


def run(program, case):
    """How often each finding was made in each kernel, the checks made, and what was said if wrong."""
    started = time.monotonic()
    # Programs cached by runs with other options would be taken for the simulator's own. Its compiler
    # does not bear two threads.
    with tempfile.TemporaryDirectory() as cache:
        environment = dict(os.environ, XDG_CACHE_HOME=cache, TESSERA_DEVICE="opencl:0:0",
                           TESSERA_THREADS="1", TESSERA_CASE_WORK=str(PROGRAMS[program]))
        done = subprocess.run([*SIMULATOR, build / program, "-tc=" + case.replace(",", "\\,")],
                              env=environment, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, errors="replace")
    found = collections.Counter(FINDING.findall(done.stdout))
    checks = re.search(r"assertions: *(\d+)", done.stdout)
    print(f"{program}, {case}: {sum(found.values())} findings, {checks[1] if checks else 'no'} checks"
          f"{', FAILED' if done.returncode else ''} ({time.monotonic() - started:.0f} s)", flush=True)
    return found, int(checks[1]) if checks else 0, done.stdout if done.returncode else ""


def main():
    if not shutil.which("oclgrind"):
        print("skipped: no oclgrind")
        sys.exit(77)
    tasks = [(program, case) for program in PROGRAMS for case in cases(program)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda task: run(*task), tasks))
    found = sum((result[0] for result in results), collections.Counter())
    for (kind, kernel), times in found.most_common():
        print(f"{kernel or '?'}: {kind} ({times} times)")
    failures = [output for _, _, output in results if output]
    for output in failures:
        print(output[-2000:])
    checks = sum(result[1] for result in results)
    print(f"{len(tasks)} cases, {checks} checks, {sum(found.values())} findings, {len(failures)} failed")
    sys.exit(bool(found or failures or not checks))


main()
