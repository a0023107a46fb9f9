"""Element-wise functions, reductions, products and look-ups."""
import torch
import torch.nn.functional as F

from golden_cases import channels_last_1d, golden, random, same


def unary(op, function, low=-4.0, high=4.0, attributes={}):
    x = (torch.rand(5, 7) * (high - low) + low).requires_grad_()
    golden(op, op, {"x": (x, same)}, attributes, function)


def binary(op, function, a=None, b=None):
    golden(op, op, {"a": (random(2, 1, 4) if a is None else a.requires_grad_(), same),
                    "b": (random(3, 1) if b is None else b.requires_grad_(), same)},
           {}, function)  # fmt: skip


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


def broadcast_matmul(case, a, b):
    golden(case, "matmul_function", {"a": (random(*a), same), "b": (random(*b), same)}, {},
           torch.matmul)  # fmt: skip


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


def write():
    matmul("matmul", (5, 7), (7, 3), False, False, 3)
    matmul("matmul transposed", (7, 5), (3, 7), True, True)
    matmul("matmul batch", (2, 3, 4, 6), (2, 3, 5, 6), False, True, 5)
    golden("relu", "relu", {"x": (random(4, 9), same)}, {}, F.relu)
    golden("add", "add", {"a": (random(2, 1, 4), same), "b": (random(3, 1), same)}, {}, torch.add)
    golden("sum", "sum", {"x": (random(3, 4, 5), same)}, {"axes": [0, 2]},
           lambda t: t.sum((0, 2), keepdim=True))  # fmt: skip
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
    condition = torch.randint(0, 2, (3, 4)).float().requires_grad_()
    golden("where", "where", {"condition": (condition, same),
                              "a": (random(2, 1, 4), same), "b": (random(3, 1), same)}, {},
           lambda c, a, b: torch.where(c != 0, a, b) + 0 * c)  # fmt: skip
    reductions()
    gathers()
    broadcast_matmul("matmul broadcast", (2, 1, 3, 4), (3, 4, 2))
    broadcast_matmul("matmul one matrix", (2, 3, 4), (4, 2))
    attention("attention", (2, 3, 4), (2, 5, 4), (2, 5, 2))
    attention("attention, mask, scale", (2, 2, 3, 2), (2, 2, 4, 2), (2, 2, 4, 3), (2, 1, 3, 4),
              False, 0.7)  # fmt: skip
    attention("attention, causal", (4, 3), (5, 3), (5, 2), None, True)
