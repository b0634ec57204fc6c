"""Runs nodes as a process: signals end them in order, and no exception of a callback ends them at all."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import Protocol

import rclpy
from rclpy._rclpy_pybind11 import InvalidHandle
from rclpy.executors import Executor, ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions


class ClosableNode(Protocol):
    """A node that can end what it runs beside its callbacks."""

    def close(self) -> None:
        """End threads, answer what is pending and destroy the node."""
        ...


def run_node(make_node: Callable[[], Node], threads: int, args: Sequence[str] | None = None) -> int:
    """Spin a node until SIGINT or SIGTERM; the exit status: 0, or 1 when the node could not be made."""
    return run_nodes([make_node], threads, args)


def run_nodes(make_nodes: Sequence[Callable[[], Node]], threads: int, args: Sequence[str] | None = None) -> int:
    """Spin nodes, each in an executor of its own, until SIGINT or SIGTERM; the exit status as that of `run_node`."""
    stop = _stop_at_signals(args)
    status, running = 0, []
    try:
        running += [_Running(node, threads) for node in _made(make_nodes)]
        stop.wait()
    except Exception as error:
        print(f"the node could not start: {error}", file=sys.stderr)
        status = 1
    for one in running:
        one.end()
    rclpy.shutdown()
    return status


def _made(make_nodes: Sequence[Callable[[], Node]]) -> list[Node]:
    """All nodes; where one cannot be made, those before it are closed again."""
    nodes: list[Node] = []
    try:
        for make_node in make_nodes:
            nodes.append(make_node())
    except Exception:
        for node in nodes:
            node.close()
        raise
    return nodes


def run_here(make_node: Callable[[], Node], args: Sequence[str] | None = None) -> int:
    """Spin a node in this thread, as one that draws with OpenGL must, until SIGINT or SIGTERM; the exit status."""
    stop = _stop_at_signals(args)
    try:
        node = make_node()
    except Exception as error:
        print(f"the node could not start: {error}", file=sys.stderr)
        rclpy.shutdown()
        return 1
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not stop.is_set():
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown(timeout_sec=2.0)
    node.close()
    rclpy.shutdown()
    return 0


def _stop_at_signals(args: Sequence[str] | None) -> threading.Event:
    """Init rclpy; an event that SIGINT and SIGTERM set, however often they come.

    rclpy's own signal handler would tear the context down before pending requests are answered, so it is not used.
    """
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def run_client(
    name: str, work: Callable[[], int], arguments: Sequence[str], errors: tuple[type[Exception], ...]
) -> int:
    """Do `work` while rclpy is up; its exit status, 1 after one of `errors` (told under `name`), 130 after Ctrl-C."""
    rclpy.init(args=arguments)
    try:
        return work()
    except errors as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130
    finally:
        rclpy.try_shutdown()


class _Running:
    """A node that spins in a thread."""

    def __init__(self, node: ClosableNode, threads: int) -> None:
        self._node = node
        self._executor = MultiThreadedExecutor(num_threads=threads)
        self._executor.add_node(node)
        self._spinner = threading.Thread(target=spin_on, args=(self._executor, node), name="spin", daemon=True)
        self._spinner.start()

    def end(self) -> None:
        """Close the node and stop spinning."""
        self._node.close()
        self._executor.shutdown(timeout_sec=2.0)
        self._spinner.join(timeout=2.0)


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
