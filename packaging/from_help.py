"""Writes the man page or the completion for bash of the command from what its --help says.

usage: from_help.py man|bash TESSERA OUTPUT
"""
import re
import subprocess
import sys

from help_text import help_of, sections

NAME = "tessera"


class Help:
    """A line of description, and groups of (name, description)."""

    def __init__(self, tool, *command):
        text = help_of(tool, *command)
        self.description = text.splitlines()[0].strip()
        self.groups = sections(text)

    def long_options(self):
        return [word for rows in self.groups.values() for name, _ in rows
                for word in re.findall(r"--[\w-]+", re.split(r"\s(?:Excludes|Needs):", name)[0])]


def roff(text):
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def man_page(version, top, commands):
    def rows(help, skip=()):
        for group, entries in help.groups.items():
            if group in skip or not entries:
                continue
            if group not in ("Options", "Positionals"):
                yield f".PP\n{roff(group)}:"
            for name, description in entries:
                yield f".TP\n.B {roff(name)}\n{roff(description)}"

    lines = [f'.TH {NAME.upper()} 1 "" "Tessera {version}" "User Commands"',
             ".SH NAME", f"{NAME} \\- " + roff(top.description[0].lower() + top.description[1:-1]),
             ".SH SYNOPSIS", f".B {NAME}", r"\fICOMMAND\fR [\fIOPTIONS\fR]",
             ".SH DESCRIPTION", roff(top.description),
             ".SH OPTIONS", *rows(top, skip=("Subcommands",)), ".SH COMMANDS"]
    for name, help in commands.items():
        lines += [f".SS {NAME} {name}", roff(help.description), *rows(help)]
    return "\n".join(lines) + "\n"


def bash_completion(_, top, commands):
    cases = "\n".join(f'    {name}) options="{" ".join(help.long_options())}" ;;'
                      for name, help in commands.items())
    return f"""# bash completion of {NAME}, made from its --help
_{NAME}() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} options=
  case ${{COMP_WORDS[1]}} in
{cases}
  esac
  [ "$COMP_CWORD" -gt 1 ] || options="{" ".join([*commands, *top.long_options()])}"
  # Files, where nothing is proposed.
  [ "$COMP_CWORD" -gt 1 ] && [[ $word != -* ]] ||
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
}}
complete -o default -F _{NAME} {NAME}
"""


def main(kind, tool, output):
    top = Help(tool)
    commands = {name: Help(tool, name) for name, _ in top.groups["Subcommands"]}
    version = subprocess.run([tool, "--version"], capture_output=True, text=True,
                             check=True).stdout.strip()
    write = {"man": man_page, "bash": bash_completion}[kind]
    with open(output, "w", encoding="utf-8") as file:
        file.write(write(version, top, commands))


if __name__ == "__main__":
    main(*sys.argv[1:])
