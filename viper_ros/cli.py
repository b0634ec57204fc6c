"""``viper``: the package from a shell. Subcommands import what they need only when they run."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from viper_ros.evaluation.suites import Case
    from viper_ros.perception import Predictor


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, run the subcommand, return its exit status."""
    parser = argparse.ArgumentParser(prog="viper", description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_query(subparsers)
    _add_evaluate(subparsers)
    _add_card(subparsers)
    _add_training(subparsers)
    _add_import(subparsers)
    from viper_ros.ros import bag_cli
    from viper_ros.ros.bringup import add_subcommands

    add_subcommands(subparsers)
    bag_cli.add_parser(subparsers)
    from viper_ros.training import annotate_cli

    annotate_cli.add_parser(subparsers)
    options = parser.parse_args(arguments)
    try:
        return options.run(options) or 0
    except (OSError, ImportError, ValueError) as error:  # what a user can mend; else it is our fault, with a trace
        print(f"viper: {error}", file=sys.stderr)
        return 2


def _add_query(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("query", help="ask one question about an image file")
    parser.add_argument("image", type=Path, help="any picture that OpenCV reads")
    parser.add_argument("instruction", help='for example "pick up the red mug left of the plate"')
    parser.add_argument("--model", default="nano", help="a name under models/ or a folder (default: %(default)s)")
    parser.add_argument(
        "--image-size", type=int, metavar="PX", help="longer side for the model; default: the checkpoint's"
    )
    parser.add_argument("--device", default="cpu", help="torch device (default: %(default)s)")
    parser.add_argument("--threshold", type=float, help="presence threshold in (0, 1]; default: the checkpoint's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--overlay", type=Path, metavar="OUT.png", help="write the image with the heatmap on it")
    parser.set_defaults(run=_query)


def _query(options: argparse.Namespace) -> None:
    import cv2

    from viper_ros.perception import Predictor

    image = _read_image(options.image)
    predictor = Predictor.from_pretrained(options.model, options.device, image_size=options.image_size)
    grounding = predictor.query(image, options.instruction, options.threshold)
    if options.overlay:
        from viper_ros.perception.overlay import draw_grounding

        picture = draw_grounding(image, grounding)
        name = str(options.overlay)
        if not (cv2.haveImageWriter(name) and cv2.imwrite(name, picture[..., ::-1])):  # imwrite raises on an ending
            raise ValueError(f"cannot write {options.overlay}; use a name that ends in .png or .jpg")
    print(json.dumps(_summary(grounding), indent=2) if options.json else _sentence(grounding))


def _read_image(path: Path):
    import cv2

    if not path.is_file():
        raise FileNotFoundError(f"no image file {path}")
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is no picture that can be read; PNG and JPEG always can")
    return image[..., ::-1].copy()


def _summary(grounding) -> dict:
    return {
        "instruction": grounding.instruction,
        "answer": grounding.answer,
        "present": grounding.present,
        "confidence": round(grounding.confidence, 4),
        "threshold": grounding.threshold,
        "image_size": list(grounding.image_size),
        "regions": [
            {
                "box_xyxy_px": [round(v, 1) for v in region.box_xyxy_px],
                "centroid_px": [round(v, 1) for v in region.centroid_px],
                "score": round(region.score, 4),
            }
            for region in grounding.regions
        ],
        "inference_time_ms": round(grounding.inference_time_ms, 1),
    }


def _sentence(grounding) -> str:
    lines = [f"{grounding.answer}  ({'present' if grounding.present else 'not present'}, {grounding.confidence:.2f})"]
    for region in grounding.regions:
        x0, y0, x1, y1 = region.box_xyxy_px
        lines.append(f"  box ({x0:.0f}, {y0:.0f}) - ({x1:.0f}, {y1:.0f}) px, score {region.score:.2f}")
    return "\n".join(lines)


def _add_evaluate(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("evaluate", help="measure a checkpoint on scenes that training never saw")
    parser.add_argument(
        "suite", help="tabletop, novel, phrasing, relations, unknown, household, household_novel, libero or photos"
    )
    parser.add_argument("--model", default="nano", help="a name under models/ or a folder (default: %(default)s)")
    parser.add_argument(
        "--image-size", type=int, metavar="PX", help="longer side for the model; default: the checkpoint's"
    )
    parser.add_argument("--scenes", type=int, default=200, help="scenes to render (default: %(default)s)")
    parser.add_argument("--frames", type=Path, default=Path("data/libero"), help="of libero (default: %(default)s)")
    parser.add_argument("--photos", type=Path, nargs="+", help="folders of test shards (default: as docs/photos.md)")
    parser.add_argument(
        "--beside",
        nargs="+",
        default=[],
        metavar="[NAME=]MODEL",
        help="measure these too; 'colour': the histogram baseline",
    )
    parser.add_argument("--data", type=Path, nargs="+", help="shards to fit that on (default: data/*, as in training)")
    _add_household(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--page", type=Path, metavar="OUT.png", help="write a page of overlays, right and wrong")
    parser.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from viper_ros.evaluation.libero import run_libero
    from viper_ros.evaluation.pages import keep_page
    from viper_ros.evaluation.suites import SUITES, run_suite, summarise, table
    from viper_ros.perception import Predictor
    from viper_ros.training.colour_histogram import COLOUR, fit_colours
    from viper_ros.training.photo_suite import FOLDERS, run_photos

    if options.suite not in (*SUITES, "libero", "photos"):
        raise ValueError(f"unknown suite {options.suite!r}; valid are {[*sorted(SUITES), 'libero', 'photos']}")

    if options.scenes < 1:
        raise ValueError(f"--scenes must be at least 1, got {options.scenes}")
    _prepare(options.json)
    _prepare(options.page, picture=True)

    def cases(predictor: Predictor) -> Iterator[Case]:
        if options.suite == "libero":
            return run_libero(predictor, options.frames, options.scenes)
        if options.suite == "photos":
            return run_photos(predictor, tuple(options.photos or FOLDERS), options.scenes)
        return run_suite(predictor, options.suite, options.scenes, options.assets, options.robot)

    def load(name: str) -> Predictor:
        if name == COLOUR:
            return fit_colours(options.data)
        return Predictor.from_pretrained(name, image_size=options.image_size)

    beside = _named(options.beside)
    predictor = Predictor.from_pretrained(options.model, image_size=options.image_size)
    asked = keep_page(cases(predictor), options.page) if options.page else cases(predictor)
    figures = {"suite": options.suite, "scenes": options.scenes, "model": predictor.info["model"]} | summarise(asked)
    if options.beside:
        figures["beside"] = {name: summarise(cases(load(model))) for name, model in beside.items()}
    print(table(figures))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _named(told: list[str]) -> dict[str, str]:
    """[NAME=]MODEL -> model by name; ValueError for a name that comes twice."""
    pairs = [text.split("=", 1) if "=" in text else (text, text) for text in told]
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"--beside names {', '.join(twice)} more than once; say NAME=MODEL")
    return dict(pairs)


def _prepare(path: Path | None, picture: bool = False) -> None:
    """Complain of a file that cannot be written before the work whose result it is to hold."""
    if path is None:
        return
    import cv2

    if picture and not cv2.haveImageWriter(str(path)):
        raise ValueError(f"cannot write {path}; use a name that ends in .png or .jpg")
    path.parent.mkdir(parents=True, exist_ok=True)


def _add_card(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("card", help="tables for a model card, from what viper evaluate --json wrote")
    parser.add_argument(
        "figures", type=Path, nargs="+", metavar="FILE", help="one a suite, in the order of the columns"
    )
    parser.add_argument("--into", type=Path, metavar="README.md", help="replace what stands between its two marks")
    parser.add_argument("--summary", action="store_true", help="the first table alone")
    parser.set_defaults(run=_card)


def _card(options: argparse.Namespace) -> None:
    from viper_ros.evaluation.card import put_into, tables

    text = tables([json.loads(path.read_text()) for path in options.figures], options.summary)
    print(text)
    if options.into:
        put_into(options.into, text)


def _add_household(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--assets", type=Path, help="folder of the household library, if its wheels are not installed")
    parser.add_argument("--robot", type=Path, help="folder of robosuite's models/assets, if it is not installed")


def _add_training(subparsers: argparse._SubParsersAction) -> None:
    render = subparsers.add_parser("render", help="render scenes to train on")
    render.add_argument("--out", type=Path, default=Path("data/tabletop"), help="folder (default: %(default)s)")
    render.add_argument("--shards", type=int, default=80, help="how many, of 128 scenes each (default: %(default)s)")
    render.add_argument("--first", type=int, default=0, help="number of the first of them (default: %(default)s)")
    render.add_argument("--workers", type=int, default=1, help="processes (default: %(default)s)")
    render.add_argument("--world", choices=("tabletop", "household"), default="tabletop", help="(default: %(default)s)")
    _add_household(render)
    render.set_defaults(run=_render)
    train = subparsers.add_parser("train", help="train, or go on with a training that was interrupted")
    train.add_argument("config", type=Path, help="for example config/train_nano.json")
    train.set_defaults(run=_train)
    export = subparsers.add_parser("export", help="calibrate a trained checkpoint and write it as a model")
    export.add_argument("config", type=Path, help="the configuration that it was trained with")
    export.add_argument("out", type=Path, help="for example models/nano")
    export.set_defaults(run=_export)
    plot = subparsers.add_parser("plot", help="draw the losses of a training")
    plot.add_argument("log", type=Path, help="for example runs/nano/log.jsonl")
    plot.add_argument("out", type=Path, help="a picture, for example runs/nano/losses.png")
    plot.set_defaults(run=_plot)
    ablate = subparsers.add_parser("ablate", help="train variants of nano without one part each, and measure them")
    ablate.add_argument("config", type=Path, help="for example config/ablation.json")
    ablate.set_defaults(run=_ablate)


def _render(options: argparse.Namespace) -> None:
    from viper_ros.sim import Split
    from viper_ros.training.shards import render_shards

    folders = options.assets, options.robot
    shards = range(options.first, options.first + options.shards)
    render_shards(options.out, Split.TRAIN, shards, options.workers, options.world, *folders)


def _train(options: argparse.Namespace) -> None:
    from viper_ros.training.loop import TrainingConfig, train

    train(TrainingConfig.from_json(options.config))


def _export(options: argparse.Namespace) -> None:
    from viper_ros.training.export import export
    from viper_ros.training.loop import TrainingConfig

    export(TrainingConfig.from_json(options.config), options.out)


def _plot(options: argparse.Namespace) -> None:
    from viper_ros.training.plot import plot_log

    plot_log(options.log, options.out)


def _ablate(options: argparse.Namespace) -> None:
    from viper_ros.training.ablation import AblationConfig, markdown, run_ablation

    print(markdown(list(run_ablation(AblationConfig.from_json(options.config)))))


def _add_import(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("import", help="write a checkpoint of the authors' layout in ours")
    parser.add_argument("source", type=Path, help="its folder, with lm/ and vision/ beside it or the hub at hand")
    parser.add_argument("target", type=Path, help="for example models/base")
    parser.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> None:
    from viper_ros.perception.released import import_released

    missing = import_released(options.source, options.target)
    print(f"wrote {options.target}")
    if missing:
        print(f"viper: found no {', '.join(missing)}; copy the language model's to {options.target}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
