"""Three ways of writing labels down -> `annotations.Annotated`: COCO JSON, YOLO txt, Pascal VOC XML.

Formats, as their makers publish them: cocodataset.org/#format-data (boxes x, y, width, height in pixels; polygons;
run lengths down the columns), docs.ultralytics.com/datasets (class and box centre and size, or class and polygon, in
fractions of the image), host.robots.ox.ac.uk/pascal/VOC (boxes as pixel corners, counted from 1).

Our additions to COCO: an annotation may have ``"sentences": ["the cup with a crack", ...]``, and an image
``"sentences": [{"text": ..., "annotation_ids": [...], "answer": ..., "kind": ...}]``, the last two as one likes; no ids
say that what is named is not there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import yaml

from viper_ros.training.annotations import (
    Annotated,
    BadAnnotation,
    Instance,
    Sentence,
    Skips,
    checked_box,
    find_images,
)
from viper_ros.training.run_lengths import decode_rle

Reader = Callable[[Path, Skips, "Path | None"], Iterator[Annotated]]
KINDS = ("refer", "where", "colour", "what", "relation", "count", "exists", "compare")


def read_yolo(folder: Path, skips: Skips, names_file: Path | None = None) -> Iterator[Annotated]:
    """Every image beneath ``folder`` that has a label file beside it, in ``labels`` beside its folder or ``images``.

    ``names_file`` is a data.yaml or a classes.txt (one name a line); without it, the one in ``folder``.

    Raises:
        FileNotFoundError: no images, or no class names.
    """
    names = _yolo_names(folder, names_file)
    for path in find_images(folder):
        try:
            yield Annotated(path, _yolo_instances(_yolo_label(path), names), relative=True)
        except BadAnnotation as error:
            skips.add(str(error), str(path))


def _yolo_names(folder: Path, names_file: Path | None) -> dict[int, str]:
    tried = [names_file] if names_file else [folder / name for name in ("data.yaml", "data.yml", "classes.txt")]
    path = next((p for p in tried if p.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"no class names: expected {' or '.join(map(str, tried))}")
    if path.suffix == ".txt":
        return dict(enumerate(line.strip() for line in path.read_text().splitlines() if line.strip()))
    names = (yaml.safe_load(path.read_text()) or {}).get("names")
    if not isinstance(names, list | dict) or not names:
        raise ValueError(f"{path} must have 'names', a list or a mapping from class id to name; got {names!r}")
    return {int(k): str(v) for k, v in (names.items() if isinstance(names, dict) else enumerate(names))}


def _yolo_label(image: Path) -> str:
    folders = [image.parent, image.parent.parent / "labels"]
    if "images" in image.parts:
        at = len(image.parts) - 1 - image.parts[::-1].index("images")
        folders.append(Path(*image.parts[:at], "labels", *image.parts[at + 1 : -1]))
    path = next((f / f"{image.stem}.txt" for f in folders if (f / f"{image.stem}.txt").is_file()), None)
    if path is None:
        raise BadAnnotation("there is no label file")
    return path.read_text()


def _yolo_instances(text: str, names: dict[int, str]) -> tuple[Instance, ...]:
    """Read lines in fractions of the image: boxes and polygons are scaled once the image's size is known."""
    instances = []
    for line in text.splitlines():
        if not line.strip():
            continue
        try:
            values = [float(word) for word in line.split()]
        except ValueError:
            raise BadAnnotation(f"a label line is not numbers ({line[:40]!r})") from None
        if int(values[0]) not in names:
            raise BadAnnotation(f"class id {values[0]:g} has no name (there are {len(names)})")
        instances.append(_yolo_instance(names[int(values[0])], values[1:]))
    if not instances:
        raise BadAnnotation("the label file is empty")
    return tuple(instances)


