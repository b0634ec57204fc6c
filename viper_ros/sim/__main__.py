"""A quick look: `python -m viper_ros.sim FOLDER` writes a contact sheet of scenes, and their questions as text."""

import argparse
from pathlib import Path

import cv2
import numpy as np

from viper_ros.sim import Question, Renderer, Scene, Split, sample_camera, sample_questions, sample_scene, scene_seed


def contact_sheet(split: Split, count: int, questions: int, columns: int = 4) -> tuple[np.ndarray, str]:
    """Render ``count`` scenes into one RGB image (H, W, 3) uint8, and list their things and questions."""
    tiles, lines = [], []
    with Renderer(320, 240) as renderer:
        for index in range(count):
            rng = np.random.default_rng(scene_seed(split, index))
            scene = sample_scene(rng, split)
            frame = renderer.render(scene, sample_camera(rng, scene))
            lines += _describe(index, scene, sample_questions(rng, scene, frame, questions, split))
            tile = frame.rgb.copy()
            cv2.putText(tile, str(index), (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
            tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-count % columns)
    rows = [np.concatenate(tiles[k : k + columns], axis=1) for k in range(0, len(tiles), columns)]
    return np.concatenate(rows), "\n".join(lines)


def _describe(index: int, scene: Scene, questions: tuple[Question, ...]) -> list[str]:
    things = ", ".join(f"{thing.id} {thing.size_word} {thing.name}" for thing in scene.objects)
    told = [f"  [{q.kind}] {q.text} -> {q.answer} {list(q.target_ids)} ({q.template})" for q in questions]
    return [f"scene {index}: {things}", *told]


def main() -> None:
    """Write scenes.png and questions.txt."""
    parser = argparse.ArgumentParser(prog="python -m viper_ros.sim", description=__doc__)
    parser.add_argument("folder", type=Path, help="where scenes.png and questions.txt go")
    parser.add_argument("--split", default="train", choices=[split.name.lower() for split in Split])
    parser.add_argument("--scenes", type=int, default=16)
    parser.add_argument("--questions", type=int, default=6, help="per scene")
    arguments = parser.parse_args()
    if arguments.scenes < 1:
        parser.error(f"--scenes must be at least 1, got {arguments.scenes}")
    sheet, text = contact_sheet(Split[arguments.split.upper()], arguments.scenes, arguments.questions)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(arguments.folder / "scenes.png"), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    (arguments.folder / "questions.txt").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
