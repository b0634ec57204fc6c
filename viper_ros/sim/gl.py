"""Choosing an offscreen OpenGL for MuJoCo: EGL where it has a device, else OSMesa (software)."""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from typing import Any

_BACKENDS = ("egl", "osmesa", "glfw")


def choose_backend() -> str | None:
    """Give the backend to use and note it in ``MUJOCO_GL``, which MuJoCo reads; a value set there before wins.

    None leaves the choice to MuJoCo (outside Linux).
    """
    chosen = os.environ.get("MUJOCO_GL", "").lower().strip()
    if chosen:
        if chosen not in _BACKENDS:
            raise ValueError(f"MUJOCO_GL must be one of {_BACKENDS} to render, got {chosen!r}")
        return chosen
    if sys.platform != "linux":
        return None
    os.environ["MUJOCO_GL"] = "egl" if _egl_has_a_device() else "osmesa"
    return os.environ["MUJOCO_GL"]


def make_context(width: int, height: int) -> Any:
    """Make an OpenGL context of at least this size (pixels) and make it current."""
    backend = choose_backend()
    try:
        module = importlib.import_module("mujoco" if backend is None else f"mujoco.{backend}")
        context = module.GLContext(width, height)
        context.make_current()
    except (ImportError, AttributeError, RuntimeError) as error:
        raise OSError(
            f"no OpenGL context with MUJOCO_GL={backend}: {error}; install libegl1 and Mesa's drivers, or libosmesa6 "
            "and set MUJOCO_GL=osmesa before the program starts"
        ) from error
    return context


def _egl_has_a_device() -> bool:
    """Ask EGL itself, without PyOpenGL: that one binds to one backend at its first import, for good."""
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError:
        return False
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    address = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    if not address:
        return False
    query = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int))(address)
    count = ctypes.c_int(0)
    return bool(query(0, None, ctypes.byref(count))) and count.value > 0
