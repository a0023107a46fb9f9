"""Makes docs/commands, a page for each command of `tessera`, from what --help says.

usage: command_pages.py TESSERA FOLDER            compares the pages in the folder with --help
       command_pages.py TESSERA FOLDER --write    writes them
"""
import difflib
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "packaging"))
from help_text import help_of, sections

# Where more stands about a command.
GUIDES = {
    "bisect": [("Reliability", "reliability")],
    "devices": [("Pick and check a device", "pick-and-check-a-device")],
    "doctor": [("Pick and check a device", "pick-and-check-a-device"), ("Reliability", "reliability")],
    "eval": [("Data sets", "data")],
    "export": [("Bring your PyTorch model", "bring-your-pytorch-net")],
    "import": [("Bring your PyTorch model", "bring-your-pytorch-net")],
    "models": [("Models", "models")],
    "predict": [("Train on your own images", "train-on-your-pictures")],
    "profile": [("Pick and check a device", "pick-and-check-a-device")],
    "train": [("Train on your own images", "train-on-your-pictures"),
              ("Settings and records", "training"), ("Data sets", "data"), ("ONNX", "onnx")],
    "tune": [("Pick and check a device", "pick-and-check-a-device")],
}


def row(left, meaning):
    """A line of a table: name and kind of value, meaning, default."""
    left, _, excluded = left.partition(" Excludes: ")
    if excluded:
        meaning += f" (not with {', '.join(sorted(excluded.split()))})"
    required = " REQUIRED" in left
    left = left.replace(" REQUIRED", "").replace("=[]", "").replace(",--help", ", --help")
    if limits := re.search(r":\w+ in \[(\S+) - (\S+)\]", left):
        left = left.replace(limits.group(), "")
        meaning += f" ({limits[1]} to {limits[2]})"
    left, _, default = left.partition("=")
    default = "required" if required else f"`{default}`" if default else ""
    meaning = re.sub(r"([|*<])", r"\\\1", meaning)
    return f"| `{left}` | {meaning} | {default} |"


def page(tool, command):
    text = help_of(tool, command)
    about, usage = text.split("\n")[:2]
    lines = [f"# tessera {command}", "", about + ".", "", "    " + usage[len("Usage: "):]]
    for heading, rows in sections(text).items():
        kind = "argument" if heading == "Positionals" else "option"
        lines += ["", f"## {'Arguments' if heading == 'Positionals' else heading}", "",
                  f"| {kind} | meaning | default |", "|---|---|---|"]
        lines += [row(*parts) for parts in rows]
    guides = [f"[{title}](../{name}.md)" for title, name in GUIDES.get(command, [])]
    return "\n".join(lines + (["", "More: " + ", ".join(guides) + "."] if guides else [])) + "\n"


def pages(tool):
    commands = sections(help_of(tool))["Subcommands"]
    index = ["# The commands of tessera", "",
             "These pages are made from what `tessera COMMAND --help` says.", "",
             "| command | what it does |", "|---|---|"]
    index += [f"| [{name}]({name}.md) | {about} |" for name, about in commands]
    return {"README.md": "\n".join(index) + "\n",
            **{name + ".md": page(tool, name) for name, _ in commands}}


def main(tool, folder, *options):
    folder = pathlib.Path(folder)
    expected = pages(tool)
    if options == ("--write",):
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.md"):
            path.unlink()
        for name, text in expected.items():
            (folder / name).write_text(text)
        return 0
    found = {path.name: path.read_text() for path in folder.glob("*.md")}
    different = False
    for name in sorted({*expected, *found}):
        difference = list(difflib.unified_diff(
            found.get(name, "").splitlines(), expected.get(name, "").splitlines(),
            str(folder / name), "--help", lineterm="", n=0))
        different = different or bool(difference)
        print("\n".join(difference[:10]), end="\n" if difference else "")
    if different:
        print("The pages are not those of --help. Run\n  python3 tests/docs/command_pages.py "
              "build/tools/tessera docs/commands --write")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
