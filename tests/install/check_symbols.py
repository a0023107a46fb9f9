"""Whether the shared library exports its public interface and nothing else.

usage: check_symbols.py NM LIBRARY HEADER_FOLDER...
"""
import pathlib
import re
import subprocess
import sys

# Names of the compiler for what a class of the interface has.
TABLES = re.compile(r"^(typeinfo|typeinfo name|vtable) for ")


def exported(nm, library):
    lines = subprocess.run([nm, "-D", "--defined-only", "-C", library], capture_output=True,
                           text=True, check=True).stdout.splitlines()
    names = {line.split(maxsplit=2)[2] for line in lines}
    return {name for name in names if not name.startswith("TESSERA_")}  # the version itself


def qualified_name(symbol):
    """tessera::Graph::add of tessera::Graph::add(std::string const&)[abi:cxx11]."""
    name = TABLES.sub("", symbol)
    name = re.sub(r"<[^<>]*>", "", re.sub(r"\[abi:\w+\]|@.*", "", name))
    return name.partition("(")[0]


def is_public(symbol, words):
    parts = qualified_name(symbol).split("::")
    known = [part.lstrip("~").startswith("operator") or part.lstrip("~") in words for part in parts]
    return parts[0] == "tessera" and all(known)


def main(nm, library, *folders):
    headers = [path for folder in folders for path in pathlib.Path(folder).rglob("*.h")]
    words = set(re.findall(r"\w+", "\n".join(path.read_text() for path in headers)))
    symbols = exported(nm, library)
    leaks = sorted(symbol for symbol in symbols if not is_public(symbol, words))
    print(f"{len(symbols)} symbols in {len(headers)} headers")
    for symbol in leaks:
        print(f"not of the public interface: {symbol}")
    return 1 if leaks or not symbols else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
