"""``exact models convert``: weights of other programs as safetensors."""

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
