# Writes a C++ file with the text of the kernel files: embed.py OUTPUT FILE...
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


def main(output, *files):
    with open(output, 'w', encoding='ascii') as out:
        out.write('#include "backends/opencl/kernel_source.h"\n\n'
                  'namespace tessera::opencl {\n\n'
                  'const std::vector<KernelFile>& embedded_kernel_files() {\n'
                  '  static const std::vector<KernelFile> files = {\n')
        for path in files:
            with open(path, encoding='ascii') as file:
                out.write('    {"%s",\n%s},\n' % (os.path.basename(path), literals(file.read())))
        out.write('  };\n  return files;\n}\n\n}  // namespace tessera::opencl\n')


main(*sys.argv[1:])
