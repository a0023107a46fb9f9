"""Image files of all formats against Pillow, and cut centers against torchvision.

usage: images_python.py READ_IMAGE
"""
import io
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

READ_IMAGE = sys.argv.pop(1)
try:
    import numpy as np
    from PIL import Image, ImageOps, features
except ImportError:
    sys.exit(77)
try:
    from torchvision import transforms
except ImportError:
    transforms = None

HEIGHT, WIDTH = 21, 34


def smooth(channels):
    """An image that compresses well, with a corner that differs from the others."""
    h, w = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [20 + (3 + c) * h + (5 - c) * w + 60 * ((h < 8) & (w < 8)) for c in range(channels)]
    return np.minimum(np.stack(planes, -1), 255).astype(np.uint8)


def image(mode):
    if mode == "1":
        return Image.fromarray(smooth(1)[..., 0]).convert("1")
    if mode in ("P", "PA"):
        return Image.fromarray(smooth(3)).convert("P", palette=Image.Palette.ADAPTIVE)
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4, "YCbCr": 3, "LAB": 3}[mode]
    return Image.fromarray(smooth(channels).squeeze(), mode)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def interlaced(pixels):
    """An RGB PNG file in Adam7's order."""
    rows = b""
    for y, x, dy, dx in ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
                         (0, 1, 2, 2), (1, 0, 2, 1)):
        for row in pixels[y::dy, x::dx]:
            rows += b"\0" + row.tobytes()
    return (b"\x89PNG\r\n\x1a\n"
            + png_chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 1))
            + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b""))


def tiff(samples, bits, photometric, extra=None, order="<", kind=1):
    """A TIFF file of one strip without compression, which Pillow does not write of all kinds."""
    height, width, channels = samples.shape
    data = samples.astype(order + {8: "u1", 16: "u2", 32: "f4"}[bits]).tobytes()
    # Each entry as one number of 16 or 32 bits; several equal numbers lie at the end.
    entries = [(256, 4, width), (257, 4, height), (259, 3, 1), (262, 3, photometric), (273, 4, 8),
               (277, 3, channels), (278, 4, height), (279, 4, len(data)), (339, 3, kind)]
    if channels <= 2:
        entries.append((258, 3, bits if channels == 1 else bits | bits << 16))
    if extra is not None:
        entries.append((338, 3, extra))
    directory, end = b"", b""
    after = 8 + len(data)
    size = 2 + 12 * (len(entries) + (channels > 2)) + 4
    for tag, type_, value in sorted(entries + ([(258, 3, None)] if channels > 2 else [])):
        if value is None:
            directory += struct.pack(order + "HHII", tag, type_, channels, after + size)
            end = struct.pack(f"{order}{channels}H", *[bits] * channels)
        elif type_ == 4:
            directory += struct.pack(order + "HHII", tag, type_, 1, value)
        elif tag == 258 and channels == 2:
            directory += struct.pack(order + "HHIHH", tag, type_, 2, bits, bits)
        else:
            directory += struct.pack(order + "HHIHH", tag, type_, 1, value, 0)
    return (struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, after) + data
            + struct.pack(order + "H", len(entries) + (channels > 2)) + directory + bytes(4) + end)


class ImagesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name) / "image"

    def read(self, data, size=(HEIGHT, WIDTH), channels=3, crop="none"):
        self.path.write_bytes(data)
        result = subprocess.run([READ_IMAGE, self.path, *map(str, size), str(channels), crop],
                                capture_output=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        return np.frombuffer(result.stdout, np.uint8).reshape(*size, channels).astype(int)

    def refused(self, data):
        self.path.write_bytes(data)
        result = subprocess.run([READ_IMAGE, self.path, "4", "4", "3", "none"], capture_output=True,
                                text=True)
        self.assertEqual(result.returncode, 1)
        lines = result.stderr.splitlines()
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith(f"[{self.path}] "), lines[0])
        return lines[0]

    def compare(self, data, tolerance=0, expected=None):
        """Against Pillow, upright and as RGB."""
        if expected is None:
            opened = Image.open(io.BytesIO(data))
            if opened.format != "TIFF":  # which Pillow turns by itself
                opened = ImageOps.exif_transpose(opened)
            expected = np.asarray(opened.convert("RGB")).astype(int)
        found = self.read(data, expected.shape[:2])
        difference = np.abs(found - expected).max()
        self.assertLessEqual(difference, tolerance)

    def saved(self, picture, form, **options):
        file = io.BytesIO()
        picture.save(file, form, **options)
        return file.getvalue()

    def each(self, form, modes, tolerance=0, **options):
        for mode in modes:
            with self.subTest(form=form, mode=mode, **{k: str(v) for k, v in options.items()}):
                self.compare(self.saved(image(mode), form, **options), tolerance)

    def test_png(self):
        self.each("PNG", ("1", "L", "LA", "RGB", "RGBA", "P"))
        self.each("PNG", ("P",), transparency=3)
        self.each("PNG", ("P",), bits=2)
        pixels = smooth(3)
        self.compare(interlaced(pixels), expected=pixels)
        deep = smooth(1)[..., 0].astype(np.uint16) * 256 + 77
        self.compare(self.saved(Image.fromarray(deep), "PNG"),
                     expected=np.repeat(smooth(1), 3, -1))

    def test_jpeg(self):
        self.each("JPEG", ("L", "RGB", "CMYK"), tolerance=2, quality=90)
        self.each("JPEG", ("RGB", "CMYK"), tolerance=2, quality=90, progressive=True)

    @unittest.skipUnless(features.check("webp"), "Pillow without WebP")
    def test_webp(self):
        self.each("WebP", ("RGB", "RGBA", "L"), tolerance=1, quality=80)
        self.each("WebP", ("RGB", "RGBA"), lossless=True, exact=True)
        frames = [image("RGB"), image("RGB").transpose(Image.Transpose.ROTATE_180)]
        self.compare(self.saved(frames[0], "WebP", save_all=True, append_images=frames[1:],
                                lossless=True))

    def test_tiff(self):
        for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            self.each("TIFF", ("1", "L", "LA", "RGB", "RGBA", "P", "CMYK"), tolerance=1,
                      compression=compression)
        self.each("TIFF", ("RGB", "L"), tolerance=3, compression="jpeg", quality=95)
        pages = [image("RGB"), image("L")]
        self.compare(self.saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))

    def test_tiff_of_kinds_that_pillow_does_not_write(self):
        deep = smooth(3).astype(int) * 257
        gray = smooth(1).astype(int)
        for order in "<>":
            self.compare(tiff(deep, 16, 2, order=order), 1, smooth(3))
            self.compare(tiff(gray * 256 + 77, 16, 1, order=order), 0, np.repeat(gray, 3, -1))
            self.compare(tiff(255 - gray, 8, 0, order=order), 0, np.repeat(gray, 3, -1))
        alpha = np.full_like(smooth(1), 128)
        for extra in (0, 2):  # nothing known, and an alpha apart from the colors
            self.compare(tiff(np.concatenate([smooth(3), alpha], -1), 8, 2, extra), 0, smooth(3))
        half = smooth(3) // 2
        multiplied = tiff(np.concatenate([half, alpha], -1), 8, 2, 1)
        self.compare(multiplied, 0, np.minimum(255, half.astype(int) * 255 // 128))
        self.assertIn("has float samples of 32 bits, expected unsigned ones of 1 to 16 bits",
                      self.refused(tiff(gray / 255, 32, 1, kind=3)))

    def test_bmp(self):
        self.each("BMP", ("1", "L", "P", "RGB", "RGBA"))
        data = bytearray(self.saved(image("P"), "BMP"))
        data[30] = 1
        self.assertIn("is a compressed BMP image, which is not supported", self.refused(bytes(data)))

    def test_gif(self):
        self.each("GIF", ("L", "P", "1"))
        self.each("GIF", ("P",), transparency=2)
        frames = [image("P"), image("L")]
        self.compare(self.saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    def test_pnm(self):
        self.each("PPM", ("1", "L", "RGB"))
        noise = np.random.default_rng(0)
        for largest in (1, 2, 15, 100, 254, 255, 300, 1000, 4095, 65535):
            samples = noise.integers(0, largest + 1, (HEIGHT, WIDTH, 3))
            size = f"{WIDTH} # columns\n{HEIGHT}\n{largest}\n".encode()
            raw = samples.astype(">u2" if largest > 255 else "u1").tobytes()
            plain = b" ".join(b"%d" % sample for sample in samples.flat)
            with self.subTest(largest=largest):
                self.compare(b"P6 " + size + raw)
                self.compare(b"P3\n" + size + plain)
                if largest < 256:
                    self.compare(b"P5 " + size + raw[:HEIGHT * WIDTH])
                    self.compare(b"P2 " + size + b"\n".join(plain.split()[:HEIGHT * WIDTH]))
        bits = " ".join(map(str, noise.integers(0, 2, HEIGHT * WIDTH)))
        self.compare(f"P1\n# bits\n{WIDTH} {HEIGHT}\n{bits}".encode())

    def test_orientation(self):
        forms = ["PNG", "JPEG", "TIFF"] + ["WebP"] * features.check("webp")
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = orientation
            for form in forms:
                options = {"lossless": True} if form == "WebP" else {"quality": 95}
                if form == "TIFF":
                    options = {"tiffinfo": {0x0112: orientation}}
                with self.subTest(form=form, orientation=orientation):
                    data = self.saved(image("RGB"), form, exif=exif, **options)
                    self.compare(data, 4 if form == "JPEG" else 0)

    def test_gray(self):
        colors = self.read(self.saved(image("RGB"), "PNG"))
        weighed = (77 * colors[..., 0] + 150 * colors[..., 1] + 29 * colors[..., 2]) >> 8
        for form in ("PNG", "TIFF", "BMP", "PPM"):
            found = self.read(self.saved(image("RGB"), form), channels=1)[..., 0]
            self.assertTrue((found == weighed).all(), form)

    @unittest.skipUnless(transforms, "no torchvision")
    def test_cut_centers(self):
        for size in ((40, 70), (70, 40), (33, 33), (9, 8), (200, 31)):
            pixels = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
            # Smooth, as photographs are: Pillow rounds between rows and columns.
            picture = Image.fromarray(pixels).resize((size[1] * 2, size[0] * 2))
            for side in (16, 33, 48):
                expected = transforms.Compose(
                    [transforms.Resize(side), transforms.CenterCrop(side)])(picture)
                found = self.read(self.saved(picture, "PNG"), (side, side), crop="center")
                with self.subTest(size=size, side=side):
                    self.assertLessEqual(np.abs(found - np.asarray(expected)).max(), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
