"""Nodes as plain processes: started together, watched, stopped together. For machines without `ros2 launch`."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from viper_ros.ros.graph import NodeSpec, large_image_environment

INTERRUPT_S, TERMINATE_S = 15.0, 3.0
"""How long a process may take to end after SIGINT, and then after SIGTERM, before it is killed [s]."""

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, eq=False)
class Child:
    """One running process. `log` is where its output goes, None for this terminal."""

    name: str
    process: subprocess.Popen
    log: Path | None

    def describe_exit(self) -> str:
        """How it ended, with the end of its log."""
        code = self.process.returncode
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        if self.log is None:
            return f"{self.name} {how}"
        tail = "\n".join(f"  | {line}" for line in self.log.read_text(errors="replace").splitlines()[-15:])
        return f"{self.name} {how}; the end of {self.log}:\n{tail}"


class Processes:
    """A group of processes that live and end together: a context manager that leaves none behind.

    Each is in a process group of its own, so that Ctrl-C reaches this process alone, which then ends the others in
    order. Should this process be killed, the kernel ends them.
    """

    def __init__(self, log_folder: Path | None = None) -> None:
        """`log_folder`: a file for each process is written there; None: all write to this terminal."""
        self.children: list[Child] = []
        self._log_folder = log_folder
        if log_folder is not None:
            log_folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start_node(self, spec: NodeSpec) -> Child:
        """Start a node of the graph."""
        return self.start(spec.full_name, [sys.executable, "-m", spec.module, *spec.command_line()])

    def start(self, name: str, command: Sequence[str], to_terminal: bool = False) -> Child:
        """Start a command."""
        log = None
        if self._log_folder is not None and not to_terminal:
            log = self._log_folder / f"{name.strip('/').replace('/', '.')}.log"
        output = None if log is None else log.open("wb")
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                env={**os.environ, **large_image_environment(), "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
                preexec_fn=_end_with_parent if _LIBC else None,
            )
        finally:
            if output is not None:
                output.close()
        self.children.append(Child(name, process, log))
        return self.children[-1]

    def ended(self) -> Child | None:
        """A process that has ended, if there is one."""
        return next((child for child in self.children if child.process.poll() is not None), None)

    def wait_for_first(self) -> Child:
        """Wait until one of the processes ends."""
        while (child := self.ended()) is None:
            time.sleep(0.1)
        return child

    def stop(self) -> None:
        """End all, the last started first: SIGINT, SIGTERM, SIGKILL to those that do not listen."""
        for sent, patience_s in ((signal.SIGINT, INTERRUPT_S), (signal.SIGTERM, TERMINATE_S), (signal.SIGKILL, 5.0)):
            running = [child for child in reversed(self.children) if child.process.poll() is None]
            for child in running:
                child.process.send_signal(sent)
            deadline = time.monotonic() + patience_s
            for child in running:
                try:
                    child.process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    continue


def _end_with_parent() -> None:
    """In the child, before its program starts: have the kernel send SIGTERM when the parent dies (Linux)."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
