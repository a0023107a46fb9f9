"""Weights of PyTorch's nets as training leaves them."""
import torch


def randomise(net):
    """Changes what is 0 or 1 at first: weights of norms, biases, and the statistics of batch norms."""
    for name, buffer in net.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_(std=0.3)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 1.5)
    for parameter in net.parameters():
        if parameter.dim() == 1:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return net
