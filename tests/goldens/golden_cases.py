"""Gathers cases, as PyTorch computes them, in `tensors` and `cases`; see make_op_goldens.py."""
import json

import numpy
import torch

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
