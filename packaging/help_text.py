"""Reads what `tessera --help` prints, for the pages that are made from it."""
import re
import subprocess

# Before what an option means.
INDENT = " " * 30


def help_of(tool, *command):
    return subprocess.run([tool, *command, "--help"], check=True, capture_output=True,
                          text=True).stdout


def sections(text):
    """Heading -> rows of what stands at the left and what it means."""
    found, rows = {}, None
    for line in text.splitlines():
        if re.fullmatch(r"\S.*:", line):
            rows = found.setdefault(line[:-1], [])
        elif rows is None or not line.startswith("  "):
            continue
        elif line.startswith(INDENT):
            left, meaning = rows[-1]
            rows[-1] = left, f"{meaning} {line.strip()}".strip()
        elif line[len(INDENT) - 2:len(INDENT)] == "  ":
            rows.append((line[:len(INDENT)].strip(), line[len(INDENT):]))
        else:
            rows.append((line.strip(), ""))
    return found
