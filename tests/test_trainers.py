"""What trainers read: each export by its own consumer, against the dataset's files and COCO's own reader.

They are installed in an environment of their own (``make trainers``); where one is missing, its tests are
skipped.
"""

from __future__ import annotations

import importlib
import io
import json
import pickle
import shutil
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from curated import make_parent
from lxml import etree
from PIL import Image
from pycocotools import mask as coco_mask
from toy import finding, graded, make_dataset, record

from thyrodata import export
from thyrodata.conversion import convert
from thyrodata.dataset import Dataset
from thyrodata.errors import MissingExtraError, UsageError
from thyrodata.exports import settings_class
from thyrodata.exports.classes import ClassScope, ImageClass
from thyrodata.exports.ledger import LOSSES
from thyrodata.exports.view import view
from thyrodata.exports.windows import AllBits, parse_window
from thyrodata.io.masks import encode_mask
from thyrodata.io.png import encode_png
from thyrodata.schema.geometry import Box
from thyrodata.schema.record import ImageRef, OfficialSplit, Reading
from thyrodata.schema.vocab import Coverage, Modality

pytestmark = [
    # pycocotools' own decoder hands numpy an array in the way of numpy 1.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]

ALL = tuple(LOSSES)
PARTS = ("train", "val", "test")


@pytest.fixture(scope="module")
def dataset(converted):
    """The converted release: outlines in JPEG images, and a TI-RADS of each case."""
    return Dataset(converted)


@pytest.fixture(scope="module")
def written(dataset, tmp_path_factory):
    """A function that exports the dataset once to each format, and returns the folder."""
    folder = tmp_path_factory.mktemp("written")

    def write(name, **settings):
        out = folder / name
        if not out.exists():
            export(name, dataset, out, accept=ALL, settings=settings_class(name)(**settings))
        return out

    return write


def decoded(data):
    """The pixels of an image as Pillow reads them."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.array(picture)


def annotated(dataset, part):
    """The images of a part as the dataset's own COCO file has them, each with its annotations."""
    said = json.loads((dataset.path / "annotations" / "default" / f"instances_{part}.json").read_text())
    images = {image["id"]: (image, []) for image in said["images"]}
    for annotation in said["annotations"]:
        images[annotation["image_id"]][1].append(annotation)
    return {image["image_id"]: pair for image, _ in images.values() for pair in [images[image["id"]]]}


def covered(image, annotations):
    """The pixels that a finding of an image covers, bool (height, width)."""
    height, width = image["height"], image["width"]
    pixels = np.zeros((height, width), bool)
    for annotation in annotations:
        drawn = annotation["segmentation"]
        rle = (
            drawn if isinstance(drawn, dict) else coco_mask.merge(coco_mask.frPyObjects(drawn, height, width))
        )
        pixels |= coco_mask.decode(rle).astype(bool)
    return pixels


def grades(dataset):
    """The TI-RADS of each image's case."""
    return {
        found.image_id: label.value.value
        for found in dataset.records()
        for label in found.case_labels
        if label.value.scheme == "tirads-kwak"
    }


# ---------------------------------------------------------------- COCO


def test_pycocotools_reads_the_coco_export(dataset, written, capsys):
    coco = pytest.importorskip("pycocotools.coco")
    out = written("coco")
    for part in PARTS:
        read = coco.COCO(str(out / "annotations" / f"instances_{part}.json"))
        known = annotated(dataset, part)
        assert {image["image_id"] for image in read.dataset["images"]} == set(known)
        for image in read.loadImgs(read.getImgIds()):
            assert (out / "images" / image["file_name"]).exists()
            masks = [read.annToMask(found) for found in read.loadAnns(read.getAnnIds(imgIds=image["id"]))]
            np.testing.assert_array_equal(np.any(masks, 0), covered(*known[image["image_id"]]))


# ---------------------------------------------------------------- nnU-Net


@pytest.fixture
def nnunet(monkeypatch, tmp_path):
    """A function that imports a module of nnU-Net, which is told where its folders are."""
    for name in ("raw", "preprocessed", "results"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"nnUNet_{name}", str(tmp_path / name))
    return lambda module: pytest.importorskip(f"nnunetv2.{module}")


def test_nnunet_finds_the_dataset_whole(nnunet, written, capsys):
    check = nnunet("experiment_planning.verify_dataset_integrity")
    (root,) = written("nnunet").glob("Dataset*")
    check.verify_dataset_integrity(str(root), num_processes=1)
    assert "verify_dataset_integrity Done" in capsys.readouterr().out


def test_nnunet_reads_the_pixels_and_labels_that_there_are(nnunet, dataset, written):
    reader = nnunet("imageio.natural_image_reader_writer").NaturalImage2DIO()
    (root,) = written("nnunet").glob("Dataset*")
    known = {**annotated(dataset, "train"), **annotated(dataset, "val")}
    cases = nnunet("utilities.utils").get_filenames_of_train_images_and_targets(str(root))
    assert {f"ddti/{case}" for case in cases} == set(known)
    for case, files in cases.items():
        image, annotations = known[f"ddti/{case}"]
        pixels, _ = reader.read_images(files["images"])
        stored = decoded((dataset.path / image["file_name"]).read_bytes())
        channels = stored[None] if stored.ndim == 2 else stored.transpose(2, 0, 1)
        np.testing.assert_array_equal(pixels[:, 0], channels)
        label, _ = reader.read_seg(files["label"])
        np.testing.assert_array_equal(label[0, 0] == 1, covered(image, annotations))


def test_nnunet_reads_16_bits_and_grey_among_colour(nnunet, tmp_path):
    reader = nnunet("imageio.natural_image_reader_writer").NaturalImage2DIO()
    noise = np.random.default_rng(8)
    deep = noise.integers(0, 65536, (12, 16), np.uint16)
    grey, colour = noise.integers(0, 256, (12, 16), np.uint8), noise.integers(0, 256, (12, 16, 3), np.uint8)
    for name, pictures, modality in (
        ("deep", [deep], Modality.CT),
        ("mixed", [grey, colour], Modality.ULTRASOUND),
    ):
        files = {f"images/{number}.png": encode_png(pixels) for number, pixels in enumerate(pictures)}
        records = [
            replace(
                record(str(number), finding("1", encode_mask(deep > 40_000))),
                image=ImageRef(width=16, height=12, path=path, bit_depth=16 if name == "deep" else 8),
                modality=modality,
                official_splits=(OfficialSplit(part="train"),),
            )
            for number, path in enumerate(files)
        ]
        settings = settings_class("nnunet")(window="16bit")
        out = tmp_path / name
        made = make_dataset(tmp_path / f"{name}-data", records, files)
        export("nnunet", made, out, split="official", settings=settings)
        (root,) = out.glob("Dataset*")
        for number, pixels in enumerate(pictures):
            read, _ = reader.read_images([str(root / "imagesTr" / f"{number}_0000.png")])
            wanted = (
                pixels[None] if name == "deep" else np.broadcast_to(pixels.T, (3, 16, 12)).transpose(0, 2, 1)
            )
            np.testing.assert_array_equal(read[:, 0], wanted)
            label, _ = reader.read_seg(str(root / "labelsTr" / f"{number}.png"))
            np.testing.assert_array_equal(label[0, 0], deep > 40_000)


@pytest.mark.slow
def test_nnunet_plans_preprocesses_and_trains_with_our_split(nnunet, tmp_path):
    """Its planner copies the folds to where its trainer looks for them, which would else draw its own."""
    torch = pytest.importorskip("torch")
    api = nnunet("experiment_planning.plan_and_preprocess_api")
    dataset = make_parent(tmp_path / "d", cases=8)
    export("nnunet", dataset, tmp_path / "o", accept=["box-to-mask"])
    (root,) = (tmp_path / "o").glob("Dataset*")
    shutil.copytree(root, tmp_path / "raw" / root.name)
    api.extract_fingerprints([100], num_processes=1)
    api.plan_experiments([100])
    api.preprocess([100], configurations=["2d"], num_processes=[1])
    run = nnunet("run.run_training")
    trainer = run.get_trainer_from_args("100", "2d", 0, device=torch.device("cpu"))
    split = dataset.split()
    for part, cases in zip(("train", "val"), trainer.do_split(), strict=True):
        assert sorted(f"toy/{case}" for case in cases) == sorted(split[part])


# ---------------------------------------------------------------- folders of classes


def test_torchvision_numbers_the_same_classes_in_every_part(dataset, written):
    folders = pytest.importorskip("torchvision.datasets")
    out = written("imagefolder", label="tirads-kwak")
    parts = {part: folders.ImageFolder(out / part, allow_empty=True) for part in PARTS}
    classes = json.loads((out / "classes.json").read_text())["classes"]
    assert all(found.classes == classes for found in parts.values())
    grade = grades(dataset)
    split = dataset.split()
    for part, found in parts.items():
        images = [(f"ddti/{Path(path).stem}", found.classes[label]) for path, label in found.samples]
        assert sorted(images) == sorted((i, grade[i]) for i in split[part] if i in grade)


def test_datasets_reads_the_folders_of_classes(dataset, written, tmp_path):
    datasets = pytest.importorskip("datasets")
    out = written("imagefolder", label="tirads-kwak")
    found = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path))
    assert set(found) == {"train", "validation", "test"}
    grade = grades(dataset)
    for part, rows in zip(PARTS, (found["train"], found["validation"], found["test"]), strict=True):
        names = rows.features["label"].names
        assert names == json.loads((out / "classes.json").read_text())["classes"]
        stored = rows.cast_column("image", datasets.Image(decode=False))
        read = {f"ddti/{Path(row['image']['path']).stem}": names[row["label"]] for row in stored}
        assert read == {i: grade[i] for i in dataset.split()[part] if i in grade}


