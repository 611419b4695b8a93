"""The command line: a command parses, calls one public function and prints the object it returns (layer 8).

Nothing but typer is imported before a command runs, so that ``--help`` stays light.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from thyrodata import __version__
from thyrodata.cli.commands import Commands
from thyrodata.errors import InterruptedRunError, ThyrodataError, UsageError
from thyrodata.io.dataframes import no_series_come

__all__ = ["app", "main"]

INTERRUPTED = 130
"""What shells report of a command that Ctrl-C has ended: 128 + SIGINT."""

app = typer.Typer(
    name="thyrodata",
    cls=Commands,
    help="Curate and convert thyroid ultrasound (and DeepLesion CT) datasets.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"thyrodata {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    no_series_come()


def main() -> None:
    """Run the command line.

    Exits 0 when done, 1 on findings or an error in the data, 2 on wrong usage, 130 when the user stopped it.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may be more than the terminal can show
    try:
        app()
    except ThyrodataError as error:
        if "--debug" in sys.argv:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit({UsageError: 2, InterruptedRunError: INTERRUPTED}.get(type(error), 1))
    except (KeyboardInterrupt, SystemExit) as end:
        # typer makes an exit of a Ctrl-C, and says nothing
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:
            raise
        print("error: stopped", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        sys.exit(0)
