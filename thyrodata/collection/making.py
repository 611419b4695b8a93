"""Makes the images of one file: where the ultrasound lies, which frames, what text, and the pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from thyrodata.capture.brightness import in_eight_bits
from thyrodata.capture.frames import AllFrames, Chosen, Every, choose, look_at
from thyrodata.capture.heuristic import find_picture
from thyrodata.capture.overlay import OverlayWatch
from thyrodata.capture.regions import KeptRegion, RegionDoubt, kept_regions
from thyrodata.capture.screen import bright_cells, is_grey, with_boxes
from thyrodata.capture.source import opened
from thyrodata.capture.text import TextDetector, blank, hide
from thyrodata.capture.verdict import Verdict
from thyrodata.collection.frame import frame_records
from thyrodata.collection.model import FileDone, FileJob, Screen, TextPolicy
from thyrodata.collection.process import PREVIEWS, Process, begun, chunk_file, image_folder, pixels_file
from thyrodata.errors import CaseError, MissingExtraError
from thyrodata.io.dicom import open_dicom
from thyrodata.io.dicomcolour import has_achromatic_corners
from thyrodata.io.dicomframes import Frames
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.io.files import write_file, write_image
from thyrodata.io.hashes import hash_pixels
from thyrodata.io.parquet import batch_of, write_chunk
from thyrodata.io.png import encode_png
from thyrodata.sandbox import alive
from thyrodata.schema.record import ImageRecord, PixelBox

__all__ = ["make_images"]

Picture = NDArray[np.unsignedinteger[Any]]

EACH_LOOKED_AT = 4
"""Frames up to which the text guard looks at every one that is exported, instead of at a clip's overlay."""

SAMPLED = 8
"""Frames of a clip by which the picture is found where the header names no region."""

MOST_BLANKED = 0.2
"""Share of a picture that may be blanked: beyond it, it is a page of text rather than a picture."""


def make_images(process: Process, number: int, job: FileJob) -> FileDone:
    """Make the images of a file, or put it aside; as :class:`Process` says.

    Raises:
        OutputError: Something could not be written.
    """
    known = begun(job, Verdict.EXPORTED)
    try:
        with (
            opened(job.file, process.work) as stream,
            open_dicom(stream, job.file.where, work=process.work) as dicom,
        ):
            return _Making(process, number, job, dicom.header, dicom.frames()).make(known)
    except (CaseError, MissingExtraError) as error:
        hint = f" ({error.hint})" if isinstance(error, MissingExtraError) else ""
        return _put_aside(process, job, _Aside(Verdict.NOT_DECODED, error.message + hint))
    except _Aside as aside:
        return _put_aside(process, job, aside)


class _Aside(Exception):  # noqa: N818 -- a decision
    """The file is put aside."""

    def __init__(self, verdict: Verdict, detail: str, shown: Picture | None = None) -> None:
        super().__init__(detail)
        self.verdict = verdict
        self.detail = detail
        self.shown = shown


def _put_aside(process: Process, job: FileJob, aside: _Aside) -> FileDone:
    if process.dataset:
        shutil.rmtree(image_folder(process.dataset, job), ignore_errors=True)
        if aside.shown is not None:
            place = process.work / PREVIEWS / f"file-{job.file.ordinal}.png"
            place.parent.mkdir(mode=0o700, exist_ok=True)
            write_file(place, encode_png(aside.shown, encoder=process.treatment.encoder))
    return begun(job, aside.verdict, aside.detail)