# ---------------------------------------------------------------- WebDataset


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves its files open
def test_webdataset_reads_images_and_findings(dataset, written):
    webdataset = pytest.importorskip("webdataset")
    out = written("webdataset")
    for part in PARTS:
        shards = sorted(map(str, out.glob(f"{part}-*.tar")))
        known = annotated(dataset, part)
        seen = set()
        for sample in webdataset.WebDataset(shards, shardshuffle=False).decode("rgb8"):
            image, annotations = known[sample["json"]["image_id"]]
            seen.add(image["image_id"])
            assert sample["__key__"] == image["image_id"].removeprefix("ddti/")
            stored = decoded((dataset.path / image["file_name"]).read_bytes())
            shown = stored if stored.ndim == 3 else np.dstack([stored] * 3)
            np.testing.assert_array_equal(sample["jpg"], shown)
            check_findings(sample["json"]["findings"], annotations)
        assert seen == set(known)


def check_findings(found, annotations):
    """A sample says of each finding what COCO says."""
    assert [one["finding_id"] for one in found] == [one["finding_id"] for one in annotations]
    for ours, coco in zip(found, annotations, strict=True):
        assert (ours["polygons"] or ours["rle"] or []) == coco["segmentation"]
        assert all(ours[name] == coco[name] for name in ("bbox", "area", "structure", "score", "nodule_id"))


