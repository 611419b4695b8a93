"""The card of a model: the sections of Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019).

It says what is known of one training, and that something is not known where it is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from thyrodata import __version__
from thyrodata.baselines.cost import Cost
from thyrodata.baselines.evaluation import Repeated
from thyrodata.baselines.exporting.checking import Agreed
from thyrodata.baselines.exporting.facts import RunFacts
from thyrodata.baselines.exporting.terms import SourceTerms
from thyrodata.baselines.exporting.usage import usage
from thyrodata.baselines.recipes import Task
from thyrodata.baselines.tables.grid import READING, shown
from thyrodata.baselines.training.settings import Fit
from thyrodata.io.frontmatter import front_matter
from thyrodata.io.markdown import bullets, table

__all__ = ["ModelAbout", "model_card"]

_PIPELINES = {
    Task.CLASSIFICATION: "image-classification",
    Task.SEGMENTATION: "image-segmentation",
    Task.DETECTION: "object-detection",
}
_NOT_EVALUATED = "Not evaluated: no predictions of it were given when this card was written."


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAbout:
    """All that the card is made from."""

    facts: RunFacts
    classes: tuple[str, ...]
    """What the graph's outputs stand for, in their order."""
    size: tuple[int, int]
    """(height, width) of the input, in pixels."""
    fit: Fit
    weights_sha256: str
    """Of the file of weights."""
    cost: Cost
    evaluated: Repeated | None
    """``None`` where no predictions were given."""
    terms: tuple[SourceTerms, ...] | None
    """``None`` where the dataset was not given."""


def model_card(about: ModelAbout, agreed: Sequence[Agreed]) -> str:
    """Return the card as Markdown, with the front matter that the Hugging Face Hub reads.

    Args:
        about: The model.
        agreed: How far its graph differs from it.
    """
    facts = about.facts
    front = {
        "library_name": "onnx",
        "pipeline_tag": _PIPELINES[facts.recipe.task],
        "license": "other",
        "license_name": "not-stated",
        "tags": ["medical", "radiology", "thyrodata"],
    }
    sections = {
        "Model Details": _details(about, agreed),
        "Intended Use": _uses(facts),
        "How to Use": _how(about),
        "Factors": _factors(),
        "Metrics": _metrics(),
        "Evaluation Data": _evaluation_data(about),
        "Training Data": _training_data(about),
        "Quantitative Analyses": _analyses(about),
        "Ethical Considerations": _ethics(about.terms),
        "Caveats and Recommendations": _caveats(about),
    }
    lines = [f"# {facts.recipe.title}", "", "A model for research. It is no medical device."]
    for heading, body in sections.items():
        lines += ["", f"## {heading}", "", *body]
    return front_matter(front) + "\n" + "\n".join(lines) + "\n"


def _details(about: ModelAbout, agreed: Sequence[Agreed]) -> Iterator[str]:
    facts, cost = about.facts, about.cost
    recipe = facts.recipe
    yield from bullets(
        [
            f"Recipe `{recipe.name}` of thyrodata {__version__}, a {recipe.task.value}: `{recipe.model!r}`.",
            f"It tells apart: {facts.target}.",
            f"Classes, in the order of its outputs: {', '.join(about.classes)}.",
            f"Input: {about.size[0]} x {about.size[1]} px (height x width), fit: {about.fit.value}.",
            f"Trained with seed {facts.seed}; of {facts.epochs} epochs number {facts.best_epoch} is kept.",
            _begun(facts),
            f"SHA-256 of the weights that the graph was made from: `{about.weights_sha256}`.",
            "Licence of the weights: not stated. They are made of the training data, whose terms hold.",
            *(f"Stands for the printed row `{row}`." for row in recipe.rows),
            *(f"Stands in for the printed row `{each.row}`. {each.why}" for each in recipe.stand_ins),
        ]
    )
    yield ""
    yield from table(
        ("cost of one image", "value"),
        [
            ("parameters", f"{cost.parameters:,}"),
            ("multiply-accumulate operations", f"{cost.macs:,}"),
            ("file of weights", f"{cost.weights_bytes:,} bytes"),
            ("latency in torch", f"{cost.latency_ms:.1f} ms, {cost.measured_on}"),
        ],
    )
    yield ""
    differ = ", ".join(
        f"{each.output} by {each.difference:.1e} at most ({each.tolerance:g} was allowed)" for each in agreed
    )
    yield f"The graph was compared with the model in torch when it was made: they differ in {differ}."


def _begun(facts: RunFacts) -> str:
    digest = facts.pretrained_sha256
    if digest is None:
        return "First weights: the settings of the training name no file of them."
    return f"First weights: of a file or folder with SHA-256 `{digest}`, whose own licence and data hold too."


