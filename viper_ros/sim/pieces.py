"""A way to say something, and whether training says it so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Piece:
    """A way to say something."""

    id: str
    text: str
    held_out: bool = False


def pieces(prefix: str, said: tuple[str, ...], held_out: tuple[str, ...] = ()) -> tuple[Piece, ...]:
    """Number the texts of one kind; ids stay the same when texts are only added at the end."""
    usual = [Piece(f"{prefix}.{k}", text) for k, text in enumerate(said)]
    return (*usual, *(Piece(f"{prefix}.x{k}", text, held_out=True) for k, text in enumerate(held_out)))