@pytest.mark.parametrize("streaming", [False, True], ids=["loaded", "streamed"])
def test_datasets_reads_the_shards(streaming, dataset, written, tmp_path):
    datasets = pytest.importorskip("datasets")
    out = written("webdataset")
    read = datasets.load_dataset(str(out), streaming=streaming, cache_dir=str(tmp_path))
    assert set(read) == set(PARTS)
    for part, rows in read.items():
        known = annotated(dataset, part)
        seen = set()
        for row in rows.cast_column("jpg", datasets.Image(decode=False)):
            image, annotations = known[row["json"]["image_id"]]
            seen.add(image["image_id"])
            assert row["jpg"]["bytes"] == (dataset.path / image["file_name"]).read_bytes()
            check_findings(row["json"]["findings"], annotations)
        assert seen == set(known)
    files = {part: [*map(str, out.glob(f"{part}-*.tar"))] for part in PARTS}
    plain = datasets.load_dataset(
        "webdataset", data_files=files, streaming=streaming, cache_dir=str(tmp_path / "x")
    )
    assert next(iter(plain["train"]))["json"]["image_id"] in annotated(dataset, "train")


def test_datasets_knows_types_that_come_late(tmp_path):
    """It would settle on the types of the first five samples; the card says them all."""
    datasets = pytest.importorskip("datasets")
    seen_empty = (Reading(coverage=Coverage.COMPLETE),)
    pixels = np.arange(12 * 16).reshape(12, 16) % 5 == 0
    negatives = [record(str(n), readings=seen_empty) for n in range(6)]
    kinds = [encode_mask(pixels), Box(x=1, y=1, width=2, height=2)]
    last = record("6", *(finding(str(n), kind, score=0.5) for n, kind in enumerate(kinds)))
    data = encode_png(np.zeros((12, 16), np.uint8))
    records, files = [], {}
    for found in [*negatives, replace(last, case_labels=graded("5"))]:
        suffix = "bmp" if found is negatives[-1] else "png"
        path = f"images/{found.source}.{suffix}"
        files[path] = data
        image = ImageRef(width=16, height=12, path=path)
        records.append(replace(found, image=image, official_splits=(OfficialSplit(part="train"),)))
    export("webdataset", make_dataset(tmp_path / "d", records, files), tmp_path / "o", split="official")
    read = datasets.load_dataset(str(tmp_path / "o"), cache_dir=str(tmp_path / "cache"))["train"]
    assert [len(row["findings"]) for row in read["json"]] == [0] * 6 + [2]
    masked, boxed = read[6]["json"]["findings"]
    np.testing.assert_array_equal(coco_mask.decode(masked["rle"]), pixels)
    assert (boxed["rle"], boxed["polygons"], boxed["score"]) == (None, [], 0.5)
    assert [row["bmp"] is None for row in read] == [n != 5 for n in range(7)]


