"""The optional dependency of big checkpoints."""

from __future__ import annotations

from types import ModuleType


def require_transformers(what: str) -> ModuleType:
    """Return the ``transformers`` module; imported here and not before, because that takes seconds.

    Raises:
        ImportError: it is not installed; says what for and how to get it.
    """
    try:
        import transformers
    except ImportError as error:
        raise ImportError(f"{what} needs transformers; install it with: pip install 'viper_ros[base]'") from error
    return transformers
