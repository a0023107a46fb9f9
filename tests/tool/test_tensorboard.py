"""`tessera train --tensorboard`: its files, read by TensorBoard where that is installed and by hand.

usage: test_tensorboard.py TESSERA
"""
import json
import random
import struct
import unittest
import zlib

from tool_case import SIDE, ToolCase, picture

try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util
except ImportError:
    EventAccumulator = None


def crc32c(data):
    """Bit by bit."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def records(data):
    """The records of a TFRecord file, whose checksums must be right."""
    def check(text, masked):
        crc = crc32c(text)
        assert masked == ((crc >> 15 | crc << 17) + 0xa282ead8) & 0xffffffff
    while data:
        (length,), (masked,) = struct.unpack("<Q", data[:8]), struct.unpack("<I", data[8:12])
        check(data[:8], masked)
        record, data = data[12:12 + length], data[12 + length:]
        check(record, struct.unpack("<I", data[:4])[0])
        yield record
        data = data[4:]


def fields(message):
    """Pairs of number and value of a protobuf message: integers, floats as bytes, or bytes."""
    def varint():
        nonlocal message
        number = shift = 0
        while True:
            byte, message = message[0], message[1:]
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number
    while message:
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}[key & 7] if key & 7 != 2 else varint()
        yield key >> 3, message[:size]
        message = message[size:]


class TensorBoardTest(ToolCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.events = cls.folder / "events" / "run"
        train = ["--log-every", 10, "--tensorboard", cls.events, "--out", "a.safetensors"]
        cls.out = cls.run_tool("train", *cls.train_options(), "--epochs", 2, "--steps", 50, *train,
                               "--log", "a.jsonl").stdout
        cls.first = next(cls.events.iterdir())
        cls.run_tool("train", "--data-dir", cls.data, "--device", "cpu", "--resume", *train)

    def log(self):
        return [json.loads(line) for line in (self.folder / "a.jsonl").read_text().splitlines()]

    def test_crc32c(self):
        self.assertEqual(crc32c(b"123456789"), 0xe3069283)  # the check value of its definition

    def test_framing(self):
        self.assertIn("tfevents", self.first.name)
        self.assertEqual(len(list(self.events.iterdir())), 2)
        events = [dict(fields(record)) for record in records(self.first.read_bytes())]
        self.assertEqual(events[0][3], b"brain.Event:2")
        steps = [event.get(2, 0) for event in events]
        self.assertEqual(steps, [0, 0, 10, 20, 30, 38, 40, 50])
        scalars = {}
        for event in events[1:]:
            for _, value in fields(event[5]):
                value = dict(fields(value))
                if 2 in value:
                    scalars.setdefault(value[1].decode(), []).append(
                        struct.unpack("<f", value[2])[0])
        log = [event for event in self.log() if event["event"] == "step"]
        for tag, key in ("train/loss", "loss"), ("train/learning_rate", "learning_rate"):
            self.assertEqual(len(scalars[tag]), 5)
            for number, event in zip(scalars[tag], log):
                self.assertAlmostEqual(number, event[key], places=6)

    def test_tensorboard_reads_it(self):
        if EventAccumulator is None:
            self.skipTest("no tensorboard")
        accumulator = EventAccumulator(str(self.events), size_guidance={"images": 0, "tensors": 0})
        accumulator.Reload()
        tags = accumulator.Tags()
        self.assertEqual(set(tags["scalars"]), {
            "train/loss", "train/learning_rate", "train/images_per_second", "epoch/train_loss",
            "test/loss", "test/accuracy"})
        self.assertEqual([e.step for e in accumulator.Scalars("train/loss")],
                         [10, 20, 30, 40, 50, 60, 70])
        epoch = next(e for e in self.log() if e["event"] == "epoch")
        accuracy = accumulator.Scalars("test/accuracy")
        self.assertEqual([e.step for e in accuracy], [38, 76])
        self.assertAlmostEqual(accuracy[0].value, epoch["test_accuracy"], places=6)
        self.assertIn("weights/conv1.weight", tags["histograms"])
        histogram = accumulator.Histograms("weights/conv1.weight")[0].histogram_value
        self.assertEqual(histogram.num, 6 * 25)
        self.assertEqual(sum(histogram.bucket), 6 * 25)
        self.assertEqual(histogram.bucket_limit[-1], histogram.max)
        self.assertLessEqual(histogram.sum ** 2 / histogram.num, histogram.sum_squares)
        self.assertEqual(len([tag for tag in tags["images"] if tag.startswith("test images/")]), 8)
        image = accumulator.Images("test images/0")[0]
        self.assertEqual((image.width, image.height), (SIDE, SIDE))
        self.assertEqual(self.pixels(image.encoded_image_string), self.first_test_image())
        text = tensor_util.make_ndarray(
            accumulator.Tensors("test predictions")[0].tensor_proto)[0].decode()
        self.assertEqual(len(text.splitlines()), 10)
        self.assertIn("batch | 16", tensor_util.make_ndarray(
            accumulator.Tensors("run")[0].tensor_proto)[0].decode())

    @staticmethod
    def first_test_image():
        noise = random.Random(2)
        labels = [noise.randrange(10) for _ in range(100)]
        return picture(labels[0], noise)

    @staticmethod
    def pixels(png):
        """Of a gray PNG picture."""
        data, place = b"", 8
        while place < len(png):
            size, = struct.unpack(">I", png[place:place + 4])
            if png[place + 4:place + 8] == b"IDAT":
                data += png[place + 8:place + 8 + size]
            place += size + 12
        data, above, pixels = zlib.decompress(data), bytes(SIDE), b""
        for row in range(SIDE):
            kind, *line = data[row * (SIDE + 1):(row + 1) * (SIDE + 1)]
            for i, value in enumerate(line):
                left, up, corner = (line[i - 1], above[i], above[i - 1]) if i else (0, above[i], 0)
                estimate = left + up - corner
                line[i] = (value + [0, left, up, (left + up) // 2,
                                    min((left, up, corner), key=lambda x: abs(estimate - x))][kind]) % 256
            above = bytes(line)
            pixels += above
        return pixels

    def test_a_folder_that_cannot_be_made(self):
        line = self.refused("train", *self.train_options(), "--tensorboard",
                            self.folder / "a.safetensors" / "x")
        self.assertIn("a.safetensors/x] cannot be created: Not a directory", line)


if __name__ == "__main__":
    unittest.main(verbosity=2)
