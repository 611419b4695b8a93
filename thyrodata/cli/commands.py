"""The commands by their names, each built when it is asked for: a help page needs their sentences alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

__all__ = ["Commands"]

_PLACES = {
    "convert": "make:convert",
    "list": "catalog:list_cards",
    "card": "catalog:card",
    "detect": "catalog:detect",
    "info": "data:info",
    "show": "data:show",
    "verify": "data:verify",
    "diff": "diff:diff",
    "select": "select:select",
    "relabel": "relabel:relabel",
    "derive": "derive:derive",
    "merge": "merge:merge",
    "update": "update:update",
    "remove": "remove:remove",
    "split": "splits:app",
    "annotate": "annotate:app",
    "agree": "agree:app",
    "qc": "qc:app",
    "report": "report:report",
    "browse": "browse:browse",
    "capture": "capture:app",
    "key": "key:app",
    "export": "exports:export",
    "baseline": "baseline:app",
    "push": "push:push",
    "demo": "make:demo",
}
"""Where each command stands, in the order in which help lists them."""

_OWN_OPTIONS = frozenset({"convert", "export", "update"})
"""Those that take options of the dataset or format that they are given."""


class Commands(TyperGroup):
    """The group of all commands."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs | {"commands": None})
        self.commands = cast(Any, _Built())  # only read

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands, building none of them."""
        built = self.commands
        self.commands = {name: TyperCommand(name, help=_sentence(_found(name))) for name in built}
        try:
            super().format_commands(ctx, formatter)
        finally:
            self.commands = built


class _Built(Mapping[str, Any]):
    """The commands, each built when it is first looked up."""

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in _PLACES:
            raise KeyError(name)
        if name not in self._known:
            self._known[name] = _build(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


def _found(name: str) -> typer.Typer | Callable[..., None]:
    module, _, attribute = _PLACES[name].partition(":")
    found: typer.Typer | Callable[..., None] = getattr(import_module(f"thyrodata.cli.{module}"), attribute)
    return found


def _sentence(found: typer.Typer | Callable[..., None]) -> str:
    return str(found.info.help) if isinstance(found, typer.Typer) else found.__doc__ or ""


def _build(name: str) -> Any:
    found = _found(name)
    if isinstance(found, typer.Typer):
        command = get_command(found)
        command.name = name
        return command
    own = {"allow_extra_args": True, "ignore_unknown_options": True} if name in _OWN_OPTIONS else None
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    alone.command(name, context_settings=own)(found)
    return get_command(alone)
