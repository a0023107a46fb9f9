"""Trains a small network with PyTorch on one process with batches of 64, and with
DistributedDataParallel (gloo) on two processes with 32 images each. Prints how many weights differ.

usage: ddp_bits.py FOLDER
"""
import os
import sys

try:
    import torch
    import torch.distributed as distributed
    from torch import nn
except ImportError:
    print("PyTorch is not installed")
    sys.exit(77)

STEPS, BATCH = 50, 64


def train(rank, ranks, folder):
    torch.manual_seed(1)
    torch.set_num_threads(1)
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 100, 10))
    model = net
    if ranks > 1:
        distributed.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank,
                                       world_size=ranks)
        model = nn.parallel.DistributedDataParallel(net)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    generator = torch.Generator().manual_seed(2)
    share = BATCH // ranks
    for _ in range(STEPS):
        images = torch.rand(BATCH, 1, 12, 12, generator=generator)
        labels = torch.randint(10, (BATCH,), generator=generator)
        mine = slice(rank * share, (rank + 1) * share)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images[mine]), labels[mine]).backward()
        optimizer.step()
    if rank == 0:
        torch.save(net.state_dict(), f"{folder}/{ranks}.pt")


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    train(0, 1, sys.argv[1])
    torch.multiprocessing.spawn(train, args=(2, sys.argv[1]), nprocs=2)
    one, two = (torch.load(f"{sys.argv[1]}/{ranks}.pt") for ranks in (1, 2))
    differ = sum(int((one[name] != two[name]).sum()) for name in one)
    print(f"{differ} of {sum(one[name].numel() for name in one)} weights differ")