# ---------------------------------------------------------------- torch


def test_without_torch_the_extra_is_named_and_the_package_is_light(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "thyrodata.baselines.data", raising=False)
    importlib.import_module("thyrodata.baselines")
    with pytest.raises(MissingExtraError) as missing:
        importlib.import_module("thyrodata.baselines.data")
    assert "thyrodata[baselines]" in missing.value.hint


@pytest.fixture
def data():
    """The module of torch datasets."""
    pytest.importorskip("torch")
    return pytest.importorskip("thyrodata.baselines.data")


def shown(dataset, **chosen):
    """The default split as a view."""
    part_of = {image_id: part for part, ids in dataset.split().items() for image_id in ids}
    return replace(view(dataset, part_of), **chosen)


CLASSES = ImageClass(scheme="tirads-kwak", scope=ClassScope.CASE)


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_torch_loads_images_and_masks_with_two_workers(context, data, dataset):
    loading = pytest.importorskip("torch.utils.data")
    nodules = data.NoduleDataset(shown(dataset), "train", data.Task.SEGMENTATION)
    known = annotated(dataset, "train")
    loader = loading.DataLoader(
        nodules, batch_size=3, num_workers=2, collate_fn=data.collate, multiprocessing_context=context
    )
    seen = []
    for images, targets in loader:
        for pixels, target in zip(images, targets, strict=True):
            image, annotations = known[target["image_id"]]
            seen.append(target["image_id"])
            stored = decoded((dataset.path / image["file_name"]).read_bytes())
            colour = stored if stored.ndim == 3 else np.dstack([stored] * 3)
            np.testing.assert_array_equal(pixels.numpy(), colour.transpose(2, 0, 1))
            assert target["group_id"] == image["group_id"]
            assert target["labels"].tolist() == [found["category_id"] for found in annotations]
            masks = [covered(image, [found]) for found in annotations]
            np.testing.assert_array_equal(target["masks"].numpy(), masks)
            for mask, box in zip(masks, target["boxes"].tolist(), strict=True):
                rows, columns = np.nonzero(mask)
                assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert sorted(seen) == sorted(known)
    assert len(nodules) == len(seen)


def test_boxes_are_those_of_coco_cut_off_at_the_edge(data, dataset):
    nodules = data.NoduleDataset(shown(dataset), "train", data.Task.DETECTION)
    known = annotated(dataset, "train")
    for _, target in nodules:
        image, annotations = known[target["image_id"]]
        for (left, top, right, bottom), found in zip(target["boxes"].tolist(), annotations, strict=True):
            x, y, width, height = found["bbox"]
            inside = [max(x, 0), max(y, 0), min(x + width, image["width"]), min(y + height, image["height"])]
            np.testing.assert_allclose([left, top, right, bottom], inside, rtol=1e-6)
    assert nodules.classes == ("background", "nodule")


def test_a_class_is_a_number_of_the_whole_scale(data, dataset):
    grade = grades(dataset)
    graded_images = data.NoduleDataset(shown(dataset, classes=CLASSES), "train", data.Task.CLASSIFICATION)
    assert graded_images.classes == tuple(f"tirads-kwak/{n}" for n in ("1", "2", "3", "4a", "4b", "4c", "5"))
    read = {target["image_id"]: graded_images.classes[target["label"]] for _, target in graded_images}
    assert read == {i: f"tirads-kwak/{grade[i]}" for i in dataset.split()["train"] if i in grade}


def test_a_pickled_dataset_gives_the_same(data, dataset):
    nodules = data.NoduleDataset(shown(dataset), "val", data.Task.DETECTION)
    again = pickle.loads(pickle.dumps(nodules))  # noqa: S301 -- our own bytes
    assert len(again) == len(nodules)
    (pixels, target), (others, same) = nodules[-1], again[len(again) - 1]
    assert pixels.equal(others)
    assert {**target, "boxes": target["boxes"].tolist()}.keys() == same.keys()
    assert target["boxes"].equal(same["boxes"])
    with pytest.raises(IndexError):
        nodules[len(nodules)]


