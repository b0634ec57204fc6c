"""The worked example of docs/photos.md from end to end: labelled pictures, shards, a training from nano, a suite."""

import json

import cv2
import numpy as np
import pytest

from viper_ros import cli
from viper_ros.training import photo_shards

COUNT = 60
CLASSES = ("gizmo", "widget")  # words and looks that nano has never met


def draw(picture, kind, middle, size):
    """Draw a striped cross or a ring of dots; give its outline."""
    x, y = middle
    if kind == "gizmo":
        for k, colour in enumerate(((0, 215, 255), (200, 40, 120))):
            cv2.line(picture, (x - size, y - size), (x + size, y + size), colour, 12 - 6 * k)
            cv2.line(picture, (x - size, y + size), (x + size, y - size), colour, 12 - 6 * k)
    else:
        for angle in np.linspace(0, 2 * np.pi, 9)[:-1]:
            dot = int(x + size * np.cos(angle)), int(y + size * np.sin(angle))
            cv2.circle(picture, dot, 6, (90, 200, 60), -1)
    turn = np.linspace(0, 2 * np.pi, 17)[:-1]
    return np.stack([x + size * np.cos(turn), y + size * np.sin(turn)], axis=1).ravel().round(1).tolist()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """One or both kinds of thing on a noisy ground, labelled in COCO's form with outlines."""
    folder, rng = tmp_path_factory.mktemp("mine"), np.random.default_rng(0)
    images, annotations = [], []
    for index in range(COUNT):
        picture = rng.integers(90, 140, (192, 256, 3), dtype=np.uint8)
        places = [(64, 96), (192, 96)][:: rng.choice([-1, 1])]
        shown = [(0,), (1,), (0, 1)][index % 3]
        for place, kind in zip(places, shown, strict=False):
            middle = tuple(int(v) for v in place + rng.integers(-25, 25, 2))
            outline = draw(picture, CLASSES[kind], middle, int(rng.integers(20, 34)))
            x, y = outline[::2], outline[1::2]
            box = [min(x), min(y), max(x) - min(x), max(y) - min(y)]
            label = {"id": len(annotations) + 1, "image_id": index, "category_id": kind + 1, "iscrowd": 0}
            annotations.append(label | {"bbox": box, "segmentation": [outline]})
        name = f"picture{index:02d}.png"
        cv2.imwrite(str(folder / name), picture)
        images.append({"id": index, "file_name": name, "width": 256, "height": 192})
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(CLASSES)]
    labels = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "labels.json").write_text(json.dumps(labels))
    return folder


@pytest.mark.slow
def test_nano_learns_things_and_words_from_labelled_pictures(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(photo_shards, "SHARD_SCENES", 12)  # several shards of so few pictures
    shards, test, run = tmp_path / "shards", tmp_path / "shards_test", tmp_path / "run"
    assert cli.main(["annotate", str(pictures), str(shards), "--format", "coco"]) == 0
    config = {
        "data": str(shards), "out": str(run), "start_from": "nano", "validation_shards": 1, "frozen_stages": 3,
        "dense_steps": 0, "steps": 30, "images": 4, "questions": 5, "learning_rate": 0.002, "warmup_steps": 4,
        "ema_decay": 0.9, "threads": 2, "log_every": 10,
    }  # fmt: skip
    told = tmp_path / "mine.json"
    told.write_text(json.dumps(config))
    assert cli.main(["train", str(told)]) == 0
    assert cli.main(["plot", str(run / "log.jsonl"), str(run / "losses.png")]) == 0
    assert cli.main(["export", str(told), str(tmp_path / "model")]) == 0

    def measured(model):
        out = tmp_path / "figures.json"
        arguments = [
            "evaluate",
            "photos",
            "--model",
            str(model),
            "--photos",
            str(test),
            "--scenes",
            "5",
            "--json",
            str(out),
        ]
        assert cli.main(arguments) == 0
        return json.loads(out.read_text())

    before, after = measured("nano"), measured(tmp_path / "model")
    assert after["pointing"]["n"] > 20
    assert after["pointing"]["rate"] > max(0.8, before["pointing"]["rate"])
    assert after["presence_auroc"] > max(0.8, before["presence_auroc"])
