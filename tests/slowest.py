"""Lists the ten tests of the last run that took longest.

usage: slowest.py BUILD_FOLDER
"""
import json
import pathlib
import sys

log = pathlib.Path(sys.argv[1]) / "meson-logs/testlog.json"
tests = [json.loads(line) for line in log.read_text().splitlines()]
tests.sort(key=lambda test: -test["duration"])
print(f"The slowest of {len(tests)} tests, {sum(test['duration'] for test in tests):.0f} s in all:")
for test in tests[:10]:
    print(f"{test['duration']:7.1f} s  {test['name']}")
