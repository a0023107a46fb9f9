"""`tessera train --config`, and the configuration that a run leaves behind.

usage: test_config.py TESSERA
"""
import unittest

from tool_case import ToolCase


class ConfigTest(ToolCase):
    def config(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_what_a_run_leaves_behind_reproduces_it(self):
        out = self.folder / "a #1, 'first'.safetensors"
        self.run_tool("train", *self.train_options(), "--epochs", 2, "--normalize", "--optimizer",
                      "adamw", "--schedule", "multi-step", "--milestones", "1,2", "--warmup", 7,
                      "--augment", "crop=3,flip=0.3", "--weight-decay", 0.012345678901234567,
                      "--log", self.folder / "first.jsonl", "--out", out)
        weights = out.read_bytes()
        config = self.folder / (out.name + ".toml")
        text = config.read_text()
        for line in ('augment = "crop=3,flip=0.3"', "milestones = [1, 2]", "normalize = true",
                     "warmup-factor = 0.3333333333333333", 'model = "tutorial"',
                     "log-every = 1"):
            self.assertIn(line + "\n", text)
        # The same run again writes over the model, not over the records of the first.
        self.assertNotIn("first.jsonl", text)
        out.unlink()
        self.run_tool("train", "--config", config)
        self.assertEqual(out.read_bytes(), weights)
        self.assertEqual(config.read_text(), text)

    def test_a_run_that_fails_leaves_model_and_settings_of_the_same_name(self):
        out = self.folder / "good.safetensors"
        config = self.folder / (out.name + ".toml")
        self.run_tool("train", *self.train_options(), "--steps", 3, "--out", out)
        before = out.read_bytes(), config.read_text()
        wild = ["1e30" if option == "0.02" else option for option in self.train_options()]
        self.assertIn("1e30", wild)
        self.assertIn("not finite", self.refused("train", *wild, "--out", out))
        self.assertEqual((out.read_bytes(), config.read_text()), before)
        other = self.folder / "other.safetensors"
        self.refused("train", *wild, "--out", other)
        self.assertEqual(list(self.folder.glob("other.*")), [])

    def test_a_file_is_a_command_line(self):
        options = dict(zip(*[iter(map(str, self.train_options()))] * 2))
        config = self.config("run.toml", "# a comment\n\n" + "".join(
            f'{name[2:]} = "{value}"  # "quoted" \n' for name, value in options.items()) +
            "mean = [0.25]\ndeviation=0.5\nnesterov = false\nsteps = 5\n")
        a, b, c = (self.folder / f"{name}.safetensors" for name in "abc")
        self.run_tool("train", "--config", config, "--out", a)
        self.run_tool("train", *self.train_options(), "--mean", 0.25, "--deviation", 0.5, "--steps",
                      5, "--out", b)
        self.assertEqual(a.read_bytes(), b.read_bytes())
        # The command line goes before the file.
        out = self.run_tool("train", "--steps", 3, "--config", config, "--out", c).stdout
        self.assertIn("stopped after step 3 ", out)
        self.assertNotEqual(a.read_bytes(), c.read_bytes())
        # A flag that is off was not given: it may stand beside what excludes it.
        config.write_text(config.read_text() + "normalize = false\n")
        self.run_tool("train", "--config", config, "--out", c)
        self.assertEqual(a.read_bytes(), c.read_bytes())

    def test_bad_files(self):
        for text, message in (
                ("epoch = 3\n", "unknown key 'epoch'; did you mean 'epochs'? Keys are"),
                ("batch-size = 3\n", "unknown key 'batch-size'; did you mean 'batch'?"),
                ("optimzer = 'sgd'\n", "did you mean 'optimizer'?"),
                ("color = 'red'\n", "unknown key 'color'; keys are"),
                ("config = 'x'\n", "unknown key 'config'; keys are"),
                ("help = true\n", "unknown key 'help'; did you mean 'keep'?"),
                ("[train]\nepochs = 3\n", "has a section 'train'"),
                ("epochs = 3\nbatch = 4\nepochs = 4\n", "duplicate key 'epochs'"),
                ("epochs = 0\n", "--epochs: found 0, expected a number of at least 1"),
                ("epochs = many\n", "--epochs"),
                ("epochs = [1, 2]\n", "--epochs"),
                ("nesterov = 3\n", "nesterov is 3, expected true or false"),
                ("nesterov = [true, true]\n", "nesterov is true, true, expected"),
                ("normalize = true\nmean = 0.5\n", "--normalize excludes --mean")):
            config = self.config("bad.toml", text)
            code = 2 if "excludes" in message else 1
            line = self.refused("train", *self.train_options(), "--config", config, code=code)
            self.assertIn(message, line)
            self.assertTrue(code == 2 or f"[{config}]" in line, line)
        for path in (self.folder / "gone.toml", self.folder):
            self.assertIn(f"[{path}] cannot be read", self.refused("train", "--config", path))

    def test_a_resumed_run_leaves_the_configuration_as_it_is(self):
        out = self.folder / "parts.safetensors"
        self.run_tool("train", *self.train_options(), "--steps", 3, "--epochs", 1, "--out", out)
        config = self.folder / "parts.safetensors.toml"
        text = config.read_text()
        self.run_tool("train", "--data-dir", self.data, "--device", "cpu", "--resume", out)
        self.assertEqual(config.read_text(), text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
