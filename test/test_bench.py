"""The benchmarks can be started; what they measure is no matter of a test."""

import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[1] / "bench"


def test_every_benchmark_imports_what_it_needs_and_has_a_main():
    names = sorted(path.stem for path in BENCH.glob("*.py"))
    code = f"import importlib\nfor name in {names}:\n    assert callable(importlib.import_module(name).main), name"
    done = subprocess.run([sys.executable, "-c", code], cwd=BENCH, capture_output=True, text=True, timeout=120)
    assert len(names) >= 6 and done.returncode == 0, done.stderr
