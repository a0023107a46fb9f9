"""Convolutions, pooling and norms."""
import math

import torch
import torch.nn.functional as F

from golden_cases import channels_last, golden, random, same, store


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


def conv1d(x, w, stride, padding, dilation):
    def last(t):
        return t.permute(0, 2, 1)

    golden(f"conv1d {x}", "conv1d",
           {"x": (random(*x), last), "w": (random(*w), last), "b": (random(w[0]), same)},
           {"stride": stride, "padding": padding, "dilation": dilation},
           lambda *t: F.conv1d(*t, stride, padding, dilation), last)  # fmt: skip


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


def batch_norm(case, x, affine, training, momentum=0.1, eps=1e-5):
    running = [torch.rand(x[1]), torch.rand(x[1]) + 0.5]
    after = [t.clone() for t in running]
    inputs = {"x": (random(*x), channels_last), "running_mean": (running[0], same),
              "running_var": (running[1], same)}  # fmt: skip
    if affine:
        inputs.update({"w": (random(x[1]), same), "b": (random(x[1]), same)})
    golden(case, "batch_norm" if training else "batch_norm_inference", inputs,
           {"eps": eps, "momentum": momentum} if training else {"eps": eps},
           lambda x, _mean, _var, *wb: F.batch_norm(x, *after, *wb, training=training, eps=eps,
                                                    momentum=momentum), channels_last)  # fmt: skip
    if training:
        store(case, "running_mean after", after[0])
        store(case, "running_var after", after[1])


def layer_norm(case, x, dimensions, affine):
    shape = x[-dimensions:]
    size = math.prod(shape)
    inputs = {"x": (random(*x), same)}
    if affine:
        inputs.update({"w": (random(size), same), "b": (random(size), same)})
    golden(case, "normalize", inputs,
           {"samples": math.prod(x) // size, "groups": 1, "channels": size, "eps": 1e-2},
           lambda x, *wb: F.layer_norm(x, shape, *(t.reshape(shape) for t in wb),
                                       eps=1e-2))  # fmt: skip


def group_norm(case, x, groups, affine):
    inputs = {"x": (random(*x), channels_last)}
    if affine:
        inputs.update({"w": (random(x[1]), same), "b": (random(x[1]), same)})
    golden(case, "normalize", inputs,
           {"samples": x[0], "groups": groups, "channels": x[1], "eps": 0.3},
           lambda x, *wb: F.group_norm(x, groups, *wb, eps=0.3), channels_last)  # fmt: skip


def write():
    conv2d("conv2d plain", (2, 3, 6, 5), (4, 3, 3, 3))
    conv2d("conv2d all attributes", (2, 4, 9, 8), (6, 2, 3, 2), True, (2, 1), (1, 2), (2, 3), 2)
    conv2d("conv2d depthwise", (1, 5, 7, 6), (5, 1, 3, 3), False, (1, 2), (1, 1), (1, 1), 5)
    conv2d("conv2d 1x1", (2, 7, 3, 4), (3, 7, 1, 1), True)
    conv2d("conv2d padding on one side", (1, 3, 5, 6), (4, 3, 3, 2), True, (1, 2), (2, 0, 1, 3))
    conv2d("conv2d depthwise, two filters a channel", (1, 3, 5, 4), (6, 1, 3, 2), True, (2, 1),
           (1, 0), (1, 2), 3)  # fmt: skip
    conv_transpose2d("conv_transpose2d", (2, 3, 4, 3), (3, 2, 3, 3))
    conv_transpose2d("conv_transpose2d all attributes", (1, 4, 3, 5), (4, 3, 3, 2), (3, 2), (1, 0),
                     (2, 1), (1, 3), 2)  # fmt: skip
    conv1d((2, 3, 9), (4, 3, 3), 2, 2, 1)
    conv1d((1, 2, 7), (3, 2, 2), 1, 1, 3)
    max_pool2d("max_pool2d", (2, 3, 6, 7), (2, 2), (2, 2))
    max_pool2d("max_pool2d overlapping", (1, 4, 8, 7), (3, 4), (2, 1), (1, 2))
    batch_norm("batch_norm", (3, 5, 2, 3), True, True)
    batch_norm("batch_norm no affine, momentum 0.4", (2, 3, 3, 2), False, True, 0.4, 0.02)
    batch_norm("batch_norm_inference", (2, 5, 3, 2), True, False, eps=0.1)
    layer_norm("layer_norm", (4, 19), 1, True)
    layer_norm("layer_norm two dimensions, no affine", (3, 4, 5), 2, False)
    group_norm("group_norm", (2, 6, 3, 2), 3, True)
    group_norm("instance_norm", (2, 3, 3, 2), 3, False)
    pooling()
