"""The command line: ``exact``, whose commands are imported only when they are called."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from types import MappingProxyType

import click

from exact_core import __version__
from exact_core.api.errors import ExactError

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "serve": ("exact_core.jobs.serve_commands:serve", "Run the web server and a worker."),
        "worker": ("exact_core.jobs.commands:worker", "Run one more worker process."),
        "scheduler": ("exact_core.jobs.commands:scheduler", "Run the scheduler of the distributed job engine."),
        "jobs": ("exact_core.jobs.job_commands:group", "Look at background work, cancel it and start it again."),
        "demo": ("exact_core.demo.commands:demo", "Try EXACT on a real slide, without any set-up."),
        "import": ("exact_core.images.commands:import_", "Bring files of this machine into an image set."),
        "agreement": ("exact_core.agreement.commands:agreement", "Say how far the readers of an image set agree."),
        "annotations": ("exact_core.exchange.commands:group", "Import and export annotations."),
        "predictions": ("exact_core.predictions.commands:group", "Export decisions about predictions."),
        "versions": ("exact_core.versioning.commands:group", "Make, compare, export, branch and merge versions."),
        "train": ("exact_core.training.commands:group", "Train models from versions, and read how good they are."),
        "models": ("exact_core.models.commands:group", "List, show, import, export, pin and delete models."),
        "db": ("exact_core.storage.commands:db", "Create, upgrade and check the database."),
        "user": ("exact_core.auth.commands:user", "Create users, login links and access tokens."),
        "plugins": ("exact_core.activation.commands:plugins", "List, check and purge plugins."),
        "plugin": ("exact_sdk.commands:plugin", "Write, check and document a plugin of your own."),
        "dev": ("exact_sdk.dev.commands:dev", "Serve a throw-away instance that follows your edits."),
    }
)
"""Name to (where it is, what help says), so that ``exact --help`` imports none of them."""

_SDK = "exact_sdk"
"""Commands for authors of plugins come with the distribution ``exact-sdk``."""


class LazyGroup(click.Group):
    """A group whose commands are named in a table and loaded one at a time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if _is_here(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return plugin_command(cmd_name)
        if not _is_here(cmd_name):
            raise click.UsageError(f"'exact {cmd_name}' is for authors of plugins: pip install exact-sdk", ctx)
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items() if _is_here(name)])
        formatter.write_text("Installed plugins can add commands of their own: exact plugins list.")

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ExactError as error:
            raise click.ClickException(error.message) from error


def _is_here(name: str) -> bool:
    place = COMMANDS[name][0]
    return not place.startswith(_SDK) or importlib.util.find_spec(_SDK) is not None


def plugin_command(name: str) -> click.Command | None:
    """The command group that an installed plugin adds under its own name, or nothing."""
    from exact_core.activation.commands import plugin_command_group

    return plugin_command_group(name)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="exact")
def main() -> None:
    """EXACT: collaborative, algorithm-aided annotation of images of any size.

    Settings come from EXACT_* environment variables; see docs/operating.md.
    """