def test_what_does_not_fit_the_task_is_refused(data, dataset):
    with pytest.raises(UsageError, match="no part"):
        data.NoduleDataset(shown(dataset), "training", data.Task.DETECTION)
    with pytest.raises(UsageError, match="needs classes"):
        data.NoduleDataset(shown(dataset), "train", data.Task.CLASSIFICATION)
    with pytest.raises(UsageError, match="needs classes"):
        data.NoduleDataset(shown(dataset, classes=CLASSES), "train", data.Task.DETECTION)


def test_slices_of_16_bits_want_a_window_and_negatives_have_empty_targets(data, tmp_path):
    torch = pytest.importorskip("torch")
    pixels = np.linspace(0, 65535, 12 * 16).reshape(12, 16).astype(np.uint16)
    found = record("a", readings=(Reading(coverage=Coverage.COMPLETE),))
    image = ImageRef(width=16, height=12, path="images/a.png", bit_depth=16)
    ct = replace(found, image=image, modality=Modality.CT, official_splits=(OfficialSplit(part="train"),))
    made = make_dataset(tmp_path / "d", [ct], {"images/a.png": encode_png(pixels)})
    asked = view(made, {"toy/a": "train"})
    with pytest.raises(UsageError, match="16 bits"):
        data.NoduleDataset(asked, "train", data.Task.SEGMENTATION)
    windowed = replace(asked, window=parse_window("-175,275", -32768))
    grey, target = data.NoduleDataset(windowed, "train", data.Task.SEGMENTATION)[0]
    assert (grey.dtype, tuple(grey.shape)) == (torch.uint8, (3, 12, 16))
    assert (target["boxes"].shape, target["masks"].shape) == ((0, 4), (0, 12, 16))
    assert target["labels"].dtype == torch.int64
    deep, _ = data.NoduleDataset(replace(asked, window=AllBits()), "train", data.Task.SEGMENTATION)[0]
    np.testing.assert_array_equal(deep.numpy()[0], pixels)


def test_torchvision_s_models_take_the_targets(data, dataset):
    models = pytest.importorskip("torchvision.models.detection")
    nodules = data.NoduleDataset(shown(dataset), "train", data.Task.SEGMENTATION)
    model = models.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=len(nodules.classes), min_size=64, max_size=64
    )
    images, targets = data.collate([nodules[0], nodules[1]])
    losses = model([pixels / 255 for pixels in images], [dict(target) for target in targets])
    assert set(losses) >= {"loss_classifier", "loss_box_reg", "loss_mask"}
    assert all(bool(loss.isfinite()) for loss in losses.values())


# ---------------------------------------------------------------- published samples


@pytest.fixture(scope="module")
def ddti(samples, tmp_path_factory):
    """The published sample, converted."""
    out = tmp_path_factory.mktemp("sample") / "ddti"
    convert("ddti", samples / "ddti", out)
    return Dataset(out)


def coco_boxes(out):
    return {
        image["file_name"].partition(".")[0]: [found["bbox"] for found in annotations]
        for image, annotations in coco_images(out)
    }


def coco_images(out):
    """Each image of the COCO export with its annotations."""
    for path in out.glob("annotations/*.json"):
        said = json.loads(path.read_text())
        for image in said["images"]:
            yield image, [found for found in said["annotations"] if found["image_id"] == image["id"]]


def voc_boxes(out):
    files = [*out.glob("Annotations/*.xml")]
    return {path.stem: [*map(voc_box, etree.parse(path).iter("bndbox"))] for path in files}


def voc_box(found):
    xmin, ymin, xmax, ymax = (float(found.findtext(name)) for name in ("xmin", "ymin", "xmax", "ymax"))
    return [xmin - 1, ymin - 1, xmax - xmin + 1, ymax - ymin + 1]


def yolo_boxes(out):
    found = {}
    for path in out.glob("labels/*/*.txt"):
        (picture,) = out.glob(f"images/*/{path.stem}.*")
        with Image.open(picture) as image:
            width, height = image.size
        rows = [[float(number) for number in line.split()[1:]] for line in path.read_text().splitlines()]
        found[path.stem] = [
            [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height] for x, y, w, h in rows
        ]
    return found


def webdataset_boxes(out):
    return {key: [found["bbox"] for found in said["findings"]] for key, said in webdataset_facts(out).items()}


