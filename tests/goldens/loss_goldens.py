"""Losses."""
import torch
import torch.nn.functional as F

from golden_cases import golden, random, same, store


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


def write():
    cross_entropy("softmax_cross_entropy", 7, 5, 1)
    cross_entropy("softmax_cross_entropy large logits", 3, 11, 30)
    general_cross_entropy("cross_entropy smoothing", 5, 4, [0, 3, 1, 2, 2], 0.1)
    general_cross_entropy("cross_entropy weights, ignored", 5, 3, [0, 2, 1, -7, 2], 0.2,
                          [0.5, 2.0, 1.5], -7)  # fmt: skip
    general_cross_entropy("cross_entropy rows", 4, 3, [0, 2, 1, 1], 0.0, [0.5, 2.0, 1.5], 1, "none")
    general_cross_entropy("cross_entropy targets", 5, 4, None, 0.1, [0.5, 2.0, 1.5, 1.0])
    general_cross_entropy("cross_entropy targets, sum", 3, 4, None, 0.0, [], None, "sum")
    losses()
