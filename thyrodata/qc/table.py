"""The one table of rules, and how some of them are chosen."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module

from thyrodata.errors import UsageError
from thyrodata.qc.rule import Rule

__all__ = ["MODULES", "all_rules", "choose_rules"]

MODULES = (
    "cases",
    "clinical",
    "colour",
    "duplicates",
    "edges",
    "geometry",
    "labels",
    "leakage",
    "markers",
    "outlines",
    "privacy",
    "quality",
    "sizes",
    "written",
)
"""The modules that have a tuple ``RULES``. What a code begins with says of what its rule is: TD1 geometry,
TD2 markers, TD3 duplicates and leakage, TD4 labels, TD5 image quality, TD6 privacy."""


@cache
def all_rules() -> tuple[Rule, ...]:
    """Return every rule, in the order of the codes."""
    found = (rule for name in MODULES for rule in import_module(f"thyrodata.qc.{name}").RULES)
    return tuple(sorted(found, key=lambda rule: rule.code))


def choose_rules(select: Iterable[str] = (), ignore: Iterable[str] = ()) -> tuple[Rule, ...]:
    """Return the rules that codes and beginnings of codes choose; by default all.

    Of two that fit a rule the longer one holds, and of two equal ones the one that ignores: ``TD1`` with
    ``TD101`` ignored is all of geometry but one, and ``TD101`` with ``TD1`` ignored is that one. So ruff
    reads its own.

    Args:
        select: ``TD1``, ``TD201``; none is all.
        ignore: Likewise; none is none.

    Raises:
        UsageError: No rule begins like one of them, or none is left.
    """
    chosen, ignored = tuple(select) or ("TD",), tuple(ignore)
    for prefix in (*chosen, *ignored):
        if not prefix or not any(rule.code.startswith(prefix) for rule in all_rules()):
            raise UsageError(f"no rule's code begins with {prefix!r}", hint="see `thyrodata qc rules`")
    left = tuple(rule for rule in all_rules() if _fit(rule, chosen) > _fit(rule, ignored))
    if not left:
        raise UsageError("every rule that is selected is ignored", hint="see `thyrodata qc rules`")
    return left


def _fit(rule: Rule, prefixes: tuple[str, ...]) -> int:
    """Return the length of the longest prefix that a rule's code begins with; 0 if there is none."""
    return max((len(prefix) for prefix in prefixes if rule.code.startswith(prefix)), default=0)