def _uses(facts: RunFacts) -> Iterator[str]:
    yield from bullets(
        [
            "Use: research, and comparison with other models on the same images.",
            "Not for diagnosis, nor for any decision on a patient: nobody has validated it for that.",
            *(
                ["Not for malignancy: a TI-RADS category is a grade of suspicion, and no pathology."]
                if facts.suspicion
                else []
            ),
            "Not for images of another kind than it learnt: other organs, modalities, or whole screens.",
            "Not for what is none of the classes above: it is taken for one of them all the same.",
        ]
    )


def _how(about: ModelAbout) -> Iterator[str]:
    yield "With onnxruntime, numpy and Pillow, in the folder of this card:"
    yield from ("", "```python", usage(about.facts.recipe.task, about.fit).rstrip("\n"), "```")


def _factors() -> Iterator[str]:
    strata = "`thyrodata baseline evaluate PREDICTIONS --data DATA --by AXIS`"
    yield from bullets(
        [
            "Images differ by device, hospital, operator and patient.",
            f"Which of these the figures depend on, only strata tell: {strata}.",
            "Calipers and other marks in images can give a finding away, and a model can learn them.",
        ]
    )


def _metrics() -> Iterator[str]:
    yield from bullets(
        [
            *READING[:-1],
            "Each definition stands in the documentation of thyrodata.baselines.metrics, with its source.",
        ]
    )


def _evaluation_data(about: ModelAbout) -> Iterator[str]:
    facts, evaluated = about.facts, about.evaluated
    if evaluated is None:
        yield _NOT_EVALUATED
        return
    yield (
        f"The part {evaluated.part} of the split {evaluated.split} of {evaluated.dataset}: "
        f"{evaluated.images:,} images of {evaluated.groups:,} groups."
    )
    learnt = (facts.dataset, facts.split) == (evaluated.dataset, evaluated.split)
    if learnt and evaluated.part in {part.name for part in facts.parts}:
        yield "The training looked at this part: its figures flatter, and say nothing of other images."


def _training_data(about: ModelAbout) -> Iterator[str]:
    facts = about.facts
    chosen = (
        f"the part {facts.validation} chose the epoch" if facts.validation else "its loss chose the epoch"
    )
    yield (
        f"{facts.dataset}, split {facts.split}: the part {facts.training} was learnt, and {chosen}. "
        f"SHA-256 of its records: `{facts.records_sha256}`."
    )
    if facts.leaks is not None:
        yield f"Leaks between parts of the split that were accepted: {facts.leaks}."
    yield ""
    yield from table(
        ("part", "images", "groups", "images of each class", "left out"),
        [
            (part.name, part.images, part.groups, _counted(part.images_of), _counted(part.left_out))
            for part in facts.parts
        ],
    )
    yield ""
    yield from bullets(f"{name}: {', '.join(terms)}" for name, terms in facts.groups)
    yield ""
    if about.terms is None:
        yield "Terms of the images: not looked up; they stand in the card of the dataset."
        return
    yield from table(
        ("source", "licence", "passing it on", "access"),
        [(each.title, each.licence, each.redistribution, each.access) for each in about.terms],
    )
    yield from ("", *bullets(each.citation for each in about.terms))


def _counted(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name}: {n:,}" for name, n in counts) or "none"


def _analyses(about: ModelAbout) -> Iterator[str]:
    evaluated = about.evaluated
    if evaluated is None:
        yield _NOT_EVALUATED
        said = ", ".join(f"{name} {value:.3f}" for name, value in about.facts.figures)
        if said:
            yield (
                f"Of the part that chose the epoch, which flatters: {said}. That is of one training, and has "
                "no interval."
            )
        return
    seeds = ", ".join(str(seed) for seed in evaluated.seeds)
    yield from bullets([f"Seeds: {seeds}; this model is of seed {about.facts.seed}.", *evaluated.notes])
    yield ""
    rows = [
        (level.of, figure.name, shown(figure), figure.runs[0].units, figure.runs[0].undefined)
        for level in evaluated.levels
        for figure in level.figures
        if figure.mean is not None
    ]
    yield from table(("of", "figure", "value", "units", "undefined"), rows)


def _ethics(terms: Sequence[SourceTerms] | None) -> Iterator[str]:
    yield from bullets(
        [
            "The images are of patients. What weights keep of them was not examined.",
            *(f"{each.title}: consent: {each.consent}; ethics: {each.ethics}." for each in terms or ()),
            *(["Consent and ethics: not looked up; see the card of the dataset."] if terms is None else []),
        ]
    )


def _caveats(about: ModelAbout) -> Iterator[str]:
    yield from bullets(
        [
            "It is one training of a recipe: another seed gives another model.",
            "Its probabilities were not calibrated.",
            *about.facts.recipe.chosen,
            "Before any use on other images: evaluate it on them, with their groups and their prevalence.",
        ]
    )
