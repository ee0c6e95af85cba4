"""``exact models convert`` and ``convert-tfjs``: weights and networks of other programs as ours."""

from __future__ import annotations

from pathlib import Path

import click

from exact_core.api.errors import ExactError


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path), required=False)
@click.option("--memory-mib", type=click.IntRange(min=1024), default=8192, show_default=True, help="Most memory.")
@click.option("--yes", is_flag=True, help="The file comes from somebody I trust; do not ask.")
def convert(source: Path, target: Path | None, memory_mib: int, yes: bool) -> None:
    """Write the tensors of SOURCE, a .pth or .pt file, as a safetensors file."""
    from exact_sdk.ml.foreign import convert as convert_file

    if not yes:
        click.confirm(f"{source.name} is a pickle. Do you trust whoever made it?", abort=True)
    made = target or source.with_suffix(".safetensors")
    try:
        convert_file(source, made, memory_mib=memory_mib)
    except ExactError as error:
        raise click.ClickException(error.message) from None
    click.echo(f"Wrote {made}.")


@click.command("convert-tfjs")
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--classes", required=True, help="Names in the order of the output, separated by commas.")
@click.option("--kind", required=True, help="Kind of model, as 'plugin.name'.")
@click.option("--divisor", type=float, default=255.0, show_default=True, help="What samples are divided by.")
@click.option("--mpp", type=float, help="Micrometres per pixel that it was trained at.")
@click.option("--tile", type=int, default=256, show_default=True, help="Side of a tile, in pixels.")
@click.option("--step", type=int, help="From one tile to the next; three quarters of a tile when left out.")
@click.option("--multiple", type=int, default=32, show_default=True, help="Sides of a tile are multiples of it.")
def convert_tfjs(
    source: Path,
    target: Path,
    classes: str,
    kind: str,
    divisor: float,
    mpp: float | None,
    tile: int,
    step: int | None,
    multiple: int,
) -> None:
    """Write SOURCE, the model.json of a TensorFlow.js layers model, as the model folder TARGET."""
    from exact_sdk.ml.preprocess import Preprocess
    from exact_sdk.ml.tfjs_folder import write_folder

    names = [name.strip() for name in classes.split(",") if name.strip()]
    told = {"classes": names, "divisor": divisor, "mpp": mpp, "tile": tile, "multiple": multiple, "window": "hann"}
    try:
        preprocess = Preprocess.of_json({**told, "step": step or max(1, tile * 3 // 4)})
        write_folder(source, target, preprocess, kind)
    except ExactError as error:
        raise click.ClickException(error.message) from None
    click.echo(f"Wrote {target}.")
