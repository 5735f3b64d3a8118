"""Milliseconds of two models, measured in one run."""

import os
import time
from typing import Dict

import numpy as np
import onnx

from .predictions import Run


def latencies(
    runs: Dict[str, Run], image: np.ndarray, rounds: int = 50
) -> Dict[str, float]:
    """Median time of each in milliseconds.

    They take turns, so that whatever else the machine does hits all alike.

    Args:
        runs: By name.
        image: (B, 3, H, W), what each is called with.
        rounds: Calls of each, after two that do not count.
    """
    times: Dict[str, list] = {name: [] for name in runs}
    for turn in range(rounds + 2):
        for name, run in runs.items():
            start = time.perf_counter()
            run(image)
            if turn > 1:
                times[name].append(time.perf_counter() - start)
    return {name: 1e3 * float(np.median(x)) for name, x in times.items()}


def openvino_runner(model: onnx.ModelProto, threads: int = 0) -> Run:
    """OpenVINO on the CPU, in float32 or 8 bits, not bfloat16.

    Raises:
        ImportError: It is not installed.
    """
    import openvino

    core = openvino.Core()
    settings = dict(INFERENCE_PRECISION_HINT='f32')
    if threads:
        settings['INFERENCE_NUM_THREADS'] = threads
    compiled = core.compile_model(
        core.read_model(model.SerializeToString()), 'CPU', settings
    )
    return lambda images: list(compiled([images]).values())


def load_note() -> str:
    """What else the machine was doing, for a reader of the figures."""
    busy = os.getloadavg()[0] if hasattr(os, 'getloadavg') else float('nan')
    return (
        f'{os.cpu_count()} cores, load {busy:.1f} in the last minute: '
        'compare the two figures with each other, not with other runs'
    )
