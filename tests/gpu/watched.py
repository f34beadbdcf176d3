"""Laid beside the example's train.py: runs it as it is, and tells what it used of the GPU. Needs torch alone."""

import json
import time

import torch
import train
from torch import distributed


def main(job):
    """The example, between two looks."""
    used, begin = {}, distributed.init_process_group

    def noted(backend=None, *more, **named):
        used["backend"] = backend
        return begin(backend, *more, **named)

    distributed.init_process_group = noted
    began = time.perf_counter()
    train.main(job)
    used["seconds"] = time.perf_counter() - began
    there = torch.cuda.is_available()
    used["device"] = torch.cuda.get_device_name() if there else "cpu"
    used["peak_mib"] = torch.cuda.max_memory_allocated() / 2**20 if there else 0.0
    with open("used.json", "w") as file:
        json.dump(used, file)