def _yolo_instance(label: str, values: list[float]) -> Instance:
    """Instance with box and polygons in fractions; five numbers after the class are a box and its confidence."""
    if len(values) in (4, 5):
        x, y, w, h = values[:4]
        return Instance(label, checked_box((x - w / 2, y - h / 2, x + w / 2, y + h / 2), 1, 1))
    if len(values) < 6 or len(values) % 2:
        raise BadAnnotation(
            f"a label line has {len(values)} numbers after the class, not 4 or pairs of at least 3 points"
        )
    polygon = np.array(values).reshape(-1, 2)
    box = checked_box((*polygon.min(axis=0), *polygon.max(axis=0)), 1, 1)
    return Instance(label, box, (polygon.clip(0, 1),))


def read_voc(folder: Path, skips: Skips, names_file: Path | None = None) -> Iterator[Annotated]:
    """Every XML file beneath ``folder`` with the image that it names, found by that name or by the XML file's own.

    Raises:
        FileNotFoundError: no images or no XML files.
        ValueError: ``names_file`` is given; VOC files name classes themselves.
    """
    if names_file is not None:
        raise ValueError(f"VOC files name their classes themselves; leave out {names_file}")
    images = _Images(folder)
    files = sorted(folder.rglob("*.xml"))
    if not files:
        raise FileNotFoundError(f"no .xml files in {folder}")
    for path in files:
        try:
            yield _voc(path, images)
        except BadAnnotation as error:
            skips.add(str(error), str(path))


def _voc(path: Path, images: _Images) -> Annotated:
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError:
        raise BadAnnotation("the XML file is empty or broken") from None
    image = images.find(root.findtext("filename") or path.stem, (path.parent, path.parent.parent), path.stem)
    size = tuple(int(float(root.findtext(f"size/{side}") or 0)) for side in ("width", "height"))
    if min(size) <= 0:
        raise BadAnnotation("the XML file does not say the image's size")
    instances = tuple(_voc_instance(node, size) for node in root.iter("object"))
    if not instances:
        raise BadAnnotation("no things are labelled")
    return Annotated(image, instances, size)


def _voc_instance(node: ElementTree.Element, size: tuple[int, int]) -> Instance:
    label = (node.findtext("name") or "").strip()
    if not label:
        raise BadAnnotation("an object has no name")
    try:
        x0, y0, x1, y1 = (float(node.findtext(f"bndbox/{k}") or "") for k in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        raise BadAnnotation("an object has no whole bndbox") from None
    box = checked_box((x0 - 1, y0 - 1, x1, y1), *size)  # corners are pixels that belong to it, counted from 1
    return Instance(label, box, doubtful=(node.findtext("difficult") or "0").strip() == "1")


def read_coco(folder: Path, skips: Skips, names_file: Path | None = None) -> Iterator[Annotated]:
    """Every image of the JSON files beneath ``folder`` (``instances*.json`` if there are such), or of ``names_file``.

    Raises:
        FileNotFoundError: no images or no annotation file.
        ValueError: a file is not COCO's.
    """
    images, seen = _Images(folder), set()
    for path in [names_file] if names_file else _coco_files(folder):
        data = _coco_data(path)
        names = {c["id"]: str(c["name"]) for c in data["categories"]}
        labels: dict[Any, list[dict]] = {}
        for annotation in data["annotations"]:
            labels.setdefault(annotation.get("image_id"), []).append(annotation)
        for entry in data["images"]:
            try:
                annotated = _coco(entry, labels.get(entry["id"], []), names, images, path)
                same = (annotated.path.name, annotated.path.stat().st_size)
                if same in seen:  # subsets of COCO overlap
                    raise BadAnnotation("the same image came before")
                seen.add(same)
                yield annotated
            except BadAnnotation as error:
                skips.add(str(error), f"{entry.get('file_name')} of {path}")


def _coco_files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("instances*.json")) or sorted(p for p in folder.rglob("*.json"))
    if not found:
        raise FileNotFoundError(f"no .json file in {folder}")
    return found


