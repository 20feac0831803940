"""PyTorch on the CPU: eager, `zero_grad(set_to_none=True)`, the losses that take logits, inference mode to answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..workloads import Array, Data, Training
from . import Answer, Contestant

NAME = "PyTorch"


def version() -> str:
    """The library's version."""
    return str(torch.__version__)


def _network(weights: list[Array]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for kernel in weights[::2]:
        layers += [nn.Linear(*kernel.shape), nn.ReLU()]
    net = nn.Sequential(*layers[:-1])
    _set(net, weights)
    return net


def _set(net: nn.Sequential, weights: list[Array]) -> None:
    with torch.no_grad():
        for parameter, weight in zip(net.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(weight.T)))


def training(task: Training, data: Data, weights: list[Array]) -> list[Contestant]:
    """Ways to run the task."""
    net = _network(weights)
    binary = task.sizes[-1] == 1
    x = torch.from_numpy(data.x)
    y = torch.from_numpy(data.y.astype(np.float32)[:, None] if binary else data.y.astype(np.int64))
    batches = list(zip(x.split(task.batch), y.split(task.batch), strict=True)) * task.epochs
    criterion: Any = functional.binary_cross_entropy_with_logits if binary else functional.cross_entropy
    kind = torch.optim.Adam if task.optimizer == "adam" else torch.optim.SGD
    optimizers: list[torch.optim.Optimizer] = []

    def prepare() -> None:
        _set(net, weights)
        optimizers[:] = [kind(net.parameters(), lr=task.rate)]

    def run() -> None:
        optimizer = optimizers[0]
        for x, y in batches:
            optimizer.zero_grad(set_to_none=True)
            criterion(net(x), y).backward()
            optimizer.step()

    def now() -> list[Array]:
        return [parameter.detach().numpy().T.copy() for parameter in net.parameters()]

    return [Contestant(NAME, prepare, run, now)]


def answering(weights: list[Array]) -> Answer:
    """A function from one sample to its output."""
    last = nn.Sigmoid() if len(weights[-1]) == 1 else nn.Softmax(dim=1)
    net = nn.Sequential(_network(weights), last).eval()

    @torch.inference_mode()
    def answer(x: Array) -> Array:
        return net(torch.from_numpy(x)).numpy()

    return answer
