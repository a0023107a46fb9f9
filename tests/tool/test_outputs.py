"""What the `tessera` command writes: files found through links, devices and folders refused, two runs
with one file, records that cannot be written, and a standard output that is full or closed.

usage: test_outputs.py TESSERA
"""
import json
import os
import pathlib
import re
import resource
import signal
import stat
import subprocess
import unittest

from tool_case import TOOL, ToolCase

FULL = "[standard output] cannot be written: No space left on device"


def small_files(limit):
    """For a child: files end at so many bytes, as on a full disk."""
    def run():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return run


class OutputsTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.folder / "model.safetensors"
        cls.run_tool("train", *cls.train_options(), "--steps", 1, "--out", cls.model)

    def train(self, *options, code=0, **arguments):
        return self.run_tool("train", *self.train_options(), "--steps", 2, *options, code=code,
                             **arguments)

    def leftovers(self):
        return [path.name for path in self.folder.rglob("*") if path.suffix in (".part", ".lock")]

    def test_links_stay_and_modes_are_kept(self):
        for option, name in (("--out", "net"), ("--log", "log"), ("--report", "page"),
                             ("--trace", "trace")):
            with self.subTest(option=option):
                target, link = self.folder / f"{name} target", self.folder / f"{name} link"
                target.write_text("old")
                target.chmod(0o600)
                link.symlink_to(target.name)
                self.train(*(() if option == "--out" else ("--out", "x.safetensors")), option, link)
                self.assertTrue(link.is_symlink())
                self.assertNotIn(target.read_bytes(), (b"old", b""))
                self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o600)
        config = self.folder / "net link.toml"
        self.assertEqual(stat.S_IMODE(config.stat().st_mode), 0o666 & ~umask())
        self.assertEqual(self.leftovers(), [])

    def test_exports_follow_links(self):
        target, link = self.folder / "exported", self.folder / "export link.onnx"
        link.symlink_to(target.name)  # to nothing yet
        if self.run_tool("export", self.model, "--out", link, code=None).returncode != 0:
            self.skipTest("no ONNX")
        self.assertTrue(link.is_symlink())
        self.assertGreater(target.stat().st_size, 1000)

    def test_what_is_no_regular_file_is_refused_before_the_first_step(self):
        os.mkfifo(self.folder / "pipe")
        (self.folder / "folder").mkdir()
        (self.folder / "config.safetensors.toml").mkdir()
        for option in ("--out", "--log", "--report", "--trace"):
            for path in ("/dev/stdout", "/dev/null", "/dev/full", self.folder / "pipe",
                         self.folder / "folder"):
                with self.subTest(option=option, path=path):
                    out = () if option == "--out" else ("--out", "x.safetensors")
                    line = self.refused("train", *self.train_options(), *out, option, path)
                    self.assertIn(f"[{path}] cannot be written: not a regular file", line)
        self.assertIn("config.safetensors.toml] cannot be written: not a regular file",
                      self.refused("train", *self.train_options(), "--out", "config.safetensors"))
        # The link to where the output goes, although that is a regular file.
        with open(self.folder / "output", "w") as output:
            result = subprocess.run([TOOL, "train", *map(str, self.train_options()), "--out",
                                     "/dev/stdout"], stdout=output, stderr=subprocess.PIPE, text=True)
        self.assertIn("[/dev/stdout] cannot be written: not a regular file", result.stderr)
        self.assertEqual(self.leftovers(), [])

    def test_two_trainings_with_one_file(self):
        out, link = self.folder / "shared.safetensors", self.folder / "shared link"
        link.symlink_to(out.name)
        log = self.folder / "shared.jsonl"
        process = self.begin_training("--out", out, "--log", log)
        for path in (out, link):
            line = self.refused("train", *self.train_options(), "--out", path)
            self.assertIn(f"[{path}] another process is writing this file", line)
        before = log.read_bytes()
        line = self.refused("train", *self.train_options(), "--out", "own.safetensors", "--log", log)
        self.assertIn(f"[{log}] another process is writing this file", line)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertTrue(before and log.read_bytes().startswith(before))
        self.train("--out", out, "--log", log)  # the locks of the dead are free
        self.assertEqual(self.leftovers(), [])

    def test_a_killed_writer_leaves_nothing_for_long(self):
        (self.folder / "killed.safetensors.0123abcd.part").write_text("half")
        self.train("--out", "killed.safetensors")
        self.assertEqual(self.leftovers(), [])

    def test_a_trace_that_cannot_be_written_ends_no_training(self):
        folder = self.folder / "gone"
        folder.mkdir()
        process = self.begin_training("--model", "resnet20", "--trace", folder / "t.json", "--out",
                                      "traced.safetensors", stderr=subprocess.PIPE)
        folder.rmdir()
        while "epoch 2/" not in process.stdout.readline():  # a trace ends with an epoch
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(error, f"tessera: [{folder / 't.json'}] cannot be created: No such file or "
                                "directory; the training continues without it\n")

    def test_records_on_a_full_disk_end_no_training(self):
        folder = self.folder / "full"
        folder.mkdir()
        for option, limit in (("--trace", 30_000), ("--report", 10_000), ("--log", 900)):
            with self.subTest(option=option):
                record = folder / option.strip("-")
                # A model of a few bytes more than the limit would fail too.
                result = self.run_tool(
                    "train", *self.train_options(), "--steps", 30, "--log-every", 1, option, record,
                    "--out", "full.safetensors", preexec_fn=small_files(limit), code=1)
                lines = result.stderr.splitlines()
                self.assertEqual(len(lines), 2, lines)
                self.assertEqual(lines[0], f"tessera: [{record}] cannot be written: File too large; "
                                           "the training continues without it")
                self.assertIn("full.safetensors] cannot be written: File too large (step 30)",
                              lines[1])

    def test_memory_that_runs_out_fails_with_the_step(self):
        log = self.folder / "memory.jsonl"
        process = self.begin_training("--model", "resnet20", "--log", log, "--out",
                                      "memory.safetensors", stderr=subprocess.PIPE)
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        size = 1024 * int(re.search(r"VmSize:\s+(\d+)", status)[1])
        if size > 1 << 40:
            process.kill()
            process.communicate()
            self.skipTest("a sanitizer ends the process itself")
        limit = size - (64 << 20)  # less than it has: nothing is left for the next plan
        resource.prlimit(process.pid, resource.RLIMIT_AS, (limit, limit))
        _, error = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        # The first allocation that fails is of bytes, or of the stack of a thread.
        self.assertRegex(error, r"^tessera: (out of memory|\[loader\] cannot start a thread: .*)"
                                r" \(step \d+\)(; the last good checkpoint is .*)?\n$")
        failed = json.loads(log.read_text().splitlines()[-1])
        self.assertEqual((failed["event"], "tessera: " + failed["error"] + "\n"), ("failed", error))

    def test_a_full_standard_output(self):
        image = self.folder / "data"
        commands = [["devices"], ["models"], ["models", "lenet5"], ["--help"], ["--version"],
                    ["predict", self.model, "0", "--data-dir", image, "--device", "cpu", "--json"],
                    ["eval", self.model, "--data-dir", image, "--device", "cpu", "--json"]]
        for command in commands:
            with self.subTest(command=command), open("/dev/full", "w") as full:
                result = self.tool(command, stdout=full)
                self.assertEqual((result.returncode, result.stderr), (1, f"tessera: {FULL}\n"))
        for command in commands:
            with self.subTest(closed=command):
                result = self.tool(command, preexec_fn=lambda: os.close(1))
                self.assertEqual(result.returncode, 1)
                self.assertEqual(result.stderr, "tessera: [standard output] cannot be written: Bad "
                                                "file descriptor\n")

    def tool(self, command, **options):
        return subprocess.run([TOOL, *map(str, command)], stderr=subprocess.PIPE, text=True,
                              cwd=self.folder, **options)

    def test_a_training_outlives_its_output(self):
        for name, options in (("full", {}), ("closed", {"preexec_fn": lambda: os.close(1)})):
            with self.subTest(name=name), open("/dev/full", "w") as full:
                out, log = self.folder / f"{name}.safetensors", self.folder / f"{name}.jsonl"
                result = self.tool(["train", *self.train_options(), "--epochs", 1, "--log", log,
                                    "--log-every", 5, "--out", out], stdout=full, **options)
                self.assertEqual(result.returncode, 1)
                self.assertRegex(result.stderr, r"^tessera: \[standard output\] cannot be written: .*; "
                                                r"the training continues without it\n$")
                events = [json.loads(line) for line in log.read_text().splitlines()]
                self.assertEqual(events[-1]["event"], "end")
                self.run_tool("eval", out, "--data-dir", self.data, "--device", "cpu")

    def test_closed_streams_are_no_files(self):
        def close():
            for descriptor in (0, 1, 2):
                os.close(descriptor)
        log = self.folder / "alone.jsonl"
        result = subprocess.run([TOOL, "train", *map(str, self.train_options()), "--steps", "2",
                                 "--log", log, "--log-every", "1", "--out", "alone.safetensors"],
                                cwd=self.folder, preexec_fn=close)
        self.assertEqual(result.returncode, 1)
        events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
        self.assertEqual(events, ["start", "step", "step", "end"])

    def test_a_pipe_that_nobody_reads(self):
        out = self.folder / "piped.safetensors"
        process = self.begin_training("--out", out, stderr=subprocess.PIPE)
        process.stdout.close()
        error = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(60), 1)
        self.assertEqual(error, "tessera: [standard output] cannot be written: Broken pipe; the "
                                "training saves its model and stops\n")
        self.run_tool("eval", out, "--data-dir", self.data, "--device", "cpu")
        reader, writer = os.pipe()
        os.close(reader)
        with os.fdopen(writer, "w") as pipe:
            result = self.tool(["models"], stdout=pipe)
        self.assertEqual(result.returncode, 1)
        self.assertIn("Broken pipe", result.stderr)

    def test_names_command_no_terminal(self):
        odd = "a\x1b[31m\nb\u202e.png"
        (self.folder / odd).write_bytes(b"no picture")
        shown = "a\\x1b[31m\\nb\\u202e.png"
        self.assertIn(shown, self.refused("predict", self.model, odd, "--device", "cpu"))
        self.assertIn("\\x1b", self.refused("train", "--frob\x1b", code=2))
        self.assertIn("\\x1b", self.refused("predict", "\x1b.safetensors", "0"))
        model = self.folder / "odd\x1b\x9b.safetensors"
        model.write_bytes(self.model.read_bytes())
        for command in (["eval", model], ["predict", model, "0"], ["predict", model, "0", "--json"]):
            out = self.run_tool(*command, "--data-dir", self.data, "--device", "cpu").stdout
            self.assertFalse(set(out) & {"\x1b", "\x9b", "\x7f"}, out)
        self.assertIn("odd\\x1b\\u009b", self.run_tool(
            "eval", model, "--data-dir", self.data, "--device", "cpu").stdout)

    def test_names_that_are_no_utf8(self):
        name = os.fsdecode(b"\xc4pfel")
        folder = self.folder / name
        folder.mkdir()
        line = self.refused("train", "--data", f"folder:{name}", "--out", "u.safetensors")
        self.assertIn("the path '\\xc4pfel' is not UTF-8", line)
        line = self.refused("train", *self.train_options(), "--model", name + ".onnx")
        self.assertIn("[\\xc4pfel.onnx] is not a UTF-8 name, which a model file needs", line)
        # Files may have any name: the log, which is UTF-8, names them nearly.
        log = folder / os.fsdecode(b"\xff.jsonl")
        self.train("--out", folder / "x.safetensors", "--log", log, "--report", folder / "r.html",
                   "--trace", folder / "t.json")
        self.assertIn("\ufffdpfel", json.loads(log.read_text().splitlines()[0])["options"]["out"])
        self.assertIn("\\xc4pfel", (folder / "r.html").read_text())


def umask():
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


if __name__ == "__main__":
    unittest.main(verbosity=2)
