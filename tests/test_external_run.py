"""A baseline that was trained, evaluated on a dataset that it never saw."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="make trainers installs it")

import torch

from tests.test_external import jpeg, picture
from tests.toy import converted_release, graded, make_dataset, record
from thyrodata.dataset import Dataset
from thyrodata.schema.record import OfficialSplit

torch.set_num_threads(1)

RECIPE = "thyronet/mobilenet_v2"

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit", "ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return converted_release(tmp_path_factory.mktemp("data"))


def clinic(folder, images):
    """Images of other patients, half of them of grade 2. Its publisher learnt from all."""
    records = [
        record(
            name,
            image=pixels,
            case_labels=graded("2" if n % 2 else "5"),
            official_splits=(OfficialSplit(part="train"),),
        )
        for n, (name, pixels) in enumerate(images.items())
    ]
    sized = [replace(each, image=replace(each.image, width=160, height=120)) for each in records]
    return make_dataset(folder, sized, {f"images/{name}.jpg": pixels for name, pixels in images.items()})


def test_a_trained_baseline_is_evaluated_on_another_clinics_images(data, tmp_path, command):
    run, out = tmp_path / "run", tmp_path / "p.parquet"
    small = ("--epochs", "1", "--batch-size", "4", "--device", "cpu")
    ran = command("baseline", "train", data, RECIPE, "-o", run, *small)
    assert ran.code == 0, ran.err
    other = clinic(tmp_path / "clinic", {f"o{n}": jpeg(picture(n)) for n in range(4)})
    asked = ("--trained-on", data, "--split", "official", "--part", "all", "--resamples", "100", "--json")
    ran = command("baseline", "evaluate", run, "--on", other.path, *asked, "-o", out)
    assert ran.code == 0, ran.err
    said = json.loads(ran.out)
    assert (said["dataset"], said["trained_on"], said["images"]) == ("toy", "ddti", 4)
    assert (said["shared"]["shared"], said["shared"]["evaluated"]) == (0, 4)
    assert out.exists()
    learnt = next(
        image_id
        for line in (data / "splits/default.csv").read_text().splitlines()
        for image_id, _, part in [line.split(",")]
        if part == "train"
    )
    path = next(each.image.path for each in Dataset(data).records() if each.image_id == learnt)
    images = {"copy": (data / path).read_bytes(), "o1": jpeg(picture(1))}
    copied = clinic(tmp_path / "copied", images)
    ran = command("baseline", "evaluate", run, "--on", copied.path, *asked)
    assert ran.code == 1
    assert f"evaluated toy/copy and learnt {learnt} (byte-identical" in ran.err
