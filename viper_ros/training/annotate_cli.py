"""``viper annotate``: a folder of labelled photographs -> shards to train on and shards to test on."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("annotate", help="make shards of your own photographs with boxes or masks")
    parser.add_argument("folder", type=Path, help="images and their labels, anywhere beneath it")
    parser.add_argument("out", type=Path, help="folder for the shards to train on, for example data/photos")
    parser.add_argument("--format", required=True, choices=("coco", "yolo", "voc"), help="how the labels are written")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="COCO's JSON, or YOLO's data.yaml or classes.txt")
    parser.add_argument("--name", help="of the source, part of the shards' names (default: the folder's)")
    parser.add_argument("--names", metavar="TABLE", help="how classes are said: a JSON file or a table of the package")
    parser.add_argument(
        "--partial", action="store_true", help="not everything is labelled: no counts, no absent classes"
    )
    parser.add_argument("--absent", nargs="+", default=[], metavar="NAME", help="what no photograph of these shows")
    parser.add_argument("--test-percent", type=int, default=15, help="of the originals, chosen by name; 100: only test")
    parser.add_argument(
        "--hold-out", action="store_true", help="train on nothing that the suite novel keeps for itself"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="photographs of each part at most, chosen by name")
    parser.add_argument("--test-out", type=Path, help="folder for the test shards (default: OUT with _test behind it)")
    parser.add_argument("--strict", action="store_true", help="stop at the first photograph that cannot be used")
    parser.set_defaults(run=_annotate)


def _annotate(options: argparse.Namespace) -> None:
    from viper_ros.training.annotation_formats import FORMATS
    from viper_ros.training.annotations import Skips
    from viper_ros.training.class_names import ClassNames, load_table
    from viper_ros.training.photo_shards import Source, write_photo_shards

    if options.limit is not None and options.limit < 1:
        raise ValueError(f"--limit must be at least 1, got {options.limit}")
    if not 0 <= options.test_percent <= 100:
        raise ValueError(f"--test-percent must be from 0 to 100, got {options.test_percent}")
    table = load_table(options.names)
    absent = tuple(row for row in ClassNames(set(options.absent), {}).by_label.values() if row is not None)
    name = (options.name or options.folder.resolve().name).replace(" ", "_")
    source = Source(name, table, not options.partial, absent, options.test_percent, options.limit, options.hold_out)
    skips = Skips(options.strict)
    photographs = FORMATS[options.format](options.folder, skips, options.labels)
    test_out = options.test_out or options.out.with_name(f"{options.out.name}_test")
    counts = write_photo_shards(photographs, source, options.out, test_out, skips)
    for what, count in counts.items():
        print(f"{count:>7} {what}")
    print("\n".join(skips.lines()))
