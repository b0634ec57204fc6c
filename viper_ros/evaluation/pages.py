"""A page of overlays, right ones and wrong ones: figures say how often, pictures say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from viper_ros.evaluation.metrics import mask_box
from viper_ros.evaluation.suites import Case
from viper_ros.perception.overlay import draw_grounding

COLUMNS, ROWS = 6, 4  # of right ones, and as many of wrong ones
THUMB_PX = (320, 240)
RIGHT_RGB, WRONG_RGB, TRUTH_RGB = (0, 160, 0), (220, 0, 0), (255, 0, 255)


def keep_page(cases: Iterator[Case], path: Path) -> Iterator[Case]:
    """Pass cases through and write ``path``: the first right ones above the first wrong ones, the truth in magenta."""
    right: list[np.ndarray] = []
    wrong: list[np.ndarray] = []
    for case in cases:
        rows = right if is_right(case) else wrong
        if len(rows) < COLUMNS * ROWS:
            rows.append(_thumb(case))
        yield case
    write_page(path, right, wrong)


def is_right(case: Case) -> bool:
    """Whether answer, presence and pointing are all as they should be."""
    said = case.answered is not False
    seen = not case.is_referring or case.grounding.present == case.question.present
    return said and seen and (not case.question.target_ids or case.hit)


def write_page(path: Path, right: list[np.ndarray], wrong: list[np.ndarray]) -> None:
    """Thumbnails in a grid, with a green and a red frame."""
    framed = [_frame(t, RIGHT_RGB) for t in right] + [_frame(t, WRONG_RGB) for t in wrong]
    if not framed:
        return
    blank = np.full_like(framed[0], 255)
    framed += [blank] * (-len(framed) % COLUMNS)
    page = np.vstack([np.hstack(framed[i : i + COLUMNS]) for i in range(0, len(framed), COLUMNS)])
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), page[..., ::-1]):
        raise OSError(f"{path} could not be written")


def _thumb(case: Case) -> np.ndarray:
    picture = draw_grounding(case.frame.rgb, case.grounding)
    if case.question.target_ids and case.mask.any():
        x0, y0, x1, y1 = (int(v) for v in mask_box(case.mask))
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), TRUTH_RGB, 2)
    truth = f"truth: {case.question.answer}" if case.question.answer else ""
    cv2.putText(picture, truth, (6, picture.shape[0] - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.7, TRUTH_RGB, 2, cv2.LINE_AA)
    return _fit(picture)


def _fit(picture: np.ndarray) -> np.ndarray:
    """Scale into a thumbnail; white fills what a picture of another shape leaves at the right and below."""
    (width, height), (rows, columns) = THUMB_PX, picture.shape[:2]
    scale = min(width / columns, height / rows)
    size = round(columns * scale), round(rows * scale)
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    margins = (0, height - size[1], 0, width - size[0])
    return cv2.copyMakeBorder(small, *margins, cv2.BORDER_CONSTANT, value=(255, 255, 255))


def _frame(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return cv2.copyMakeBorder(picture, 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=colour)
