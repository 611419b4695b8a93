"""The Responsible AI fields of Croissant (MLCommons, Croissant RAI 1.0), from what is known of a dataset."""

from __future__ import annotations

from typing import Any

from thyrodata.exports.about import statements as say
from thyrodata.exports.about.partstables import missing
from thyrodata.exports.about.provenance import Provenance, SourceFacts
from thyrodata.schema.card import Verified

__all__ = ["rai"]

_NOT_STATED = "not stated"


def rai(about: Provenance) -> dict[str, Any]:
    """Return the properties by their names. What nobody has stated is ``not stated``.

    ``rai:dataCollectionTimeframe`` is left out, since its values are dates, and none is known.
    """
    known = [*say.limitations(about), *say.quality(about)]
    return {
        "rai:dataCollection": " ".join(say.summary(about)),
        "rai:dataCollectionType": sorted({_collected(each) for each in about.sources}) or [_NOT_STATED],
        "rai:dataCollectionMissingData": "; ".join(missing(about)) or _NOT_STATED,
        "rai:dataCollectionRawData": "; ".join(each.card.title for each in about.sources) or _NOT_STATED,
        "rai:dataImputationProtocol": "No value was imputed: null is what a source does not say.",
        "rai:dataPreprocessingProtocol": [*say.operations(about)],
        "rai:dataManipulationProtocol": " ".join(say.operations(about)),
        "rai:dataAnnotationProtocol": " ".join(
            [*say.drawn(about), *say.labels(about), *say.absences(about), *say.caveats(about)]
        ),
        "rai:dataAnnotationPlatform": [_NOT_STATED],
        "rai:dataAnnotationAnalysis": [*say.readers(about)],
        "rai:annotationsPerItem": say.reading(about),
        "rai:annotatorDemographics": [*say.of_sources(about, lambda each: each.card.readers)]
        or [_NOT_STATED],
        "rai:machineAnnotationTools": [_NOT_STATED],
        "rai:dataUseCases": [
            "Research on detection, segmentation and classification; not for any decision on a patient."
        ],
        "rai:dataBiases": [*say.grouping(about), *say.splitting(about)],
        "rai:dataLimitations": known or [_NOT_STATED],
        "rai:dataSocialImpact": _NOT_STATED,
        "rai:personalSensitiveInformation": [
            *(f"Consent: {text}" for text in say.of_sources(about, lambda each: each.card.consent)),
            *(f"Ethics: {text}" for text in say.of_sources(about, lambda each: each.card.ethics)),
            "Health data of people, with sex and age where the sources state them.",
            *say.deidentification(about),
        ],
        "rai:dataReleaseMaintenancePlan": _NOT_STATED,
    }


def _collected(source: SourceFacts) -> str:
    """Return the term of RAI 1.0 for how data came here: how users came by data of their own is not known."""
    return "Others" if source.card.verified is Verified.FORMAT else "Secondary Data analysis"
