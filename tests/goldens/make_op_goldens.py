#!/usr/bin/env python3
"""Writes ops.safetensors: inputs, outputs and gradients of small cases as PyTorch computes them.

usage: make_op_goldens.py FILE          (needs python3-torch and python3-torchvision)

Tensors of a case are named "<case>/<tensor>"; "<case>/dy" is the weight of the output in the
gradients "<case>/dx" and so on. The metadata holds each case's op and attributes as JSON. Images
are stored channels last and filters as [K,R,S,C], like in the library.
"""
import sys

import torch

import image_goldens
import layer_goldens
import loss_goldens
import math_goldens
import safetensors_file
from golden_cases import cases, tensors

torch.manual_seed(2023)
for module in (layer_goldens, math_goldens, loss_goldens, image_goldens):
    module.write()
safetensors_file.write(sys.argv[1], tensors, cases)
