"""Decodes MPEG-2, H.264 and HEVC by an ``ffmpeg`` program found on the machine, in a process of its own.

The program is given one file and fixed arguments; it can open nothing else, and what it says is not kept.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from thyrodata.errors import CaseError
from thyrodata.io.dicomheader import DicomHeader
from thyrodata.io.dicompixels import FrameBytes

__all__ = ["VideoFrames"]

_MOST_SECONDS = 600
_INPUT = (
    "-nostdin",
    *("-loglevel", "quiet"),
    *("-timelimit", str(_MOST_SECONDS)),  # of CPU
    *("-threads", "1"),
    *("-protocol_whitelist", "file"),
    *("-format_whitelist", "mpegts,mov,mpeg,mpegvideo,h264,hevc"),  # no playlist that names other files
    *("-codec_whitelist", "mpeg2video,mpeg1video,h264,hevc"),
    "-noautorotate",
)
_EVERY_FRAME = ("-map", "0:v:0", "-fps_mode", "passthrough", "-c:v", "rawvideo")


class VideoFrames:
    """The frames of one video: forwards they are decoded once, a step back decodes from the start again.

    Use it as a context manager: it holds a temporary file and a process.

    Args:
        encoded: The parts of the stream.
        header: What the header says.
        where: The file, for errors.
        work: A folder for the temporary file.

    Raises:
        CaseError: There is no ffmpeg, the stream is broken, or its frames are not those of the header.
    """

    def __init__(self, encoded: FrameBytes, header: DicomHeader, where: str, *, work: Path | None) -> None:
        program = shutil.which("ffmpeg")
        if program is None:
            raise CaseError(
                "the frames are a video, and there is no program 'ffmpeg' to decode it",
                where=where,
                hint="install ffmpeg 5.1 or later, so that it is found on the PATH",
            )
        if header.samples != 3:  # noqa: PLR2004
            raise CaseError("a video has three samples a pixel", where=where)
        self._program = program
        self._header = header
        self._where = where
        self._next = 0
        self._decoded: Generator[NDArray[np.uint8], None, None] | None = None
        with ExitStack() as held:
            file = held.enter_context(tempfile.NamedTemporaryFile(dir=work, suffix=".video"))
            for part in range(len(encoded)):
                file.write(encoded.read(part))
            file.flush()
            self._input = f"file:{file.name}"
            self._count()
            self._held = held.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._restart()
        self._held.close()

    def frame(self, index: int) -> NDArray[np.uint8]:
        """Return RGB (height, width, 3).

        Raises:
            CaseError: The stream cannot be decoded up to there.
        """
        if index < self._next:
            self._restart()
        if self._decoded is None:
            self._decoded = self._decode()
        while True:
            frame = next(self._decoded, None)
            if frame is None:
                raise CaseError("the video cannot be decoded to its end", where=self._where)
            self._next += 1
            if self._next > index:
                return frame

    def _restart(self) -> None:
        if self._decoded is not None:
            self._decoded.close()  # which ends the process
        self._decoded, self._next = None, 0

    def _command(self, *output: str) -> list[str]:
        most = str(self._header.frames + 1)
        return [
            self._program,
            *_INPUT,
            "-i",
            self._input,
            *_EVERY_FRAME,
            "-frames:v",
            most,
            *output,
            "pipe:1",
        ]

    def _count(self) -> None:
        """Decode once, and compare number and size of the frames before any is given out."""
        header = self._header
        try:
            ran = subprocess.run(  # noqa: S603 -- fixed arguments, and no shell
                self._command("-f", "framecrc"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_MOST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CaseError(
                f"the video was not decoded within {_MOST_SECONDS} seconds", where=self._where
            ) from None
        lines = ran.stdout.decode("ascii", "replace").splitlines()
        size = f"#dimensions 0: {header.columns}x{header.rows}"
        frames = sum(not line.startswith("#") for line in lines)
        if ran.returncode != 0 or not frames:
            raise CaseError("the video cannot be decoded", where=self._where)
        if size not in lines or frames != header.frames:
            raise CaseError(
                "the video has another size or number of frames than the header says", where=self._where
            )

    def _decode(self) -> Generator[NDArray[np.uint8], None, None]:
        header = self._header
        size = header.rows * header.columns * 3
        with subprocess.Popen(  # noqa: S603 -- fixed arguments, and no shell
            self._command("-pix_fmt", "rgb24", "-f", "rawvideo"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdout is not None  # noqa: S101 -- it was asked for
            try:
                while len(data := process.stdout.read(size)) == size:
                    yield np.frombuffer(data, np.uint8).reshape(header.rows, header.columns, 3)
            finally:
                process.kill()
