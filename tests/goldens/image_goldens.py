"""Shapes, resizing, padding and augmentation."""
import math

import torch
import torch.nn.functional as F
import torchvision.transforms.functional as V

from golden_cases import channels_last, golden, random, same


def rearrangements():
    def case(op, shape, attributes, function):
        golden(op, op, {"x": (random(*shape), same)}, attributes, function)

    case("permute", (2, 3, 5), {"axes": [2, 0, 1]}, lambda t: t.permute(2, 0, 1))
    case("flip", (3, 5, 2), {"axes": [0, 2]}, lambda t: t.flip(0, 2))
    case("slice", (2, 11), {"axis": 1, "start": 2, "step": 3, "size": 3}, lambda t: t[:, 2:10:3])
    case("pad", (2, 5), {"before": [1, -1], "after": [0, 2], "value": 0.5},
         lambda t: F.pad(t, (-1, 2, 1, 0), value=0.5))  # fmt: skip
    case("expand", (3, 1), {"shape": [2, 3, 4]}, lambda t: t.expand(2, 3, 4))
    golden("concat", "concat", {"a": (random(2, 3), same), "b": (random(2, 1), same)}, {"axis": 1},
           lambda *t: torch.cat(t, 1))  # fmt: skip


def resizes():
    """Along the rows of [N,H,C]: PyTorch's [N,C,H] resized in one dimension."""
    def last(t):
        return t.transpose(1, 2)

    def resize(mode, size, align=False, factor=0.0):
        def function(t):
            size_or_factor = {"scale_factor": factor} if factor else {"size": size}
            if mode == "linear":
                size_or_factor["align_corners"] = align
            return F.interpolate(t, mode=mode, **size_or_factor)

        golden(f"resample {mode} {size} {align} {factor}", "resample",
               {"x": (random(2, 3, 7), last)},
               {"axis": 1, "size": size, "mode": mode, "align_corners": int(align),
                "factor": factor}, function, last)  # fmt: skip

    resize("nearest", 17)
    resize("nearest", 5)
    resize("nearest", 16, factor=2.3)
    resize("linear", 17)
    resize("linear", 4)
    resize("linear", 12, True)
    resize("linear", 16, factor=2.3)
    for mode in ("reflect", "replicate", "circular"):
        golden("resample " + mode, "resample", {"x": (random(2, 3, 7), last)},
               {"axis": 1, "size": 13, "mode": mode, "before": 4},
               lambda t: F.pad(t, (4, 2), mode=mode), last)  # fmt: skip


def images():
    def case(op, x, function, **attributes):
        golden(f"{op} {attributes}", op, {"x": (random(*x), channels_last)}, attributes, function,
               channels_last)  # fmt: skip

    case("pixel_shuffle", (2, 12, 3, 2), lambda t: F.pixel_shuffle(t, 2), r=2)
    case("pixel_unshuffle", (1, 2, 6, 3), lambda t: F.pixel_unshuffle(t, 3), r=3)
    for mode, align in ("nearest", 0), ("bilinear", 0), ("bilinear", 1):
        corners = bool(align) if mode == "bilinear" else None
        case("resize", (2, 3, 5, 4), lambda t: F.interpolate(t, (8, 3), mode=mode,
                                                             align_corners=corners),
             size=(8, 3), mode=mode, align_corners=align)  # fmt: skip


def vision():
    images = torch.rand(2, 3, 5, 4)

    def each(function, factors, x=images):
        factor = torch.tensor(factors).reshape(2, 1, 1, 1)
        golden(f"{function.__name__} {list(x.shape)}", function.__name__,
               {"x": (x, channels_last), "factor": (factor, same)}, {},
               lambda x, f: torch.stack([function(i, float(k)) for i, k in zip(x, f)]),
               channels_last)  # fmt: skip

    each(V.adjust_brightness, [0.6, 1.7])
    each(V.adjust_contrast, [0.3, 1.9])
    each(V.adjust_contrast, [0.3, 1.9], images[:, :1])
    each(V.adjust_saturation, [0.0, 2.1])
    for size in ((2, 3), (8, 3), (3, 9)):
        golden(f"center_crop {size}", "center_crop", {"x": (images, channels_last)},
               {"size": size}, lambda x, size=size: V.center_crop(x, size), channels_last)

    pixels = torch.randint(0, 256, (1, 3, 7, 6), dtype=torch.uint8)

    def transform(name, numbers, function, replicate, columns=6):
        golden(name, "transform_image",
               {"x": (pixels, channels_last), "transforms": (torch.tensor([numbers]), same)},
               {"size": [7, columns], "replicate": replicate},
               lambda x, _: function(x.float() / 255),
               channels_last)  # fmt: skip

    angle = math.radians(25)  # counter-clockwise around row 3, column 2.5
    c, s = math.cos(angle), math.sin(angle)
    transform("rotate", [c, -s, 2.5 - 2.5 * c + 3 * s, s, c, 3 - 2.5 * s - 3 * c],
              lambda x: V.rotate(x, 25, V.InterpolationMode.BILINEAR), 0)
    # Cut out 7 rows and 6 columns of the whole image, then those of a corner.
    transform("resized_crop, all", [1.0, 0, 0, 0, 1, 0],
              lambda x: V.resized_crop(x, 0, 0, 7, 6, [7, 6]), 1)
    transform("resized_crop, the left", [0.5, 0, -0.25, 0, 1, 0],
              lambda x: V.resized_crop(x, 0, 0, 7, 3, [7, 6])[..., :5], 1, 5)


def write():
    golden("reshape", "reshape", {"x": (random(3, 4), same)}, {"shape": [2, 6]},
           lambda t: t.reshape(2, 6))  # fmt: skip
    rearrangements()
    resizes()
    images()
    vision()
