"""The card of a dataset on the Hugging Face Hub: its front matter, and the sections of the Hub's template.

Counts of this copy are measured; what a publication states stands beside them and is never mixed with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from thyrodata.exports.about import statements as say
from thyrodata.exports.about.partstables import parts
from thyrodata.exports.about.provenance import Provenance
from thyrodata.exports.hub.columns import HubColumn, hub_columns
from thyrodata.exports.hub.front import hub_metadata
from thyrodata.exports.hub.tree import Shard
from thyrodata.io.frontmatter import front_matter
from thyrodata.io.markdown import bullets, chapter, table
from thyrodata.schema.card import Counts

__all__ = ["hub_card"]

_TASKS = {
    "image-classification": "classification by the labels of cases or images",
    "image-segmentation": "segmentation of what is outlined",
    "object-detection": "detection of what is outlined",
}
_DEFAULT = "default"
_REPOSITORY = "org/name"
_COUNTED = ("patients", "cases", "images", "outlines")


def hub_card(
    about: Provenance,
    shards: Sequence[Shard],
    *,
    features: Sequence[Mapping[str, Any]],
    configs: Sequence[Mapping[str, Any]],
    dataset_info: Sequence[Mapping[str, Any]],
    gated_terms: str | None,
    tasks: Sequence[str],
    reader: str | None = None,
    answered_for: Sequence[str] = (),
) -> bytes:
    """Return ``README.md`` of a dataset on the Hub.

    Args:
        about: The dataset.
        shards: Its Parquet files.
        features: The columns, as ``dataset_info`` has them.
        configs: The Hub's ``configs``.
        dataset_info: The Hub's ``dataset_info``, a mapping for each config.
        gated_terms: What a reader has to agree to, if anything.
        tasks: The Hub's task categories, such as ``object-detection``.
        reader: Whose findings ``objects`` and ``masks`` show; ``None`` where nothing was exported.
        answered_for: What stood against publishing and was accepted by name, a sentence each.
    """
    front = hub_metadata(
        about, configs=configs, dataset_info=dataset_info, gated_terms=gated_terms, tasks=tasks
    )
    body = [
        *_details(about, answered_for),
        *_uses(about, tasks, configs),
        *_structure(about, shards, hub_columns(features), dataset_info, reader),
        *_creation(about),
        *_closing(about),
    ]
    return (front_matter(front) + "\n" + "\n".join(body) + "\n").encode()


def _details(about: Provenance, answered_for: Sequence[str]) -> Iterator[str]:
    yield from (f"# {about.title}", "", " ".join(say.summary(about)), "")
    yield from ("## Dataset Details", "", "### Dataset Description", "")
    yield from bullets([*say.grouping(about), *say.absences(about), *say.caveats(about)])
    yield from ("", "### Dataset Sources", "")
    header = ("source", "licence", "passing it on", "access", "link")
    yield from table(
        header,
        [
            (
                each.card.title,
                each.licence,
                each.card.redistribution.value,
                each.card.access,
                each.link or "",
            )
            for each in about.sources
        ],
    )
    yield ""
    if len(about.sources) > 1:
        yield from ("Each image stays under the licence and terms of its own source.", "")
    if answered_for:
        yield from ("What stood against publishing, and whoever published it answers for:", "")
        yield from (*bullets(answered_for), "")


def _uses(about: Provenance, tasks: Iterable[str], configs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("## Uses", "", "### Direct Use", "")
    yield from bullets([f"research on {_TASKS.get(task, task)}" for task in tasks] or ["research"])
    yield from ("", *_snippet(configs), "")
    yield from ("### Out-of-Scope Use", "")
    yield from bullets(
        [
            "Diagnosis, or any decision on a patient: nobody has validated the dataset for that.",
            "Finding out who a patient is, alone or by linking it with other data.",
            "Training with images as negatives that nobody said to be negative.",
            *say.caveats(about),
        ]
    )
    yield ""


def _snippet(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    names = [config["config_name"] for config in configs]
    if not names:
        return []
    chosen = next((config for config in configs if config["config_name"] != _DEFAULT), configs[0])
    split = chosen["data_files"][0]["split"]
    call = f'load_dataset("{_REPOSITORY}", "{chosen["config_name"]}", split="{split}")'
    return [
        "```python",
        "from datasets import load_dataset",
        "",
        f"images = {call}",
        "```",
        "",
        f"In place of `{_REPOSITORY}` stands the name of this repository, or a folder that holds a copy.",
        f"Configs: {', '.join(f'`{name}`' for name in names)}.",
    ]


def _structure(
    about: Provenance,
    shards: Iterable[Shard],
    columns: Iterable[HubColumn],
    dataset_info: Iterable[Mapping[str, Any]],
    reader: str | None,
) -> Iterator[str]:
    yield from ("## Dataset Structure", "", "A row is an image.", "")
    if reader is not None:
        yield from (
            f"`objects` and `masks` show the findings of {say.named(reader)}; `findings` has all.",
            "",
        )
    rows = [
        (info.get("config_name", _DEFAULT), split["name"], split["num_examples"])
        for info in dataset_info
        for split in info.get("splits", ())
    ]
    if rows:
        yield from (*table(("config", "split", "images"), rows), "")
    unread = sum(shard.rows for shard in shards if not shard.read)
    if unread:
        yield from (
            f"{unread:,} images are neither outlined nor negatives, or have no file. They stand in shards of",
            "their own; their `objects` are null, not empty.",
            "",
        )
    explained = [row for column in columns for row in _column(column, "")]
    if explained:
        yield from (*table(("column", "type", "what it is"), explained), "")
    yield from ("### Splits", "", *bullets(say.splitting(about)), "")
    yield from parts(about)
    yield ""


def _column(column: HubColumn, within: str) -> Iterator[tuple[str, str, str]]:
    """Yield the rows that explain a column, and those members of it that are explained one by one."""
    kind = f"list of {column.kind}" if column.many else column.kind
    classes = f": {', '.join(f'{n} = {name}' for n, name in enumerate(column.classes))}"
    yield (f"`{within}{column.name}`", kind, column.meaning + (classes if column.classes else ""))
    for member in column.members:
        if member.meaning:
            yield from _column(member, f"{within}{column.name}.")


def _creation(about: Provenance) -> Iterator[str]:
    yield from ("## Dataset Creation", "", "### Curation Rationale", "")
    yield from ("Not stated; for the curators to answer.", "")
    yield from ("### Source Data", "", "#### Data Collection and Processing", "")
    yield from (*bullets(say.operations(about)), "")
    for each in about.sources:
        yield from (f"##### {each.card.title}", "", *chapter(each.prose, below=5), "")
        yield from (f"What its converter was tried on: {each.card.verified.value}.", "")
    yield from ("#### Who are the source data producers?", "")
    yield from (*bullets([each.card.citation for each in about.sources] or ["not stated"]), "")
    yield from ("### Annotations", "", "#### Annotation process", "")
    yield from (*bullets([*say.drawn(about), *say.labels(about), *say.absences(about)]), "")
    yield from ("#### Who are the annotators?", "", *bullets(say.readers(about)), "")
    yield from ("#### Personal and Sensitive Information", "")
    terms = [
        *(f"Consent: {text}" for text in say.of_sources(about, lambda each: each.card.consent)),
        *(f"Ethics: {text}" for text in say.of_sources(about, lambda each: each.card.ethics)),
    ]
    yield from (*bullets([*terms, *say.deidentification(about)]), "")


def _closing(about: Provenance) -> Iterator[str]:
    yield from ("## Bias, Risks, and Limitations", "")
    yield from (*bullets([*say.limitations(about), *say.quality(about)]), "")
    yield from ("### Counts", "", "Measured on this copy:", "")
    counted = [
        (count.what.replace("-", " "), count.value or "all", count.n) for count in about.manifest.counts
    ]
    yield from (*table(("what", "value", "n"), counted), "")
    published = [
        (each.card.title, who, *_counts(counts))
        for each in about.sources
        for who, counts in (
            *(("as published", counts) for counts in each.card.published),
            *((("counted on the release's files", each.card.measured),) if each.card.measured else ()),
        )
    ]
    if published:
        yield from ("Of the whole releases, which this copy may hold only a part of:", "")
        yield from (*table(("source", "by whom", *_COUNTED), published), "")
    yield from ("### Recommendations", "")
    yield from (*bullets(say.recommendations(about)), "")
    yield from ("## Citation", "")
    for each in about.sources:
        fence = ["```bibtex", each.card.citation, "```"] if each.card.citation.startswith("@") else []
        yield from (*(fence or bullets([each.card.citation])), "")
    yield from ("## More Information", "")
    yield (
        f"Written by thyrodata {about.thyrodata}. `thyrodata/` holds the dataset without its images, and "
        "`datasheet.md`, `claim.md` and `croissant.json` say more. "
        f"SHA-256 of the dataset's checksums: `{about.sha256}`."
    )


def _counts(counts: Counts) -> list[str]:
    return ["" if (n := getattr(counts, what)) is None else f"{n:,}" for what in _COUNTED]
