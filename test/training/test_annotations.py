"""Labels as three formats write them down, good ones and bad ones: what comes out is what was put in."""

import json

import cv2
import numpy as np
import pytest

from viper_ros.training.annotation_formats import read_coco, read_voc, read_yolo
from viper_ros.training.annotations import (
    Annotated,
    BadAnnotation,
    Instance,
    Skips,
    checked_box,
    in_pixels,
    in_test,
    load_picture,
    rasterise,
)
from viper_ros.training.run_lengths import decode_rle
from viper_ros.training.shards import LONGER_SIDE_PX

WIDTH, HEIGHT = 64, 48


@pytest.fixture
def folder(tmp_path):
    cv2.imwrite(str(tmp_path / "table.png"), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    return tmp_path


def coco(folder, annotations, **image):
    entry = {"id": 1, "file_name": "table.png", "width": WIDTH, "height": HEIGHT} | image
    data = {"images": [entry], "annotations": annotations, "categories": [{"id": 7, "name": "cup"}]}
    (folder / "labels.json").write_text(json.dumps(data))
    return folder


def cup(**rest):
    return {"id": 5, "image_id": 1, "category_id": 7, "bbox": [8, 6, 20, 12]} | rest


def yolo(folder, text):
    (folder / "data.yaml").write_text("names: {0: cup, 1: bowl}\n")
    (folder / "table.txt").write_text(text)
    return folder


def voc(folder, inside, size=(WIDTH, HEIGHT)):
    (folder / "table.xml").write_text(
        f"<annotation><filename>table.png</filename><size><width>{size[0]}</width><height>{size[1]}</height></size>"
        f"{inside}</annotation>"
    )
    return folder


def voc_cup(x0, y0, x1, y1):
    corners = f"<xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
    return f"<object><name>cup</name><bndbox>{corners}</bndbox></object>"


def only(photographs):
    (annotated,) = list(photographs)
    return annotated


@pytest.mark.parametrize(
    ("read", "write"),
    [
        (read_coco, lambda f: coco(f, [cup()])),
        (read_yolo, lambda f: yolo(f, f"0 {18 / WIDTH} {12 / HEIGHT} {20 / WIDTH} {12 / HEIGHT}\n")),
        (read_voc, lambda f: voc(f, voc_cup(9, 7, 28, 18))),
    ],
)
def test_a_box_is_the_same_box_in_every_format(folder, read, write):
    annotated = only(read(write(folder), Skips()))
    (instance,) = in_pixels(annotated, WIDTH, HEIGHT)
    assert instance.label == "cup"
    assert instance.loose
    assert instance.box_xyxy_px == pytest.approx((8, 6, 28, 18))


def test_a_yolo_polygon_is_a_mask(folder):
    annotated = only(read_yolo(yolo(folder, "1 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n"), Skips()))
    (instance,) = in_pixels(annotated, WIDTH, HEIGHT)
    assert (instance.label, instance.loose) == ("bowl", False)
    ids, fractions = rasterise((instance,), WIDTH, HEIGHT)
    assert ids.shape == (LONGER_SIDE_PX * 3 // 4, LONGER_SIDE_PX) and ids.dtype == np.uint8
    assert (ids == 1).mean() == pytest.approx(0.25, rel=0.05)
    assert fractions == [1.0]


@pytest.mark.parametrize("packed", [False, True])
def test_run_lengths_give_back_the_mask(packed):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:30, 10:40] = mask[33:40, 2:60] = True
    runs = mask.T.ravel()
    edges = np.flatnonzero(np.diff(runs)) + 1
    counts = [int(n) for n in np.diff([0, *edges, len(runs)])]
    rle = {"size": [HEIGHT, WIDTH], "counts": pack(counts) if packed else counts}
    np.testing.assert_array_equal(decode_rle(rle, (WIDTH, HEIGHT)), mask)


def pack(counts):
    """COCO's packing, written from its description: the other direction of what is tested."""
    text = ""
    for k, count in enumerate(counts):
        value = count - counts[k - 2] if k > 2 else count
        more = True
        while more:
            low, value = value & 31, value >> 5
            more = value != (-1 if low & 16 else 0)
            text += chr(48 + (low | (32 if more else 0)))
    return text


def test_run_lengths_that_do_not_fill_the_image_are_an_error():
    with pytest.raises(BadAnnotation, match="do not fill"):
        decode_rle({"size": [HEIGHT, WIDTH], "counts": [10, 20]}, (WIDTH, HEIGHT))


def test_sentences_of_coco_name_their_things(folder):
    image = {
        "sentences": [{"text": "both of them", "annotation_ids": [5, 6]}, {"text": "a fork", "annotation_ids": []}]
    }
    annotated = only(read_coco(coco(folder, [cup(sentences=["the cracked cup"]), cup(id=6)], **image), Skips()))
    assert [(s.text, s.targets) for s in annotated.sentences] == [
        ("the cracked cup", (0,)),
        ("both of them", (0, 1)),
        ("a fork", ()),
    ]


def test_a_crowd_is_doubtful(folder):
    assert only(read_coco(coco(folder, [cup(iscrowd=1)]), Skips())).instances[0].doubtful


@pytest.mark.parametrize(
    ("read", "write", "reason"),
    [
        (read_coco, lambda f: coco(f, [cup()], file_name="gone.png"), "the image is missing"),
        (read_coco, lambda f: coco(f, [cup(category_id=8)]), "category id 8 has no name"),
        (read_coco, lambda f: coco(f, [cup(bbox=[50, 6, 40, 12])]), "outside the image"),
        (read_coco, lambda f: coco(f, [cup(bbox=[8, 6, 0, 12])]), "a box is empty"),
        (read_coco, lambda f: coco(f, []), "no things are labelled"),
        (read_coco, lambda f: coco(f, [cup()], sentences=[{"text": "it", "annotation_ids": [99]}]), "a sentence needs"),
        (read_yolo, lambda f: yolo(f, "4 0.5 0.5 0.2 0.2\n"), "class id 4 has no name"),
        (read_yolo, lambda f: yolo(f, "0 0.9 0.5 0.4 0.2\n"), "outside the image"),
        (read_yolo, lambda f: yolo(f, "0 0.5 0.5\n"), "2 numbers after the class"),
        (read_yolo, lambda f: yolo(f, "cup 0.5 0.5 0.2 0.2\n"), "not numbers"),
        (read_yolo, lambda f: yolo(f, "\n"), "the label file is empty"),
        (read_voc, lambda f: voc(f, voc_cup(40, 6, 90, 18)), "outside the image"),
        (read_voc, lambda f: voc(f, "<object><name>cup</name></object>"), "no whole bndbox"),
        (read_voc, lambda f: voc(f, voc_cup(9, 7, 28, 18), size=(0, 0)), "does not say the image's size"),
        (read_voc, lambda f: voc(f, ""), "no things are labelled"),
        (read_voc, lambda f: (f / "table.xml").touch(), "the XML file is empty or broken"),
    ],
)
def test_bad_labels_leave_the_photograph_out_and_are_counted(folder, read, write, reason):
    write(folder)
    skips = Skips()
    assert list(read(folder, skips)) == []
    assert sum(skips.counts.values()) == 1
    assert reason in skips.lines()[0]
    with pytest.raises(BadAnnotation, match=reason):
        list(read(folder, Skips(strict=True)))


def test_a_folder_that_lacks_the_whole_is_an_error(folder):
    with pytest.raises(FileNotFoundError, match=r"data\.yaml"):
        list(read_yolo(folder, Skips()))
    with pytest.raises(FileNotFoundError, match=r"no \.xml"):
        list(read_voc(folder, Skips()))
    with pytest.raises(FileNotFoundError, match=r"no \.json"):
        list(read_coco(folder, Skips()))
    (folder / "labels.json").write_text("[]")
    with pytest.raises(ValueError, match="not COCO's"):
        list(read_coco(folder, Skips()))


def test_an_image_that_is_none_or_of_another_size_is_an_error(folder):
    (folder / "broken.png").write_bytes(b"no picture")
    with pytest.raises(BadAnnotation, match="cannot be read"):
        load_picture(Annotated(folder / "broken.png", ()))
    with pytest.raises(BadAnnotation, match="not of the size"):
        load_picture(Annotated(folder / "table.png", (), (100, 100)))


def test_a_box_that_sticks_out_by_a_rounding_error_is_cut():
    assert checked_box((-0.5, 2, 64.4, 20), WIDTH, HEIGHT) == (0, 2, 64, 20)


def test_what_lies_on_a_plate_hides_some_of_it():
    plate, egg = Instance("plate", (0, 0, 64, 48)), Instance("egg", (0, 0, 32, 24))
    for order in ((plate, egg), (egg, plate)):
        ids, fractions = rasterise(order, WIDTH, HEIGHT)
        assert ids[2, 2] == order.index(egg) + 1
        assert fractions[order.index(plate)] == pytest.approx(0.75)


def test_copies_of_a_photograph_and_frames_of_a_film_are_one_original(tmp_path):
    names = [
        "cup_jpg.rf.1a.jpg",
        "cup_jpg.rf.2b.jpg",
        "film_mp4-3_jpg.rf.4c.jpg",
        "film_mp4-9_jpg.rf.5d.jpg",
        "bowl.png",
    ]
    originals = [Annotated(tmp_path / name, ()).original for name in names]
    assert originals == ["cup_jpg", "cup_jpg", "film", "film", "bowl"]


def test_the_share_of_the_test_part_is_what_was_asked_for():
    chosen = [in_test(f"photo {k}", 20) for k in range(2000)]
    assert np.mean(chosen) == pytest.approx(0.2, abs=0.03)
    assert not any(in_test(f"photo {k}", 0) for k in range(100))
    assert all(in_test(f"photo {k}", 100) for k in range(100))