class _Making:
    """The images of one file in the making."""

    def __init__(
        self, process: Process, number: int, job: FileJob, header: DicomHeader, frames: Frames
    ) -> None:
        self._process = process
        self._number = number
        self._job = job
        self._header = header
        self._frames = frames
        self._first = frames.frame(0)
        self._extent = self._values()
        self._shown = in_eight_bits(self._first, self._extent)

    def make(self, known: FileDone) -> FileDone:
        """Find out what to export, then export it."""
        self._check_drawn()
        if self._header.photometric != "PALETTE COLOR" and not has_achromatic_corners(self._first):
            self._doubt(Verdict.COLOUR, "")
        regions, found_by = self._regions()
        chosen = self._chosen(regions)
        blanked = [self._text(region, chosen) for region in regions]
        images, size = self._write(regions, blanked, chosen, found_by)
        height, width = self._first.shape[:2]
        screen = Screen(
            width=width,
            height=height,
            kept=tuple(region.box for region in regions),
            blanked=tuple(box for boxes in blanked for box in boxes),
            cells=bright_cells(self._shown),
            found_by=found_by,
        )
        return replace(
            known,
            frames=len(self._frames),
            exported=len(chosen.frames),
            thinned=chosen.thinned,
            images=images,
            image_bytes=size,
            screen=screen,
        )

    def _doubt(self, verdict: Verdict, detail: str, boxes: Sequence[PixelBox] = ()) -> NoReturn:
        raise _Aside(verdict, detail, with_boxes(self._shown, boxes))

    def _check_drawn(self) -> None:
        height, width = self._first.shape[:2]
        for index, drawn in self._job.drawn.items():
            if index >= len(self._frames) or (drawn.width, drawn.height) != (width, height):
                self._doubt(
                    Verdict.OUTLINE,
                    f"outlines are of frame {index} of {drawn.width} x {drawn.height} px; the file has "
                    f"{len(self._frames)} frames of {width} x {height} px",
                )

    def _regions(self) -> tuple[tuple[KeptRegion, ...], str]:
        height, width = self._first.shape[:2]
        try:
            regions = kept_regions(self._header.regions, width, height)
            if regions:
                return regions, "header"
            count = min(len(self._frames), SAMPLED)
            sample = list(self._looked_at([k * len(self._frames) // count for k in range(count)]))
            box = find_picture(sample, _detector())
        except RegionDoubt as doubt:
            self._doubt(Verdict.REGION, str(doubt))
        return (KeptRegion(box=box, data_type=None, spacing_mm=None),), "pixels"

    def _chosen(self, regions: Sequence[KeptRegion]) -> Chosen:
        """Choose frames. One with outlines is always among them."""
        choice = self._process.treatment.frames
        if isinstance(choice, AllFrames) or len(self._frames) == 1:
            return Chosen(frames=tuple((index, None) for index in range(len(self._frames))), thinned=0)
        indexes = range(0, len(self._frames), choice.step if isinstance(choice, Every) else 1)
        looks = (
            look_at(index, [_cut(frame, region.box) for region in regions])
            for index, frame in zip(indexes, self._looked_at(indexes), strict=True)
        )
        chosen = choose(choice, looks)
        taken = dict(chosen.frames)
        frames = {index: taken.get(index) for index in {*taken, *self._job.drawn}}
        return replace(chosen, frames=tuple(sorted(frames.items(), key=lambda each: each[0])))

    def _seen(self, indexes: Sequence[int]) -> Iterator[Picture]:
        """Yield frames, the first of which has been decoded already."""
        for index in indexes:
            alive()
            yield self._first if index == 0 else self._frames.frame(index)

    def _looked_at(self, indexes: Sequence[int]) -> Iterator[NDArray[np.uint8]]:
        """Yield frames as they are looked at, in 8 bits."""
        for frame in self._seen(indexes):
            yield in_eight_bits(frame, self._extent)

    def _values(self) -> tuple[int, int] | None:
        """Return the least and the greatest value of all frames, if they are of more than 8 bits."""
        if self._first.dtype.itemsize == 1:
            return None
        extents = [(int(frame.min()), int(frame.max())) for frame in self._seen(range(len(self._frames)))]
        return min(low for low, _ in extents), max(high for _, high in extents)

    def _text(self, region: KeptRegion, chosen: Chosen) -> tuple[PixelBox, ...]:
        """Return what is blanked of a region, in pixels of the screen."""
        indexes = [index for index, _ in chosen.frames]
        pictures = (_cut(frame, region.box) for frame in self._looked_at(indexes))
        if len(indexes) <= EACH_LOOKED_AT:
            hidden = hide(_detector(), list(pictures))
        else:
            watch = OverlayWatch()
            for picture in pictures:
                watch.add(picture)
            hidden = hide(_detector(), watch.pictures(), watch.strokes())
        left, top = region.box[:2]
        boxes = tuple((x0 + left, y0 + top, x1 + left, y1 + top) for x0, y0, x1, y1 in hidden.boxes)
        if not hidden.clean:
            self._doubt(Verdict.TEXT, "it is still seen after it was blanked", boxes)
        if boxes and self._process.treatment.text is TextPolicy.QUARANTINE:
            self._doubt(Verdict.TEXT, f"in {len(boxes)} places", boxes)
        share = _share(boxes, region.box)
        if share > MOST_BLANKED:
            self._doubt(Verdict.TEXT, f"{share:.0%} of the picture would be blanked", boxes)
        return boxes

    def _write(
        self,
        regions: Sequence[KeptRegion],
        blanked: Sequence[tuple[PixelBox, ...]],
        chosen: Chosen,
        found_by: str,
    ) -> tuple[int, int]:
        """Write the images and their records; return how many images there are, and their bytes."""
        records: list[ImageRecord] = []
        pixels: list[str] = []
        total = 0
        frames = self._seen([index for index, _ in chosen.frames])
        for (index, sharpness), frame in zip(chosen.frames, frames, strict=True):
            made = frame_records(
                self._job, self._header, regions, blanked, index=index, sharpness=sharpness, found_by=found_by
            )
            if made is None:
                self._doubt(Verdict.OUTLINE, f"on frame {index}", [region.box for region in regions])
            for record, region, boxes in zip(made, regions, blanked, strict=True):
                array = _exported(frame, region.box, boxes)
                data = encode_png(array, encoder=self._process.treatment.encoder)
                records.append(self._placed(record, array, data))
                pixels.append(hash_pixels(array) + "\n")
                total += len(data)
        if self._process.dataset:
            write_chunk(chunk_file(self._process.work, self._number), batch_of(records))
            write_file(pixels_file(self._process.work, self._number), "".join(pixels).encode())
        return len(records), total

    def _placed(self, record: ImageRecord, array: Picture, data: bytes) -> ImageRecord:
        """Write an image, and return its record with what is known of the file."""
        if self._process.dataset:
            write_image(f"{self._process.dataset}/{record.image.path}", data)
        image = replace(record.image, sha256=sha256(data).hexdigest(), bit_depth=8 * array.dtype.itemsize)
        return replace(record, image=image)


@cache
def _detector() -> TextDetector:
    return TextDetector()


def _cut(frame: Picture, box: PixelBox) -> Picture:
    x0, y0, x1, y1 = box
    return frame[y0:y1, x0:x1]


def _exported(frame: Picture, box: PixelBox, blanked: Sequence[PixelBox]) -> Picture:
    """Return what leaves of a frame: cut, blanked, and of one channel where three are equal."""
    picture = _cut(blank(frame, blanked) if blanked else frame, box)
    if picture.ndim == 3 and is_grey(picture):  # noqa: PLR2004 -- height, width, channels
        picture = picture[..., 0]
    return np.ascontiguousarray(picture)


def _share(boxes: Sequence[PixelBox], of: PixelBox) -> float:
    """Return the share of a box that others cover, all of which lie in it."""
    x0, y0, x1, y1 = of
    covered = np.zeros((y1 - y0, x1 - x0), np.bool_)
    for left, top, right, bottom in boxes:
        covered[top - y0 : bottom - y0, left - x0 : right - x0] = True
    return float(covered.mean())
