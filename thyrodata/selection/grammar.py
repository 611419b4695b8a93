"""The file of criteria: a YAML list of named criteria, each of one condition."""

from __future__ import annotations

import re
from collections.abc import Mapping

from thyrodata.io.raw import RawFile
from thyrodata.io.yamltext import YamlNode, parse_yaml
from thyrodata.schema.vocab import SCHEMES
from thyrodata.selection import conditions as asked
from thyrodata.selection.conditions import SCOPES, Condition, Level
from thyrodata.selection.conditiontext import CONDITIONS, member, needed, whole
from thyrodata.selection.criteria import Criterion, Sample, Step, Unknown

__all__ = ["read_criteria"]

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def read_criteria(file: RawFile, columns: Mapping[str, Level]) -> tuple[Step, ...]:
    """Return the criteria of a file, in their order.

    Args:
        file: The file.
        columns: The columns of the clinical tables, and what their rows are of.

    Raises:
        CaseError: The file cannot be read.
        RawLayoutError: It is broken, or says what cannot be; ``where`` is the line.
    """
    root = parse_yaml(file.read(), str(file), "compare it with the examples of docs/curation/select.md")
    said = root.mapping("the file", ("criteria",))
    if "criteria" not in said or not said["criteria"].items("criteria"):
        root.fail("there are no criteria", "write 'criteria:' and, below it, '- name: ...'")
    return tuple(_step(node, columns) for node in said["criteria"].items("criteria"))


def _step(node: YamlNode, columns: Mapping[str, Level]) -> Step:
    said = node.mapping("a criterion", ("name", "level", "require", "exclude", "sample", "unknown"))
    name = needed(node, said, "name", "a criterion").text("name")
    if not _NAME.fullmatch(name):
        said["name"].fail("a name is too long, or has a line break in it", "write at most 200 characters")
    verbs = [verb for verb in ("require", "exclude", "sample") if verb in said]
    if len(verbs) != 1:
        node.fail(
            f"{name!r} has {len(verbs)} of require, exclude and sample",
            "give each criterion one of them, and a name of its own",
        )
    if verbs == ["sample"]:
        for key in ("level", "unknown"):
            if key in said:
                said[key].fail(
                    f"a sample has no {key!r}", "whole groups are drawn, by classes that are known"
                )
        return _sample(name, node, said["sample"])
    inner = said[verbs[0]].mapping(verbs[0], tuple(CONDITIONS))
    if len(inner) != 1:
        said[verbs[0]].fail(f"{name!r} has {len(inner)} conditions", "write one criterion for each condition")
    ((key, value),) = inner.items()
    condition = CONDITIONS[key](value)
    level = _level(node, said, key, condition, columns)
    _check_scope(value, condition, level)
    return Criterion(
        name=name,
        level=level,
        condition=condition,
        required=verbs == ["require"],
        unknown=_unknown(node, said, key, condition),
        where=node.where,
    )


def _level(
    node: YamlNode, said: Mapping[str, YamlNode], key: str, condition: Condition, columns: Mapping[str, Level]
) -> Level:
    levels: tuple[Level, ...] = condition.levels
    if isinstance(condition, asked.ColumnIs | asked.ColumnIn):
        if condition.name not in columns:
            node.fail(
                f"no table has the column {condition.name!r}",
                f"give one with --table; its columns are: {', '.join(columns) or 'none as yet'}",
            )
        levels = (columns[condition.name],)
    known = {level.value: level for level in levels}
    if "level" in said:
        return known[said["level"].choice(f"level of {key}", known)]
    if len(known) > 1:
        node.fail(f"{key!r} may be asked of several things", f"write 'level: {' or '.join(known)}'")
    return levels[0]


def _unknown(node: YamlNode, said: Mapping[str, YamlNode], key: str, condition: Condition) -> Unknown | None:
    if condition.certain:
        if "unknown" in said:
            said["unknown"].fail(f"{key!r} is never unknown", "leave 'unknown' out")
        return None
    if "unknown" not in said:
        node.fail(
            f"{key!r} may be unknown, and what is done then is not said",
            "write 'unknown: exclude', 'unknown: keep' or 'unknown: stop'",
        )
    return member(said["unknown"], "unknown", Unknown)


def _check_scope(node: YamlNode, condition: Condition, level: Level) -> None:
    if isinstance(condition, asked.HasLabel) and condition.of and condition.of not in SCOPES[level]:
        can = " or ".join(sorted(scope.value for scope in SCOPES[level]))
        node.fail(
            f"a label of the {condition.of.value} is none of a {level.value}",
            f"write 'of: {can}', or 'level: patient'",
        )


def _sample(name: str, step: YamlNode, node: YamlNode) -> Sample:
    said = node.mapping("sample", ("groups", "per", "seed"))
    return Sample(
        name=name,
        groups=whole(needed(node, said, "groups", "sample"), "groups", least=1),
        per=said["per"].choice("scheme", SCHEMES) if "per" in said else None,
        seed=whole(needed(node, said, "seed", "sample"), "seed"),
        where=step.where,
    )
