"""Seconds a megapixel of the networks that papers compare with, random weights; prints JSON."""

import argparse
import importlib
import json
import time

import torch

from model import arithmetic

OPERATORS = ("nms", "qnms")


def declare_operators() -> torch.library.Library:
    """Let torchvision be imported where its operators are built for another kind of torch.

    PyPI's are built for CUDA's. deepinv wants its transforms alone; nobody calls the operators.

    Returns:
        What declares them, to be kept: they go with it.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in OPERATORS:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def main() -> None:
    """Run each twice; the second is timed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, required=True, help="of the square picture, pixels")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--precision", choices=("bf16", "fp32"), required=True)
    arguments = parser.parse_args()
    _kept = declare_operators()
    from deepinv.models import PromptIR, Restormer

    torch.set_num_threads(arguments.threads)
    crop = torch.rand(1, 3, arguments.side, arguments.side)
    measured = {}
    for name, network in {"Restormer": Restormer, "PromptIR": PromptIR}.items():
        net = network(pretrained=None).eval()
        with torch.inference_mode(), arithmetic(arguments.precision, "cpu"):
            net(crop)
            start = time.perf_counter()
            net(crop)
            taken = time.perf_counter() - start
        measured[name] = {
            "parameters": sum(weight.numel() for weight in net.parameters()),
            "seconds": taken / (arguments.side**2 / 1e6),
        }
    print(json.dumps(measured))  # noqa: T201  # it is how it answers


if __name__ == "__main__":
    main()
