# Writes a C++ function that returns names and texts of files:
# embed.py OUTPUT HEADER NAMESPACE TYPE FUNCTION FILE...
# Long texts become several literals, since compilers limit the length of one.
import os
import sys

LONGEST = 8000


def literals(text):
    pieces, piece = [], ''
    for line in text.splitlines(keepends=True):
        if len(piece) + len(line) > LONGEST:
            pieces.append(piece)
            piece = ''
        piece += line
    escape = str.maketrans({'\\': '\\\\', '"': '\\"', '\n': '\\n', '\t': '\\t'})
    return '\n'.join('     "%s"' % p.translate(escape) for p in pieces + [piece])


def main(output, header, namespace, type, function, *files):
    with open(output, 'w', encoding='ascii') as out:
        out.write('#include "%s"\n\nnamespace %s {\n\nconst std::vector<%s>& %s() {\n'
                  '  static const std::vector<%s> files = {\n'
                  % (header, namespace, type, function, type))
        for path in files:
            with open(path, encoding='ascii') as file:
                out.write('    {"%s",\n%s},\n' % (os.path.basename(path), literals(file.read())))
        out.write('  };\n  return files;\n}\n\n}  // namespace %s\n' % namespace)


main(*sys.argv[1:])
