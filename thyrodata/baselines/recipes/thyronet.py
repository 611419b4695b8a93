"""The comparison of ThyroNet-X4 (Scientific Reports 2025); its own architecture is not built here."""

from __future__ import annotations

from thyrodata.baselines.recipes.architecture import Architecture, TimmClassifier, TorchvisionClassifier
from thyrodata.baselines.recipes.recipe import Endpoint, Recipe, StandIn, Task
from thyrodata.baselines.training.settings import Optimisation, Optimiser, Schedule, TrainSettings
from thyrodata.schema.vocab import Scope, TiradsKwak

__all__ = ["RECIPES", "SUSPICIOUS"]

_FROM = list(TiradsKwak).index(TiradsKwak.T4A)
SUSPICIOUS = Endpoint(
    name="TI-RADS >= 4a (Kwak), said of the case, which is not malignancy",
    scheme="tirads-kwak",
    scope=Scope.CASE,
    groups=(
        ("below 4a", tuple(str(term) for term in list(TiradsKwak)[:_FROM])),
        ("4a or above", tuple(str(term) for term in list(TiradsKwak)[_FROM:])),
    ),
    positive="4a or above",
)
"""What DDTI has in place of a pathology."""

_CHOSEN = (
    "How benign and malignant were told apart in DDTI is not known here: TI-RADS below 4a and from 4a on.",
    "The published sets hold augmented copies, of which nothing more is said: nothing is varied here.",
    "How Adam's rate of 1e-3 decays is not known here: to a tenth, when the loss stays for 10 epochs.",
    "The size of the input is not known here: 224 by 224 px.",
)


def _classifier(
    name: str, title: str, model: Architecture, *, row: str = "", stand_in: StandIn | None = None
) -> Recipe:
    return Recipe(
        name=f"thyronet/{name}",
        title=f"{title}, TI-RADS 4a or above",
        task=Task.CLASSIFICATION,
        model=model,
        endpoint=SUSPICIOUS,
        settings=TrainSettings(size=(224, 224), epochs=100, batch_size=32),
        optimisation=Optimisation(
            optimiser=Optimiser.ADAM, learning_rate=1e-3, schedule=Schedule.PLATEAU, plateau_epochs=10
        ),
        rows=(f"thyronet_x4/{row}",) if row else (),
        stand_ins=(stand_in,) if stand_in else (),
        chosen=_CHOSEN,
    )


RECIPES: tuple[Recipe, ...] = (
    _classifier(
        "resnet34", "ResNet34, the paper's baseline", TimmClassifier(name="resnet34"), row="Baseline"
    ),
    _classifier(
        "vgg16",
        "VGG-16",
        TimmClassifier(name="vgg16"),
        stand_in=StandIn(row="thyronet_x4/VGGNet", why="The depth of VGG is not stated: VGG-16 stands in."),
    ),
    _classifier("alexnet", "AlexNet", TorchvisionClassifier(name="alexnet"), row="AlexNet"),
    _classifier("googlenet", "GoogLeNet", TorchvisionClassifier(name="googlenet"), row="GoogLeNet"),
    _classifier(
        "mobilenet_v2",
        "MobileNetV2",
        TimmClassifier(name="mobilenetv2_100"),
        stand_in=StandIn(
            row="thyronet_x4/MobileNet", why="The version of MobileNet is not stated: the second stands in."
        ),
    ),
)
