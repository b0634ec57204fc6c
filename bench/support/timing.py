"""What the benchmarks share: calls measured in turn, so that a busy machine is busy for all of them.

Import this before torch: threads that spin at a barrier turn a 40 ms forward into seconds once a core is taken.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import ctypes
import gc
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

_MMAP_THRESHOLD = -3  # of mallopt


def measure(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Each call once to warm up, then all in turn ``rounds`` times -> milliseconds by name.

    ``cpu_*`` counts the processor's time of this process alone: on a shared machine it is the steadier figure. With
    few rounds p99 is the worst of them.
    """
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    with torch.inference_mode():
        for call in calls.values():
            call()
        for _ in range(rounds):
            for name, call in calls.items():
                wall, cpu = time.perf_counter(), time.process_time()
                call()
                spent[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: summary(times) for name, times in spent.items()}


def summary(times_s: list[tuple[float, float]]) -> dict[str, float]:
    """(wall, CPU) seconds -> medians and 99th percentiles in milliseconds."""
    wall, cpu = (sorted(1000 * t for t in column) for column in zip(*times_s, strict=True))
    last = min(len(wall) - 1, int(0.99 * len(wall)))
    return {
        "median_ms": round(statistics.median(wall), 3),
        "p99_ms": round(wall[last], 3),
        "cpu_median_ms": round(statistics.median(cpu), 3),
        "cpu_p99_ms": round(cpu[last], 3),
        "runs": len(wall),
    }


def peak_mb(call: Callable[[], object]) -> float:
    """Memory that a call needs at its peak beyond what the process holds, in MB (Linux)."""
    libc = ctypes.CDLL("libc.so.6")
    libc.mallopt(_MMAP_THRESHOLD, 1 << 16)  # big blocks come from the system and go back to it
    gc.collect()
    libc.malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts here
    before = status_mb("VmRSS")
    with torch.inference_mode():
        call()
    libc.mallopt(_MMAP_THRESHOLD, 1 << 25)  # the most that it takes: new pages would cost time elsewhere
    return round(status_mb("VmHWM") - before, 1)


def _attention_flops(query, key, value, *_args, **_others) -> int:
    return sdpa_flop_count(query, key, value)


# the counter knows the operators of other devices only
_ATTENTION = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention_flops}


def gigaflops(call: Callable[[], object]) -> float:
    """Floating-point work of a call's matrix products, convolutions and attentions, in 10^9 operations: no noise."""
    with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=_ATTENTION) as counter:
        call()
    return counter.get_total_flops() / 1e9


def status_mb(key: str) -> float:
    """VmRSS (held now) or VmHWM (most ever held) of this process in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key + ":")) / 1024


def exponent(sizes: list[int], values: list[float]) -> float:
    """Slope of a line through (log size, log value), least squares."""
    x, y = torch.tensor(sizes).double().log(), torch.tensor(values).double().log()
    x, y = x - x.mean(), y - y.mean()
    return round(float((x @ y) / (x @ x)), 3)


def ratio(a: dict[str, float], b: dict[str, float]) -> dict[str, float]:
    """How many times longer ``a`` takes than ``b``."""
    return {key: round(a[key] / b[key], 2) for key in ("median_ms", "cpu_median_ms")}


def machine(threads: int) -> dict[str, object]:
    """Set the threads and say where this was measured."""
    torch.set_num_threads(threads)
    return {
        "cpu": next(
            (
                line.split(":")[1].strip()
                for line in Path("/proc/cpuinfo").read_text().splitlines()
                if "model name" in line
            ),
            platform.processor(),
        ),
        "simd": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load_before": os.getloadavg()[0],
        "torch": torch.__version__,
    }
