"""Training on several workers: torch's own launcher starts them, and this averages their gradients.

Each worker takes the whole step on batches of its own; the average of all gradients is that of one
large batch, so every worker keeps the same weights (data parallel). Torch's wrapper for that
insists on `net(...)` as the way into a network; our losses call its parts, so the average is taken
here, once a step.
"""

import atexit
import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


@dataclass
class Settings:
    """What `capriccio train` asks of all trainers.

    Args:
        accumulate: batches of a worker whose gradients make one step.
        bf16: compute in bfloat16 even where it is not known to be fast.
        compile: have `torch.compile` translate the networks.
    """

    accumulate: int = 1
    bf16: bool = False
    compile: bool = False


settings = Settings()


def check_compiler() -> None:
    """Raise a ValueError where `torch.compile` cannot work: on a CPU without a C++ compiler."""
    usual = {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
    name = os.environ.get("CXX", usual)
    if not torch.cuda.is_available() and shutil.which(name.partition(" ")[0]) is None:
        raise ValueError(
            f"--compile needs a C++ compiler, and there is no {name!r}; install one (apt install "
            "g++ on Debian and Ubuntu), or leave out --compile"
        )


def join_workers() -> None:
    """Join the other workers where torchrun or SLURM has started several; else do nothing."""
    if dist.is_initialized() or int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    store, number, size = next(dist.rendezvous("env://"))
    # Torchrun keeps its store when it starts workers again: the old addresses are still in it.
    store = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
    backend = "nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=store, rank=number, world_size=size)
    atexit.register(dist.destroy_process_group)  # its threads could abort a process that ends
    if not leads():  # one voice is enough
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def count_workers() -> int:
    """Return how many workers train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this worker, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def leads() -> bool:
    """Return whether this worker is the one that writes files and prints."""
    return rank() == 0


def was_restarted() -> bool:
    """Return whether torchrun has started the workers again, since one was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def batch_numbers(step: int) -> range:
    """Return the numbers of the batches that this worker takes in a step; all are different."""
    count = settings.accumulate
    first = (step * count_workers() + rank()) * count
    return range(first, first + count)


def average(net: nn.Module, figures: list[float]) -> list[float]:
    """Average the gradients of a network over all workers, and return the sums of `figures`.

    What a network counts for itself (its buffers) is averaged as well. A parameter without a
    gradient in all workers stays without one.

    Raises:
        ConnectionError: another worker is lost.
    """
    parameters = [one for one in net.parameters() if one.requires_grad]
    buffers = [one for one in net.buffers() if one.is_floating_point()]
    grads = [torch.zeros_like(one) if one.grad is None else one.grad for one in parameters]
    has = [float(one.grad is not None) for one in parameters]
    tensors = [*grads, *buffers]
    numbers = torch.tensor([*has, *figures], device=parameters[0].device)
    flat = torch.cat([*(one.flatten().float() for one in tensors), numbers])  # (numbers,)
    try:
        dist.all_reduce(flat)
    except RuntimeError as error:
        raise ConnectionError(f"another worker is lost: {error}") from error
    count, at = count_workers(), 0
    for tensor in tensors:
        tensor.copy_((flat[at : at + tensor.numel()] / count).view_as(tensor))
        at += tensor.numel()
    had, sums = flat[at : at + len(has)].tolist(), flat[at + len(has) :].tolist()
    for parameter, grad, some in zip(parameters, grads, had, strict=True):
        parameter.grad = grad if some else None
    return sums


def share_weights(tensors: Iterable[torch.Tensor]) -> None:
    """Send all workers the tensors of the one that leads."""
    if dist.is_initialized():
        for tensor in tensors:
            dist.broadcast(tensor, 0)
