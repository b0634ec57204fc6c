"""A user's own labelled photographs, from the folder to shards, questions and the suite that measures on them."""

import json

import cv2
import numpy as np
import pytest

from viper_ros import cli
from viper_ros.perception import Predictor
from viper_ros.sim import Split
from viper_ros.training.batches import Labels
from viper_ros.training.photo_suite import run_photos
from viper_ros.training.shards import LONGER_SIDE_PX, load_shards

COUNT = 40
BOX = (40, 30, 80, 60)  # x, y, width, height of the cup in every picture


@pytest.fixture
def pictures(tmp_path):
    """Pictures of a cup, a rectangle, with a bowl beside it in every second one; nothing is labelled yet."""
    folder = tmp_path / "mine"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(COUNT):
        picture = rng.integers(0, 60, (240, 320, 3), dtype=np.uint8)
        x, y, w, h = BOX
        picture[y : y + h, x : x + w] = 200
        cv2.imwrite(str(folder / f"photo{index:02d}.jpg"), picture)
    return folder


def label_coco(folder, polygon=True):
    x, y, w, h = BOX
    outline = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    annotations = []
    for index in range(COUNT):
        cup = {"id": index, "image_id": index, "category_id": 1, "bbox": list(BOX), "iscrowd": 0}
        annotations.append(cup | ({"segmentation": outline} if polygon else {}))
        if index % 2:
            bowl = {"id": 100 + index, "image_id": index, "category_id": 2, "bbox": [200, 120, 90, 70], "iscrowd": 0}
            annotations.append(bowl)
    images = [{"id": i, "file_name": f"photo{i:02d}.jpg", "width": 320, "height": 240} for i in range(COUNT)]
    names = [{"id": 1, "name": "cup"}, {"id": 2, "name": "bowl"}]
    (folder / "labels.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": names}))


def label_yolo(folder):
    x, y, w, h = BOX
    (folder / "data.yaml").write_text("names: [cup, bowl]\n")
    for index in range(COUNT):
        line = f"0 {(x + w / 2) / 320} {(y + h / 2) / 240} {w / 320} {h / 240}\n"
        (folder / f"photo{index:02d}.txt").write_text(line)


def label_voc(folder):
    x, y, w, h = BOX
    for index in range(COUNT):
        (folder / f"photo{index:02d}.xml").write_text(
            f"<annotation><filename>photo{index:02d}.jpg</filename><size><width>320</width><height>240</height></size>"
            f"<object><name>cup</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin><xmax>{x + w}</xmax><ymax>{y + h}</ymax>"
            "</bndbox></object></annotation>"
        )


LABELS = {"coco": label_coco, "yolo": label_yolo, "voc": label_voc}


@pytest.mark.parametrize("kind", sorted(LABELS))
def test_photographs_become_shards_with_true_questions(pictures, tmp_path, kind):
    LABELS[kind](pictures)
    assert cli.main(["annotate", str(pictures), str(tmp_path / "out"), "--format", kind]) == 0
    train, test = load_shards(tmp_path / "out", Split.TRAIN), load_shards(tmp_path / "out_test", Split.TEST)
    assert sum(map(len, [*train, *test])) == COUNT
    photos = [{scene["photo"] for shard in shards for scene in shard.scenes} for shards in (train, test)]
    assert photos[0] and photos[1] and not photos[0] & photos[1], "split by photograph"
    shard = train[0]
    scene, ids = shard.scenes[0], shard.ids[0]
    (cup,) = [int(key) for key, (name, _) in scene["objects"].items() if name == "cup"]
    rows, columns = np.nonzero(ids == cup)
    x, y, w, h = (LONGER_SIDE_PX / 320 * v for v in BOX)  # the pictures are 320 px wide
    assert [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] == pytest.approx(
        [x, y, x + w, y + h], abs=1.5
    )
    assert (cup in scene["loose"]) == (kind != "coco"), "boxes are loose, polygons are not"
    asked = [q for q in scene["questions"] if q["kind"] == "refer" and "cup" in q["text"] and q["present"]]
    assert asked and all(q["targets"] == [cup] for q in asked)
    assert ["cup"] in [list(names[:1]) for names in Labels.of(train).categories]


def test_what_is_not_in_a_photograph_is_asked_for_as_absent(pictures, tmp_path):
    label_coco(pictures)
    cli.main(["annotate", str(pictures), str(tmp_path / "out"), "--format", "coco"])
    asked = []
    for shard in load_shards(tmp_path / "out", Split.TRAIN):
        for scene in shard.scenes:
            has_bowl = "bowl" in {name for name, _ in scene["objects"].values()}
            for question in scene["questions"]:
                if question["text"] in ("the bowl", "pick up the bowl", "is there a bowl?"):
                    answers = ("yes", "no") if question["kind"] == "exists" else ("bowl", "not found")
                    assert question["present"] == has_bowl
                    assert question["answer"] == answers[not has_bowl]
                    asked.append(has_bowl)
    assert set(asked) == {True, False}


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "labels.json").write_text("{"), "labels.json"),
        (lambda f: (f / "labels.json").unlink(), "json"),
        (lambda f: [path.unlink() for path in f.glob("*.jpg")], "no images in"),
    ],
)
def test_a_bad_folder_is_told_in_a_line_and_nothing_is_written(pictures, tmp_path, capsys, break_it, message):
    label_coco(pictures)
    break_it(pictures)
    assert cli.main(["annotate", str(pictures), str(tmp_path / "out"), "--format", "coco"]) != 0
    assert message in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.json"))


def test_one_bad_picture_is_skipped_and_counted(pictures, tmp_path, capsys):
    label_coco(pictures)
    (pictures / "photo03.jpg").write_bytes(b"no picture")
    assert cli.main(["annotate", str(pictures), str(tmp_path / "out"), "--format", "coco"]) == 0
    assert "photo03.jpg" in capsys.readouterr().out
    shards = [*load_shards(tmp_path / "out", Split.TRAIN), *load_shards(tmp_path / "out_test", Split.TEST)]
    assert sum(map(len, shards)) == COUNT - 1


def test_the_suite_asks_every_photograph_and_knows_its_source(pictures, tmp_path):
    label_coco(pictures)
    cli.main(["annotate", str(pictures), str(tmp_path / "out"), "--format", "coco"])
    cases = list(run_photos(Predictor.from_pretrained("nano"), (tmp_path / "out_test",), photographs=2))
    assert {case.groups for case in cases} == {("out_test", "out_test, mine")}
    assert 2 <= len(cases) <= 24
    for case in cases:
        assert case.mask.any() == bool(case.question.target_ids)
    with pytest.raises(FileNotFoundError, match="viper annotate"):
        list(run_photos(Predictor.from_pretrained("nano"), (tmp_path / "nothing",)))
