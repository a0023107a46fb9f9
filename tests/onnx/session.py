"""A run_onnx program as Python tests see it: nets and arrays in, arrays out."""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/goldens"))
import safetensors_file  # noqa: E402


class Session:
    """One device for many nets."""

    def __init__(self, program, device):
        self.folder = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen([program, device], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True,
                                        errors="replace")

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def run(self, what, net, inputs):
        """The outputs by name, or what the program says went wrong."""
        safetensors_file.write(self.path("in"), inputs, {})
        answer = self.ask(f"{what} {net} {self.path('in')} {self.path('out')}")
        return safetensors_file.read(self.path("out")) if answer == "ok" else answer

    def ask(self, line):
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()