def _coco_data(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is no JSON: {error}") from None
    wanted = ("images", "annotations", "categories")
    if not isinstance(data, dict) or not all(isinstance(data.get(key), list) for key in wanted):
        raise ValueError(f"{path} is not COCO's: expected an object with the lists {', '.join(wanted)}")
    return data


def _coco(entry: dict, labels: list[dict], names: dict[Any, str], images: _Images, file: Path) -> Annotated:
    name = str(entry.get("file_name") or "")
    split = file.stem.split("_")[-1]
    image = images.find(
        name, tuple(p for up in (file.parent, file.parent.parent) for p in (up, up / "images", up / split))
    )
    size = (int(entry.get("width") or 0), int(entry.get("height") or 0))
    if min(size) <= 0:
        raise BadAnnotation("the entry does not say the image's width and height")
    if not labels:
        raise BadAnnotation("no things are labelled")
    instances = tuple(_coco_instance(label, names, size) for label in labels)
    sentences = [Sentence(str(t), (k,)) for k, label in enumerate(labels) for t in label.get("sentences", ())]
    at = {instance.key: k for k, instance in enumerate(instances)}
    sentences += [_coco_sentence(said, at) for said in entry.get("sentences", ())]
    return Annotated(image, instances, size, tuple(sentences))


def _coco_sentence(said: dict, at: dict[Any, int]) -> Sentence:
    unknown = [key for key in said.get("annotation_ids", ()) if key not in at]
    if unknown or not str(said.get("text", "")).strip() or said.get("kind", "refer") not in KINDS:
        raise BadAnnotation(f"a sentence needs text, annotation ids of its image and a kind of {', '.join(KINDS)}")
    targets = tuple(at[key] for key in said.get("annotation_ids", ()))
    return Sentence(str(said["text"]), targets, said.get("kind", "refer"), said.get("answer"))


def _coco_instance(label: dict, names: dict[Any, str], size: tuple[int, int]) -> Instance:
    if label.get("category_id") not in names:
        raise BadAnnotation(f"category id {label.get('category_id')} has no name (there are {len(names)})")
    drawn, mask, polygons = label.get("segmentation"), None, ()
    if isinstance(drawn, dict):
        mask = decode_rle(drawn, size)
    elif drawn:
        polygons = tuple(np.array(points, float).reshape(-1, 2) for points in drawn if len(points) >= 6)
    box = tuple(float(v) for v in label.get("bbox") or ())
    if len(box) == 4:
        box = (box[0], box[1], box[0] + box[2], box[1] + box[3])
    else:
        box = _box_of(mask, polygons)
    doubtful = bool(label.get("iscrowd", 0))
    return Instance(names[label["category_id"]], checked_box(box, *size), polygons, mask, doubtful, label.get("id"))


def _box_of(mask: np.ndarray | None, polygons: tuple[np.ndarray, ...]) -> tuple[float, ...]:
    if mask is not None and mask.any():
        rows, columns = np.nonzero(mask)
        return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)
    if polygons:
        points = np.concatenate(polygons)
        return (*points.min(axis=0), *points.max(axis=0))
    raise BadAnnotation("an annotation has neither box nor mask")


class _Images:
    """Finds an image by the name that labels give it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_name: dict[str, list[Path]] = {}
        for path in find_images(folder):
            for name in {path.name.lower(), path.stem.lower()}:
                self.by_name.setdefault(name, []).append(path)

    def find(self, name: str, beside: tuple[Path, ...], stem: str | None = None) -> Path:
        """``name`` below one of ``beside`` or the folder; else the only file so called, or called ``stem``."""
        for folder in (*beside, self.folder):
            if name and (folder / name).is_file():
                return folder / name
        found = self.by_name.get(Path(name).name.lower()) or self.by_name.get((stem or "").lower())
        if not found:
            raise BadAnnotation("the image is missing")
        if len({path.stat().st_size for path in found}) > 1:
            raise BadAnnotation("several images have that name")
        return found[0]


FORMATS: dict[str, Reader] = {"coco": read_coco, "yolo": read_yolo, "voc": read_voc}
