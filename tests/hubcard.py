"""What the Hub's ``validate-yaml`` asks of a dataset's card, as far as it is published.

Checked are: the front matter is there and is a mapping without a key that stands twice; ``license`` is of the
identifiers that the Hub's own refusal lists (huggingface_hub issue 4218, May 2026), or a list of them, and
``license_name`` goes with ``other`` alone (docs/hub/repositories-licenses.md); ``task_categories`` are of
huggingface.js ``packages/tasks/src/pipelines.ts`` (those of images, and a few more); ``size_categories`` are
of ``datasets/utils/resources/size_categories.json``; ``pretty_name`` is a text, ``tags`` and the like are
lists of texts; ``language`` are codes of two or three letters; ``configs`` and ``dataset_info`` have the form
of hub-docs ``datasetcard.md``, with no name twice, one default at most, and the splits of ``dataset_info``
among those of the config of its name; fields of a gate are texts, and each of ``extra_gated_fields`` has a
type of docs/hub/datasets-gated.md.

Not checked, since nobody has published how the Hub does it: features, ``source_datasets``, ``task_ids``,
lengths, whether a code is a language, and that files match the patterns of ``data_files``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml

__all__ = ["card_errors", "front_matter"]

LICENSES = frozenset(
    re.findall(
        r"\S+",
        """apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc
    cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1
    eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research
    lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl openmdw-1.0 openrail++ osl-3.0 postgresql
    ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license
    fair-noncommercial-research-license llama2 llama3
    llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown other""",
    )
)
TASKS = frozenset(
    re.findall(
        r"\S+",
        """image-classification object-detection image-segmentation text-to-image image-to-text image-to-image
    unconditional-image-generation depth-estimation video-classification mask-generation
    zero-shot-image-classification zero-shot-object-detection image-feature-extraction keypoint-detection
    visual-question-answering tabular-classification tabular-regression other""",
    )
)
SIZES = frozenset(
    re.findall(
        r"\S+",
        """unknown n<1K 1K<n<10K 10K<n<100K 100K<n<1M 1M<n<10M 10M<n<100M 100M<n<1B 1B<n<10B 10B<n<100B
    100B<n<1T n>1T""",
    )
)
LISTS = ("tags", "task_categories", "task_ids", "size_categories", "annotations_creators", "source_datasets")
TEXTS = ("pretty_name", "license_name", "license_link", "paperswithcode_id", "extra_gated_prompt")
GATES = ("extra_gated_heading", "extra_gated_description", "extra_gated_button_content")
FIELD_TYPES = frozenset({"text", "checkbox", "date_picker", "country", "select"})


class _Strict(yaml.SafeLoader):
    pass


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = Counter(loader.construct_object(key, deep=True) for key, _ in node.value)
    twice = [key for key, n in keys.items() if n > 1]
    if twice:
        raise yaml.YAMLError(f"duplicated mapping key {twice[0]!r}")
    return loader.construct_mapping(node, deep=True)


_Strict.add_constructor("tag:yaml.org,2002:map", _mapping)


def front_matter(content: str) -> dict[str, Any]:
    """Return a card's metadata."""
    found = re.match(r"---\n(.*?)\n---(\n|\Z)", content, re.DOTALL)
    value = yaml.load(found[1], Loader=_Strict) if found else None  # noqa: S506 -- it is a SafeLoader
    if not isinstance(value, dict):
        raise yaml.YAMLError("the YAML front matter is no mapping")
    return value


def card_errors(content: str) -> list[str]:
    """Return what the Hub would refuse."""
    try:
        card = front_matter(content)
    except yaml.YAMLError as error:
        return [str(error)]
    return [*_plain(card), *_licence(card), *_configs(card), *_infos(card), *_gate(card)]


def _plain(card: dict[str, Any]) -> Iterator[str]:
    for name in (*TEXTS, *GATES):
        if not isinstance(card.get(name, ""), str):
            yield f'"{name}" must be a string'
    for name in LISTS:
        if not _texts(card.get(name, [])):
            yield f'"{name}" must be an array of strings'
    for name, allowed in (("task_categories", TASKS), ("size_categories", SIZES)):
        values = card.get(name, [])
        yield from (
            f'"{name}[{i}]" must be one of {sorted(allowed)}'
            for i, value in enumerate(values if isinstance(values, list) else [])
            if value not in allowed
        )
    languages = card.get("language", [])
    for code in languages if isinstance(languages, list) else [languages]:
        if not isinstance(code, str) or not re.fullmatch("[a-z]{2,3}|code|multilingual", code):
            yield f'"language" must only contain lowercase characters: {code!r}'


def _licence(card: dict[str, Any]) -> Iterator[str]:
    values = card.get("license", [])
    values = values if isinstance(values, list) else [values]
    if any(value not in LICENSES for value in values):
        yield f'"license" must be one of {sorted(LICENSES)}'
    if "license_name" in card and "other" not in values:
        yield '"license_name" is only allowed where "license" is "other"'


def _configs(card: dict[str, Any]) -> Iterator[str]:
    configs = card.get("configs", [])
    if not isinstance(configs, list) or not all(isinstance(each, dict) for each in configs):
        yield '"configs" must be an array of objects'
        return
    names = [each.get("config_name") for each in configs]
    if not _texts(names) or len(set(names)) < len(names):
        yield '"configs" must each have a "config_name" of their own'
    if sum(each.get("default", False) for each in configs) > 1:
        yield '"configs" must have one default at most'
    for each in configs:
        files = each.get("data_files", "*")
        patterns = files if isinstance(files, list) else [files]
        for entry in patterns:
            given = [entry.get("split"), *_listed(entry.get("path"))] if isinstance(entry, dict) else [entry]
            if not _texts(given) or (isinstance(entry, dict) and set(entry) != {"split", "path"}):
                yield f'"data_files" of {each.get("config_name")} must be patterns, or splits and paths'
            if isinstance(entry, dict) and not re.fullmatch(r"\w+(\.\w+)*", str(entry.get("split"))):
                yield f"{entry.get('split')!r} is no name of a split"


def _infos(card: dict[str, Any]) -> Iterator[str]:
    configs = card.get("configs") or []
    splits = {
        each.get("config_name"): {entry["split"] for entry in each.get("data_files", []) if "split" in entry}
        for each in (configs if isinstance(configs, list) else [])
        if isinstance(each, dict) and isinstance(each.get("data_files"), list)
    }
    infos = _listed(card.get("dataset_info", []))
    names = [info.get("config_name", "default") if isinstance(info, dict) else None for info in infos]
    if not _texts(names) or len(set(names)) < len(names):
        yield '"dataset_info" must be objects, each with a "config_name" of its own'
        return
    for name, info in zip(names, infos, strict=True):
        if not isinstance(info.get("features", []), list):
            yield f'"features" of {name} must be an array'
        for split in info.get("splits", []):
            counts = [split.get("num_examples", 0), split.get("num_bytes", 0)]
            if not all(isinstance(n, int) and n >= 0 for n in counts):
                yield f"the counts of {name} must be numbers"
            if name in splits and split.get("name") not in splits[name]:
                yield f"{split.get('name')!r} is no split of {name}"


def _gate(card: dict[str, Any]) -> Iterator[str]:
    fields = card.get("extra_gated_fields", {})
    if not isinstance(fields, dict):
        yield '"extra_gated_fields" must be an object'
        return
    for name, kind in fields.items():
        if (kind.get("type") if isinstance(kind, dict) else kind) not in FIELD_TYPES:
            yield f'"extra_gated_fields.{name}" must be one of {sorted(FIELD_TYPES)}'


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
