#!/usr/bin/env python3
"""Writes optimizers.safetensors: 20 steps of PyTorch's optimizers and schedules.

usage: make_optimizer_goldens.py FILE          (needs python3-torch)

Every optimizer starts at the same `w` [4,3] and `b` [5] and gets the same gradients, `dw` [20,4,3]
and `db` [20,5]; "<case>/w" and "<case>/b" are what each step leaves. The metadata holds as JSON the
options of each case, with the names that `tessera train` saves, and the learning rates of each
schedule.
"""
import json
import sys

import numpy
import torch
from torch.optim import lr_scheduler

import safetensors_file

STEPS, LR = 20, 0.05
torch.manual_seed(2024)
start = {"w": torch.rand(4, 3) * 2 - 1, "b": torch.rand(5) * 2 - 1}
gradients = {name: torch.randn(STEPS, *tensor.shape) for name, tensor in start.items()}
tensors = {name: tensor.numpy() for name, tensor in start.items()}
tensors.update({"d" + name: tensor.numpy() for name, tensor in gradients.items()})
metadata = {}


def optimizer(case, make, clip=None, **options):
    parameters = {name: torch.nn.Parameter(tensor.clone()) for name, tensor in start.items()}
    method = make(parameters.values())
    left = {name: [] for name in parameters}
    for step in range(STEPS):
        for name, parameter in parameters.items():
            parameter.grad = gradients[name][step].clone()
        if clip:
            clip(parameters.values())
        method.step()
        for name, parameter in parameters.items():
            left[name].append(parameter.detach().numpy().copy())
    for name, steps in left.items():
        tensors[f"{case}/{name}"] = numpy.stack(steps)
    metadata[case] = json.dumps({"options": options})


def schedule(case, make, **options):
    method = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler = make(method)
    rates = []
    for step in range(STEPS):
        rates.append(method.param_groups[0]["lr"])
        method.step()
        if step + 1 < STEPS:
            scheduler.step()
    metadata[case] = json.dumps({"schedule": options, "lr": LR, "rates": rates})


class Lars(torch.optim.Optimizer):
    """You, Gitman, Ginsburg (2017), which PyTorch lacks; vectors take plain steps."""

    def __init__(self, parameters):
        super().__init__(parameters, {})

    @torch.no_grad()
    def step(self):
        for w in self.param_groups[0]["params"]:
            norm, ratio = w.norm(), 1
            if w.dim() > 1:
                ratio = 0.001 * norm / (w.grad.norm() + 0.1 * norm)
            v = self.state[w].setdefault("v", torch.zeros_like(w))
            v.mul_(0.9).add_(ratio * (w.grad + 0.1 * w))
            w -= 0.3 * v


optim = torch.optim
optimizer("sgd", lambda p: optim.SGD(p, lr=0.1), name="sgd", lr=0.1, momentum=0.0)
optimizer("sgd momentum", lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.05),
          name="sgd", lr=0.1, momentum=0.9, weight_decay=0.05)
optimizer("sgd nesterov",
          lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.05, nesterov=True),
          name="sgd", lr=0.1, momentum=0.9, weight_decay=0.05, nesterov=True)
optimizer("adam", optim.Adam, name="adam")
optimizer("adam weight decay",
          lambda p: optim.Adam(p, lr=0.02, betas=(0.8, 0.99), eps=1e-4, weight_decay=0.1),
          name="adam", lr=0.02, beta1=0.8, beta2=0.99, eps=1e-4, weight_decay=0.1)
optimizer("adamw", optim.AdamW, name="adamw")
optimizer("adamw weight decay", lambda p: optim.AdamW(p, lr=0.02, weight_decay=0.3), name="adamw",
          lr=0.02, weight_decay=0.3)
optimizer("rmsprop", optim.RMSprop, name="rmsprop")
optimizer("rmsprop momentum",
          lambda p: optim.RMSprop(p, lr=0.02, alpha=0.9, momentum=0.5, weight_decay=0.1),
          name="rmsprop", lr=0.02, alpha=0.9, momentum=0.5, weight_decay=0.1)
optimizer("adagrad", optim.Adagrad, name="adagrad")
optimizer("adagrad weight decay", lambda p: optim.Adagrad(p, lr=0.1, weight_decay=0.1),
          name="adagrad", lr=0.1, weight_decay=0.1)
optimizer("lars", Lars, name="lars", lr=0.3, momentum=0.9, weight_decay=0.1)
optimizer("clipped by norm", lambda p: optim.SGD(p, lr=0.1),
          lambda p: torch.nn.utils.clip_grad_norm_(p, 3.5),
          name="sgd", lr=0.1, momentum=0.0, clip_norm=3.5)
optimizer("clipped by value", lambda p: optim.SGD(p, lr=0.1),
          lambda p: torch.nn.utils.clip_grad_value_(p, 0.4),
          name="sgd", lr=0.1, momentum=0.0, clip_value=0.4)

schedule("constant", lambda o: lr_scheduler.LambdaLR(o, lambda t: 1.0), name="constant")
schedule("step", lambda o: lr_scheduler.StepLR(o, 6, 0.3), name="step", period=6, gamma=0.3)
schedule("multi-step", lambda o: lr_scheduler.MultiStepLR(o, [3, 4, 15], 0.5), name="multi-step",
         milestones=[3, 4, 15], gamma=0.5)
schedule("exponential", lambda o: lr_scheduler.ExponentialLR(o, 0.9), name="exponential",
         gamma=0.9)
schedule("cosine", lambda o: lr_scheduler.CosineAnnealingLR(o, 20, 0.004), name="cosine",
         steps=20, min_lr=0.004)
schedule("polynomial", lambda o: lr_scheduler.PolynomialLR(o, 15, 2.5), name="polynomial",
         steps=15, power=2.5)
schedule("one-cycle", lambda o: lr_scheduler.OneCycleLR(o, LR, 20, cycle_momentum=False),
         name="one-cycle", steps=20)
schedule("one-cycle options",
         lambda o: lr_scheduler.OneCycleLR(o, LR, 20, pct_start=0.6, div_factor=10,
                                           final_div_factor=50, cycle_momentum=False),
         name="one-cycle", steps=20, rise=0.6, initial_divisor=10.0, final_divisor=50.0)
schedule("warm-up and cosine",
         lambda o: lr_scheduler.SequentialLR(
             o, [lr_scheduler.LinearLR(o, total_iters=5), lr_scheduler.CosineAnnealingLR(o, 15)],
             [5]),
         name="cosine", steps=15, warmup=5)
schedule("warm-up from a tenth",
         lambda o: lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=7),
         name="constant", warmup=7, warmup_factor=0.1)
safetensors_file.write(sys.argv[1], tensors, metadata)
