"""Kills trainings at random moments, of steps and of saving, and goes on: the final weights must be
those of a run that nobody disturbed, bit for bit.

usage: kill_resume.py TESSERA [KILLS [DEVICE [SEED]]]
"""
import random
import signal
import subprocess
import sys
import time
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tool"))
kills = int(sys.argv.pop(2)) if len(sys.argv) > 2 else 10
device = sys.argv.pop(2) if len(sys.argv) > 2 else "cpu"
seed = int(sys.argv.pop(2)) if len(sys.argv) > 2 else 1

from tool_case import TOOL, ToolCase  # takes the first argument

EPOCHS = 40


def train(folder, out, resume):
    command = [TOOL, "train", "--data-dir", folder / "data", "--device", device]
    if "/" in device or "," in device:  # measured shares are no part of what must be equal
        command += ["--shares", "1,1"]
    command += ["--resume", out] if resume else [
        "--data", "fashion-mnist", "--batch", "16", "--optimizer", "adam", "--augment", "crop=2,flip",
        "--seed", "5", "--epochs", str(EPOCHS), "--out", out]
    return subprocess.Popen([str(word) for word in command], cwd=folder, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def finish(process):
    error = process.communicate()[1]
    if process.returncode != 0:
        sys.exit(f"a run ended with {process.returncode}: {error}")


def main():
    ToolCase.setUpClass()
    folder = ToolCase.folder
    chance = random.Random(seed)
    try:
        whole, killed = folder / "whole.safetensors", folder / "killed.safetensors"
        start = time.monotonic()
        finish(train(folder, whole, resume=False))
        seconds = time.monotonic() - start
        expected, done, runs = whole.read_bytes(), 0, 0
        while done < kills:
            runs += 1
            killed.unlink(missing_ok=True)
            ended = False
            while not ended:
                process = train(folder, killed, resume=killed.exists())
                # Most moments are in steps; some are just as a checkpoint is being written.
                until = time.monotonic() + chance.uniform(0.02, max(0.3, 0.4 * seconds))
                saving = chance.random() < 0.3
                while done < kills and process.poll() is None and time.monotonic() < until:
                    if saving and any(folder.glob("killed.safetensors.*.part")):
                        break
                    time.sleep(0.0005 if saving else 0.002)
                ended = done == kills or process.poll() is not None
                if ended:
                    finish(process)
                else:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    done += 1
            if killed.read_bytes() != expected:
                sys.exit(f"after {done} kills the weights are others")
            left = [path.name for end in ("part", "lock") for path in folder.glob(f"*.{end}")]
            if left:
                sys.exit(f"after {done} kills files are left: {left}")
        print(f"{done} kills in {runs} trainings on {device}: all ended with the weights of an "
              f"undisturbed one")
    finally:
        ToolCase.tearDownClass()


main()
