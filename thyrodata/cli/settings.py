"""Options of one converter or exporter, made from the dataclass of its settings."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import Field, fields
from enum import Enum
from types import UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

from thyrodata.errors import UsageError

__all__ = ["describe_settings", "parse_settings"]


class _Parser(ArgumentParser):
    """Raises where argparse would print and leave."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=self.epilog or "")


def parse_settings(name: str, settings: type[Any] | None, args: Sequence[str]) -> Any | None:
    """Return the settings that command-line options say; ``None`` where none can be given.

    Args:
        name: Whose settings they are.
        settings: A dataclass whose fields have defaults and a ``help`` in their metadata.
        args: What is left of the command line.

    Raises:
        UsageError: There is no such option, or its value is not one that it takes.
    """
    if settings is None:
        if args:
            raise UsageError(f"there is no option {args[0]}", hint=f"{name} has none of its own")
        return None
    options = ", ".join(option for option, _ in describe_settings(settings))
    parser = _Parser(
        add_help=False, allow_abbrev=False, usage="", epilog=f"{name} has these of its own: {options}"
    )
    for field, kind, many in _fields(settings):
        if kind is bool:
            parser.add_argument(_option(field), dest=field.name, action="store_true", default=field.default)
        else:
            action = "append" if many else "store"
            parser.add_argument(
                _option(field), dest=field.name, type=_value(kind), action=action, default=None
            )
    given, rest = parser.parse_known_args(_joined(args))
    if rest:
        parser.error(f"there is no option or argument {rest[0]}")
    return settings(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in vars(given).items()
            if value is not None
        }
    )


def _joined(args: Sequence[str]) -> list[str]:
    """Write ``--window -175,275`` as ``--window=-175,275``: argparse takes the value for an option."""
    joined: list[str] = []
    for arg in args:
        if (
            joined
            and joined[-1].startswith("--")
            and "=" not in joined[-1]
            and arg[:1] == "-"
            and arg[1:2].isdigit()
        ):
            joined[-1] += "=" + arg
        else:
            joined.append(arg)
    return joined


def describe_settings(settings: type[Any]) -> list[tuple[str, str]]:
    """Return each option of a dataclass of settings, with what it stands for."""
    return [(_option(field), field.metadata["help"]) for field, _, _ in _fields(settings)]


def _option(field: Field[Any]) -> str:
    return "--" + field.name.replace("_", "-")


def _fields(settings: type[Any]) -> list[tuple[Field[Any], type[Any], bool]]:
    """Return the fields, each with the type of a value and whether it takes several."""
    hints = get_type_hints(settings)
    found = []
    for field in fields(settings):
        hint = hints[field.name]
        if get_origin(hint) in (Union, UnionType):
            (hint,) = (arg for arg in get_args(hint) if arg is not type(None))
        many = get_origin(hint) is tuple
        found.append((field, get_args(hint)[0] if many else hint, many))
    return found


def _value(kind: type[Any]) -> Any:
    if not issubclass(kind, Enum):
        return kind

    def member(text: str) -> Enum:
        return kind(text)

    member.__name__ = " or ".join(str(value.value) for value in kind)  # argparse names it in its error
    return member
