#!/usr/bin/env python3
"""Writes ops.safetensors: inputs, outputs and gradients of small cases as PyTorch computes them.

usage: make_op_goldens.py FILE          (needs python3-torch and python3-torchvision)

Tensors of a case are named "<case>/<tensor>"; "<case>/dy" is the weight of the output in the
gradients "<case>/dx" and so on. The metadata holds each case's op and attributes as JSON. Images
are stored channels last and filters as [K,R,S,C], like in the library.
"""
import json
import math
import sys

import numpy
import torch
import torch.nn.functional as F

import torchvision.transforms.functional as V

import safetensors_file

torch.manual_seed(2023)
tensors, cases = {}, {}


def channels_last(t):
    return t.permute(0, 2, 3, 1)


def channels_last_1d(t):
    return t.permute(0, 2, 1)


def same(t):
    return t


def random(*shape):
    return (torch.rand(*shape) * 2 - 1).requires_grad_()


def store(case, name, tensor):
    array = numpy.array(tensor.detach().numpy(), order="C")  # a copy
    tensors[f"{case}/{name}"] = array.astype(numpy.int32) if array.dtype == numpy.int64 else array


def golden(case, op, inputs, attributes, function, layout=same):
    """`inputs` maps names to (tensor, layout); the rest of them need no gradient."""
    cases[case] = json.dumps({"op": op, "inputs": list(inputs), "attributes": attributes})
    y = function(*[tensor for tensor, _ in inputs.values()])
    if y.requires_grad:
        dy = torch.rand_like(y) * 2 - 1
        y.backward(dy)
        store(case, "dy", layout(dy))
    for name, (tensor, convert) in inputs.items():
        store(case, name, convert(tensor))
        if y.requires_grad and tensor.requires_grad:
            store(case, "d" + name, convert(tensor.grad))
    store(case, "y", layout(y))


def convolution(stride, padding, dilation, groups, **more):
    if len(padding) == 2:
        padding = (padding[0], padding[0], padding[1], padding[1])
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups, **more}


