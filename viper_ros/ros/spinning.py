"""Runs one node as a process: signals end it in order, and no exception of a callback ends it at all."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

import rclpy
from rclpy._rclpy_pybind11 import InvalidHandle
from rclpy.executors import Executor, ExternalShutdownException, MultiThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions


class ClosableNode(Protocol):
    """A node that can end what it runs beside its callbacks."""

    def close(self) -> None:
        """End threads, answer what is pending and destroy the node."""
        ...


def run_node(make_node: Callable[[], Node], threads: int, args: Sequence[str] | None = None) -> int:
    """Spin a node until SIGINT or SIGTERM; the exit status: 0, or 1 when the node could not be made.

    rclpy's own signal handler would tear the context down before pending requests are answered, so it is not used.
    """
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        node = make_node()
    except Exception as error:
        print(f"the node could not start: {error}", file=sys.stderr)
        rclpy.shutdown()
        return 1
    executor = MultiThreadedExecutor(num_threads=threads)
    executor.add_node(node)
    spinner = threading.Thread(target=spin_on, args=(executor, node), name="spin", daemon=True)
    spinner.start()
    stop.wait()
    node.close()
    executor.shutdown(timeout_sec=2.0)
    spinner.join(timeout=2.0)
    rclpy.shutdown()
    return 0


def spin_on(executor: Executor, node: Node) -> None:
    """Spin until the executor is shut down. What a callback raises is logged, and spinning goes on.

    An invalid lifecycle transition raises out of the executor in some releases of rclpy (rclpy#1209).
    """
    log = node.get_logger()
    while executor.context.ok():
        try:
            executor.spin()
            return
        except ExternalShutdownException:
            return
        except InvalidHandle:
            continue  # a subscription that was destroyed while its event waited (rclpy): there is nobody left to tell
        except Exception:
            log.error(f"a callback failed:\n{traceback.format_exc()}")
