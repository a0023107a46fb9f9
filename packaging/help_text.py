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
    lines = text.splitlines()
    for line, after in zip(lines, [*lines[1:], ""]):
        if re.fullmatch(r"\S.*:", line):
            rows = found.setdefault(line[:-1], [])
        elif rows is None or not line.startswith("  ") or line.startswith(INDENT):
            continue
        elif after.startswith(INDENT):
            rows.append((line.strip(), after.strip()))
        else:
            rows.append((line[:len(INDENT)].strip(), line[len(INDENT):]))
    return found