def conv2d(case, x, w, bias=True, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    """`padding`: rows and columns, or top, bottom, left and right."""
    inputs = {"x": (random(*x), channels_last), "w": (random(*w), channels_last)}
    if bias:
        inputs["b"] = (random(w[0]), same)
    attributes = convolution(stride, padding, dilation, groups)
    top, bottom, left, right = attributes["padding"]
    golden(case, "conv2d", inputs, attributes,
           lambda x, *t: F.conv2d(F.pad(x, (left, right, top, bottom)), *t, stride=stride,
                                  dilation=dilation, groups=groups), channels_last)  # fmt: skip


def conv_transpose2d(case, x, w, stride=(1, 1), padding=(0, 0), output_padding=(0, 0),
                     dilation=(1, 1), groups=1):  # fmt: skip
    inputs = {"x": (random(*x), channels_last), "w": (random(*w), channels_last)}
    size = [(x[2 + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (w[2 + i] - 1)
            + output_padding[i] + 1 for i in (0, 1)]  # fmt: skip
    golden(case, "conv2d_dx", inputs,
           convolution(stride, padding, dilation, groups, input_size=size),
           lambda *t: F.conv_transpose2d(*t, None, stride, padding, output_padding, groups,
                                         dilation), channels_last)  # fmt: skip


def max_pool2d(case, x, kernel, stride, padding=(0, 0)):
    # Few different numbers: ties decide where the gradient goes.
    values = torch.randint(0, 4, x).float().requires_grad_()
    golden(case, "max_pool2d", {"x": (values, channels_last)},
           {"kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": 0},
           lambda t: F.max_pool2d(t, kernel, stride, padding), channels_last)  # fmt: skip


def pooling():
    def case(op, x, function, **attributes):
        golden(f"{op} {attributes}", op, {"x": (random(*x), channels_last)}, attributes, function,
               channels_last)  # fmt: skip

    def avg_pool2d(x, kernel, stride, padding=(0, 0), ceil_mode=0, count_include_pad=1):
        case("avg_pool2d", x,
             lambda t: F.avg_pool2d(t, kernel, stride, padding, bool(ceil_mode),
                                    bool(count_include_pad)),
             kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode,
             count_include_pad=count_include_pad)  # fmt: skip

    def max_pool2d(x, kernel, stride, padding, dilation, ceil_mode):
        case("max_pool2d_function", x,
             lambda t: F.max_pool2d(t, kernel, stride, padding, dilation, bool(ceil_mode)),
             kernel=kernel, stride=stride, padding=padding, dilation=dilation,
             ceil_mode=ceil_mode)  # fmt: skip

    avg_pool2d((2, 2, 9, 7), (3, 2), (2, 1), (1, 1))
    avg_pool2d((2, 2, 9, 7), (3, 2), (2, 1), (1, 1), count_include_pad=0)
    avg_pool2d((1, 3, 8, 9), (3, 2), (2, 3), (1, 0), ceil_mode=1)
    avg_pool2d((1, 2, 6, 5), (2, 3), (3, 2), (1, 1), ceil_mode=1)
    avg_pool2d((1, 2, 6, 5), (2, 3), (3, 2), (1, 1), ceil_mode=1, count_include_pad=0)
    max_pool2d((1, 3, 8, 9), (3, 2), (2, 3), (1, 0), (1, 1), 1)
    max_pool2d((1, 2, 6, 5), (2, 3), (3, 2), (1, 1), (1, 1), 1)
    max_pool2d((2, 2, 9, 10), (3, 2), (2, 1), (1, 1), (2, 3), 0)
    max_pool2d((1, 2, 9, 10), (2, 3), (3, 2), (1, 1), (3, 2), 1)
    for size in (1, 1), (3, 4), (8, 5):
        case("adaptive_avg_pool2d", (2, 3, 7, 5), lambda t: F.adaptive_avg_pool2d(t, size),
             size=size)  # fmt: skip
        case("adaptive_max_pool2d", (2, 3, 7, 5), lambda t: F.adaptive_max_pool2d(t, size),
             size=size)  # fmt: skip


def batch_norm(case, x, affine, training, momentum=0.1):
    running = [torch.rand(x[1]), torch.rand(x[1]) + 0.5]
    after = [t.clone() for t in running]
    inputs = {"x": (random(*x), channels_last), "running_mean": (running[0], same),
              "running_var": (running[1], same)}  # fmt: skip
    if affine:
        inputs.update({"w": (random(x[1]), same), "b": (random(x[1]), same)})
    golden(case, "batch_norm" if training else "batch_norm_inference", inputs,
           {"eps": 1e-5, "momentum": momentum} if training else {"eps": 1e-5},
           lambda x, _mean, _var, *wb: F.batch_norm(x, *after, *wb, training=training,
                                                    momentum=momentum), channels_last)  # fmt: skip
    if training:
        store(case, "running_mean after", after[0])
        store(case, "running_var after", after[1])


def layer_norm(case, x, dimensions, affine):
    shape = x[-dimensions:]
    size = int(numpy.prod(shape))
    inputs = {"x": (random(*x), same)}
    if affine:
        inputs.update({"w": (random(size), same), "b": (random(size), same)})
    golden(case, "normalize", inputs,
           {"samples": int(numpy.prod(x)) // size, "groups": 1, "channels": size, "eps": 1e-5},
           lambda x, *wb: F.layer_norm(x, shape, *(t.reshape(shape) for t in wb)))  # fmt: skip


def group_norm(case, x, groups, affine):
    inputs = {"x": (random(*x), channels_last)}
    if affine:
        inputs.update({"w": (random(x[1]), same), "b": (random(x[1]), same)})
    golden(case, "normalize", inputs,
           {"samples": x[0], "groups": groups, "channels": x[1], "eps": 1e-5},
           lambda x, *wb: F.group_norm(x, groups, *wb), channels_last)  # fmt: skip


def matmul(case, a, b, transpose_a, transpose_b, bias=None):
    inputs = {"a": (random(*a), same), "b": (random(*b), same)}
    if bias:
        inputs["bias"] = (random(bias), same)

    def product(left, right, *rest):
        left = left.transpose(-1, -2) if transpose_a else left
        right = right.transpose(-1, -2) if transpose_b else right
        return left @ right + (rest[0] if rest else 0)

    golden(case, "matmul", inputs,
           {"transpose_a": int(transpose_a), "transpose_b": int(transpose_b)}, product)  # fmt: skip


def cross_entropy(case, n, k, scale):
    labels = torch.randint(0, k, (n,))
    logits = (torch.randn(n, k) * scale).requires_grad_()
    golden(case, "softmax_cross_entropy", {"logits": (logits, same), "labels": (labels, same)}, {},
           lambda x, t: F.cross_entropy(x, t).reshape(1))  # fmt: skip
    store(case, "probabilities", F.softmax(logits, 1))


def general_cross_entropy(case, n, k, targets=None, smoothing=0.0, weights=(), ignored=None,
                          reduction="mean"):  # fmt: skip
    """`targets`: labels, or None for random soft targets, which get a gradient too."""
    if targets is None:
        targets = F.softmax(torch.randn(n, k), 1).detach().requires_grad_()
        name = "targets"
    else:
        targets, name = torch.tensor(targets), "labels"
    logits = torch.randn(n, k).requires_grad_()
    attributes = {"label_smoothing": smoothing, "weights": list(map(float, weights)),
                  "ignore_index": [] if ignored is None else [ignored],
                  "normalized": 0, "reduction": reduction}  # fmt: skip
    weight = torch.tensor(weights) if weights else None
    golden(case, "cross_entropy", {"logits": (logits, same), name: (targets, same)}, attributes,
           lambda x, t: F.cross_entropy(x, t, weight, label_smoothing=smoothing,
                                        ignore_index=-100 if ignored is None else ignored,
                                        reduction=reduction).reshape(-1))  # fmt: skip


def losses():
    def case(name, function, *tensors, **attributes):
        names = ["x", "target", "weight", "pos_weight"]
        inputs = {name: (t, same) for name, t in zip(names, tensors)}
        golden(f"{name} {attributes}", name, inputs, attributes,
               lambda *t: torch.atleast_1d(function(*t)))  # fmt: skip

    def positive(*shape):
        return torch.rand(*shape).requires_grad_()

    for reduction in "none", "mean", "sum":
        case("mse_loss", lambda x, t: F.mse_loss(x, t, reduction=reduction),
             random(3, 5), random(3, 5), reduction=reduction)  # fmt: skip
    case("l1_loss", F.l1_loss, random(3, 5), random(3, 5), reduction="mean")
    case("huber_loss", lambda x, t: F.huber_loss(x, t, delta=0.3), random(4, 5), random(4, 5),
         delta=0.3, reduction="mean")  # fmt: skip
    for beta in 0.0, 0.4:
        case("smooth_l1_loss", lambda x, t: F.smooth_l1_loss(x, t, beta=beta), random(4, 5),
             random(4, 5), beta=beta, reduction="mean")  # fmt: skip
    far = (torch.tensor([[-90.0, 30, -1], [0, 2, 120]])).requires_grad_()
    bce = F.binary_cross_entropy_with_logits
    case("bce_with_logits_loss", bce, far, positive(2, 3), reduction="mean")

    def weighted_bce(x, t, w, p):  # PyTorch's own has no gradients of the weights
        total = -(w * (p * t * F.logsigmoid(x) + (1 - t) * F.logsigmoid(-x))).sum()
        known = bce(x.detach(), t.detach(), w.detach(), reduction="sum", pos_weight=p.detach())
        assert torch.allclose(total, known)
        return total

    case("bce_with_logits_loss", weighted_bce, random(4, 3), positive(4, 3), positive(4, 1),
         positive(3), reduction="sum")  # fmt: skip
    case("kl_div_loss", F.kl_div, random(2, 3), positive(2, 3), log_target=0, batch_mean=0)
    case("kl_div_loss", lambda x, t: F.kl_div(x, t, reduction="batchmean"), random(4, 3),
         positive(4, 3), log_target=0, batch_mean=1)  # fmt: skip
    case("kl_div_loss", lambda x, t: F.kl_div(x, t, log_target=True), random(4, 3), random(4, 3),
         log_target=1, batch_mean=0)  # fmt: skip
    labels = torch.tensor([0, 2, 1, 1])
    nll = F.nll_loss
    case("nll_loss", nll, random(4, 3), labels, weights=[], ignore_index=[], reduction="mean")
    case("nll_loss", lambda x, t: nll(x, t, torch.tensor([0.5, 1, 2]), ignore_index=1),
         random(4, 3), labels, weights=[0.5, 1, 2], ignore_index=[1],
         reduction="mean")  # fmt: skip
    case("nll_loss", lambda x, t: nll(x, t, reduction="none"), random(4, 3), labels, weights=[],
         ignore_index=[], reduction="none")  # fmt: skip


def sgd(case, momentum, lr):
    """Three steps of torch.optim.SGD; w and v are what they leave."""
    w = random(3, 5)
    steps = [random(3, 5).detach() for _ in range(3)]
    store(case, "w", w)
    optimizer = torch.optim.SGD([w], lr=lr, momentum=momentum)
    for i, dw in enumerate(steps):
        w.grad = dw.clone()
        optimizer.step()
        store(case, f"dw {i}", dw)
        store(case, f"w {i}", w)
    tensors[f"{case}/lr"] = numpy.array([lr], numpy.float32)
    cases[case] = json.dumps({"op": "sgd_step", "attributes": {"momentum": momentum}})


def reductions():
    def case(op, function, x, attributes):
        golden(f"{op} {attributes}", op, {"x": (x, same)}, attributes, function)

    def few_values():
        return torch.randint(0, 3, (2, 3, 4)).float().requires_grad_()

    case("mean", lambda t: t.mean((0, 2), keepdim=True), random(2, 3, 4), {"axes": [0, 2]})
    case("norm1", lambda t: t.norm(1, 1, keepdim=True), few_values(), {"axes": [1]})
    case("norm2", lambda t: t.norm(2, 1, keepdim=True),
         (random(2, 3, 4).detach() * torch.tensor([1, 0, 1, 1.0])).requires_grad_(),
         {"axes": [1]})  # fmt: skip
    case("amax", lambda t: t.amax((0, 2), keepdim=True), few_values(), {"axes": [0, 2]})
    case("amin", lambda t: t.amin(1, keepdim=True), few_values(), {"axes": [1]})
    places = torch.tensor([[1.0, 3, 2, 3], [2, float("nan"), 5, float("nan")], [0, 0, -1, -1]])
    case("argmax", lambda t: t.argmax(1, keepdim=True), places, {"axes": [1]})
    case("argmin", lambda t: t.argmin(1, keepdim=True), places, {"axes": [1]})
    # Functions that append several ops.
    case("variance", lambda t: t.var(1), random(2, 3, 4), {"axes": [1], "correction": 1.0})
    case("variance", lambda t: t.var((0, 2), unbiased=False), random(2, 3, 4),
         {"axes": [0, -1], "correction": 0.0})  # fmt: skip
    case("variance", lambda t: t.var(), random(3, 4), {"axes": [], "correction": 1.0})
    case("norm_infinity", lambda t: t.norm(float("inf"), 1), few_values(), {"axes": [1]})
    case("sum_function", lambda t: t.sum(), random(3, 4), {"axes": []})
    case("sum_function", lambda t: t.sum((0, -1)), random(3, 4, 2), {"axes": [0, -1]})
    case("argmax_function", lambda t: t.argmax(-1), places, {"axis": -1})
    for name in ("softmax", "log_softmax"):
        function = getattr(torch, name)
        case(name, lambda t, f=function: f(t, -1), (random(3, 7).detach() * 4).requires_grad_(),
             {})  # fmt: skip
        case(name + "_function", lambda t, f=function: f(t, -2), random(2, 3, 4), {"axis": -2})


def gathers():
    index = torch.tensor([[2, 0, 2], [1, 1, 0]])

    def case(name, op, x, index, attributes, function):
        golden(name, op, {"x": (random(*x), same), "index": (index, same)}, attributes, function)

    case("gather", "gather", (2, 3), index, {"axis": 1}, lambda x, i: torch.gather(x, 1, i))
    case("gather, smaller index", "gather_function", (3, 4), index[:, :2], {"axis": 0},
         lambda x, i: torch.gather(x, 0, i))  # fmt: skip
    case("index_select", "take", (2, 3, 2), index[0], {"axis": 1},
         lambda x, i: torch.index_select(x, 1, i))  # fmt: skip
    case("embedding", "embedding", (3, 4), index, {}, lambda w, i: F.embedding(i, w))
    golden("one_hot", "one_hot", {"index": (index, same)}, {"classes": 4},
           lambda i: F.one_hot(i, 4).float())  # fmt: skip
    numbers = torch.tensor([1.7, -1.7, 0.2, 250.5, -300])
    golden("cast", "cast", {"x": (numbers, same)}, {"to": "i32"}, lambda t: t.int())
    golden("cast u8", "cast", {"x": (numbers.int(), same)}, {"to": "u8"},
           lambda t: t.to(torch.uint8))  # fmt: skip


def broadcast_matmul(case, a, b):
    golden(case, "matmul_function", {"a": (random(*a), same), "b": (random(*b), same)}, {},
           torch.matmul)  # fmt: skip


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
               {"size": [7, columns], "replicate": replicate}, lambda x, _: function(x.float() / 255),
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


def attention(case, q, k, v, mask=None, causal=False, scale=None):
    """The formula that newer versions of PyTorch give for their function."""
    def function(q, k, v, *mask):
        scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
        if causal:
            seen = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool).tril()
            scores = scores.masked_fill(~seen, float("-inf"))
        return torch.softmax(scores + (mask[0] if mask else 0), -1) @ v

    inputs = {"q": (random(*q), same), "k": (random(*k), same), "v": (random(*v), same)}
    if mask:
        inputs["mask"] = (random(*mask), same)
    golden(case, "attention", inputs, {"is_causal": int(causal), "scale": float(scale or 0)},
           function)  # fmt: skip


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

        golden(f"resample {mode} {size} {align} {factor}", "resample", {"x": (random(2, 3, 7), last)},
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


conv2d("conv2d plain", (2, 3, 6, 5), (4, 3, 3, 3))
conv2d("conv2d all attributes", (2, 4, 9, 8), (6, 2, 3, 2), True, (2, 1), (1, 2), (2, 3), 2)
conv2d("conv2d depthwise", (1, 5, 7, 6), (5, 1, 3, 3), False, (1, 2), (1, 1), (1, 1), 5)
conv2d("conv2d 1x1", (2, 7, 3, 4), (3, 7, 1, 1), True)
conv2d("conv2d padding on one side", (1, 3, 5, 6), (4, 3, 3, 2), True, (1, 2), (2, 0, 1, 3))
conv2d("conv2d depthwise, two filters a channel", (1, 3, 5, 4), (6, 1, 3, 2), True, (2, 1), (1, 0),
       (1, 2), 3)  # fmt: skip
conv_transpose2d("conv_transpose2d", (2, 3, 4, 3), (3, 2, 3, 3))
conv_transpose2d("conv_transpose2d all attributes", (1, 4, 3, 5), (4, 3, 3, 2), (3, 2), (1, 0),
                 (2, 1), (1, 3), 2)  # fmt: skip
max_pool2d("max_pool2d", (2, 3, 6, 7), (2, 2), (2, 2))
max_pool2d("max_pool2d overlapping", (1, 4, 8, 7), (3, 4), (2, 1), (1, 2))
batch_norm("batch_norm", (3, 5, 2, 3), True, True)
batch_norm("batch_norm no affine, momentum 0.4", (2, 3, 3, 2), False, True, 0.4)
batch_norm("batch_norm_inference", (2, 5, 3, 2), True, False)
layer_norm("layer_norm", (4, 19), 1, True)
layer_norm("layer_norm two dimensions, no affine", (3, 4, 5), 2, False)
group_norm("group_norm", (2, 6, 3, 2), 3, True)
group_norm("instance_norm", (2, 3, 3, 2), 3, False)
matmul("matmul", (5, 7), (7, 3), False, False, 3)
matmul("matmul transposed", (7, 5), (3, 7), True, True)
matmul("matmul batch", (2, 3, 4, 6), (2, 3, 5, 6), False, True, 5)
golden("relu", "relu", {"x": (random(4, 9), same)}, {}, F.relu)
golden("add", "add", {"a": (random(2, 1, 4), same), "b": (random(3, 1), same)}, {}, torch.add)
golden("sum", "sum", {"x": (random(3, 4, 5), same)}, {"axes": [0, 2]},
       lambda t: t.sum((0, 2), keepdim=True))  # fmt: skip
golden("reshape", "reshape", {"x": (random(3, 4), same)}, {"shape": [2, 6]},
       lambda t: t.reshape(2, 6))  # fmt: skip
cross_entropy("softmax_cross_entropy", 7, 5, 1)
cross_entropy("softmax_cross_entropy large logits", 3, 11, 30)
general_cross_entropy("cross_entropy smoothing", 5, 4, [0, 3, 1, 2, 2], 0.1)
general_cross_entropy("cross_entropy weights, ignored", 5, 3, [0, 2, 1, -7, 2], 0.2,
                      [0.5, 2.0, 1.5], -7)  # fmt: skip
general_cross_entropy("cross_entropy rows", 4, 3, [0, 2, 1, 1], 0.0, [0.5, 2.0, 1.5], 1, "none")
general_cross_entropy("cross_entropy targets", 5, 4, None, 0.1, [0.5, 2.0, 1.5, 1.0])
general_cross_entropy("cross_entropy targets, sum", 3, 4, None, 0.0, [], None, "sum")
sgd("sgd_step", 0.9, 0.1)
rearrangements()
resizes()
reductions()
pooling()
losses()


def unary(op, function, low=-4.0, high=4.0, attributes={}):
    x = (torch.rand(5, 7) * (high - low) + low).requires_grad_()
    golden(op, op, {"x": (x, same)}, attributes, function)


def binary(op, function, a=None, b=None):
    golden(op, op, {"a": (random(2, 1, 4) if a is None else a.requires_grad_(), same),
                    "b": (random(3, 1) if b is None else b.requires_grad_(), same)},
           {}, function)  # fmt: skip


unary("relu6", F.relu6, -4, 9)
unary("leaky_relu", lambda x: F.leaky_relu(x, 0.2), attributes={"negative_slope": 0.2})
unary("elu", lambda x: F.elu(x, 1.5), attributes={"alpha": 1.5})
unary("gelu", F.gelu)
unary("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"))
unary("silu", F.silu)
unary("hardswish", F.hardswish)
unary("hardsigmoid", F.hardsigmoid)
unary("sigmoid", torch.sigmoid)
unary("tanh", torch.tanh)
unary("softplus", lambda x: F.softplus(x, 1.5, 4), attributes={"beta": 1.5, "threshold": 4.0})
unary("mish", F.mish)
unary("exp", torch.exp, -3, 1)
unary("log", torch.log, 0.1, 4)
unary("sqrt", torch.sqrt, 0.1, 4)
unary("rsqrt", torch.rsqrt, 0.3, 4)
unary("abs", torch.abs)
unary("neg", torch.neg)
unary("clamp", lambda x: x.clamp(-1.5, 2.5), attributes={"min": -1.5, "max": 2.5})
binary("sub", torch.sub)
binary("mul", torch.mul)
binary("div", torch.div, b=torch.rand(3, 1) + 0.5)
binary("pow", torch.pow, a=torch.rand(2, 1, 4) + 0.5)
binary("minimum", torch.minimum, torch.randint(0, 3, (2, 3, 4)).float(),
       torch.randint(0, 3, (3, 1)).float())  # fmt: skip
binary("maximum", torch.maximum, torch.randint(0, 3, (2, 3, 4)).float(),
       torch.randint(0, 3, (3, 1)).float())  # fmt: skip
golden("prelu", "prelu", {"x": (random(2, 3, 5), channels_last_1d), "w": (random(3), same)}, {},
       F.prelu, channels_last_1d)  # fmt: skip
golden("where", "where", {"condition": (torch.randint(0, 2, (3, 4)).float().requires_grad_(), same),
                          "a": (random(2, 1, 4), same), "b": (random(3, 1), same)}, {},
       lambda c, a, b: torch.where(c != 0, a, b) + 0 * c)  # fmt: skip
gathers()
vision()
broadcast_matmul("matmul broadcast", (2, 1, 3, 4), (3, 4, 2))
broadcast_matmul("matmul one matrix", (2, 3, 4), (4, 2))
attention("attention", (2, 3, 4), (2, 5, 4), (2, 5, 2))
attention("attention, mask, scale", (2, 2, 3, 2), (2, 2, 4, 2), (2, 2, 4, 3), (2, 1, 3, 4), False,
          0.7)  # fmt: skip
attention("attention, causal", (4, 3), (5, 3), (5, 2), None, True)
safetensors_file.write(sys.argv[1], tensors, cases)