def webdataset_facts(out):
    """What the JSON of each sample says, by its key."""
    found = {}
    for path in out.glob("*.tar"):
        with tarfile.open(path) as tar:
            for info in tar:
                key, _, suffix = info.name.partition(".")
                if suffix == "json":
                    found[key] = json.load(tar.extractfile(info))
    return found


BOXES = {"coco": coco_boxes, "voc": voc_boxes, "webdataset": webdataset_boxes, "yolo": yolo_boxes}


@pytest.fixture(scope="module")
def exported(ddti, tmp_path_factory):
    """The sample in every format that holds findings: the folder and the account."""
    folder = tmp_path_factory.mktemp("exported")
    return {name: export(name, ddti, folder / name, accept=ALL) for name in [*BOXES, "nnunet"]}


def test_every_format_holds_the_boxes_of_the_sample(ddti, exported):
    """In all 355 images with 526 findings; in the other 5 nobody outlined anything, as each account says."""
    for name, made in exported.items():
        assert made.ledger.written == {"images": 355, "findings": 526}, name
        assert made.ledger.lost == {("images", "unread"): 5}, name
    boxes = {name: read(exported[name].out) for name, read in BOXES.items()}
    for name, found in boxes.items():
        assert len(found) == 355, name
        assert sum(map(len, found.values())) == 526, name
        assert found.keys() == boxes["coco"].keys()
        for image, drawn in found.items():
            np.testing.assert_allclose(drawn, boxes["coco"][image], atol=1e-4, err_msg=f"{name} {image}")


def test_every_format_holds_the_masks_of_the_sample(ddti, exported):
    """nnU-Net's labels hold their pixels, but tell no two findings of an image apart: so says its account."""
    (root,) = exported["nnunet"].out.glob("Dataset*")
    samples = webdataset_facts(exported["webdataset"].out)
    alone = 0
    for image, drawn in coco_images(exported["coco"].out):
        key = image["file_name"].partition(".")[0]
        said = [{"segmentation": found["polygons"] or found["rle"]} for found in samples[key]["findings"]]
        assert len(said) == len(drawn)
        for ours, coco in zip(said, drawn, strict=True):
            np.testing.assert_array_equal(covered(image, [ours]), covered(image, [coco]))
        (label,) = root.glob(f"labelsT?/{key}.png")
        np.testing.assert_array_equal(decoded(label.read_bytes()), covered(image, drawn))
        alone += len(drawn) == 1
    assert exported["nnunet"].ledger.changed["findings", "instances-merged"] == 526 - alone


def test_parquet_holds_the_sample(ddti, exported, tmp_path):
    """Every record; as a detector and a segmenter load it, the same images, boxes and pixels as in COCO."""
    made = export("huggingface", ddti, tmp_path / "tree")
    assert (made.ledger.written, made.ledger.lost) == ({"images": 360, "findings": 526}, {})
    boxes = coco_boxes(exported["coco"].out)
    objects = {
        path: [found["bbox"] for found in row["objects"]] for path, row in parquet_rows(made.out, "detection")
    }
    assert sum(map(len, objects.values())) == 526
    assert objects == boxes
    drawn = {
        image["file_name"].partition(".")[0]: (image, of) for image, of in coco_images(exported["coco"].out)
    }
    masks = dict(parquet_rows(made.out, "segmentation"))
    assert masks.keys() == drawn.keys()
    for path, row in masks.items():
        image, annotations = drawn[path]
        assert len(row["masks"]) == len(annotations)
        for mask, annotation in zip(row["masks"], annotations, strict=True):
            pixels = coco_mask.decode({"size": mask["size"], "counts": mask["counts"].encode()})
            np.testing.assert_array_equal(pixels.astype(bool), covered(image, [annotation]))


def parquet_rows(out, config):
    """Each row of a config by the name of its image, as in the COCO export."""
    datasets = pytest.importorskip("datasets")
    for part in datasets.load_dataset(str(out), config, cache_dir=str(out.parent / "cache")).values():
        for row in part.cast_column("image", datasets.Image(decode=False)):
            yield row["image"]["path"].removeprefix("images/").partition(".")[0], row


def test_nnunet_finds_the_sample_whole(nnunet, exported, capsys):
    check = nnunet("experiment_planning.verify_dataset_integrity")
    (root,) = exported["nnunet"].out.glob("Dataset*")
    check.verify_dataset_integrity(str(root), num_processes=2)
    assert "verify_dataset_integrity Done" in capsys.readouterr().out
