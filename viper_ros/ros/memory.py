"""The memory of this process."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from pathlib import Path


def resident_bytes() -> int:
    """Memory of this process that is in RAM [bytes]; 0 where /proc does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def megabytes(count: int) -> str:
    """Bytes as people read them."""
    return f"{count / 1e6:.0f} MB"


def gpu_bytes() -> int:
    """Memory of the GPU that this process's tensors take [bytes]; 0 where torch uses none."""
    torch = sys.modules.get("torch")
    return torch.cuda.memory_allocated() if torch is not None and torch.cuda.is_initialized() else 0


def give_back_memory() -> None:
    """Return what is free to the operating system and to the GPU: malloc and torch keep it otherwise."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        pass  # not glibc
