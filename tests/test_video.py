"""Video in DICOM: by ffmpeg where there is one, and refused with a hint where there is none."""

import io
import subprocess

import numpy as np
import pytest

from tests.dicoms import MPEG4, write_dicom
from thyrodata.errors import CaseError
from thyrodata.io.dicom import open_dicom

MPEG2, HEVC = "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.107"
ENCODERS = {
    MPEG2: ("-c:v", "mpeg2video", "-q:v", "2", "-f", "mpegts"),
    MPEG4: (
        "-c:v",
        "libx264",
        "-crf",
        "10",
        "-bf",
        "2",
        "-f",
        "mp4",
        "-movflags",
        "frag_keyframe+empty_moov",
    ),
    HEVC: ("-c:v", "libx265", "-x265-params", "log-level=0:crf=10", "-f", "mpegts"),
}
ROWS, COLUMNS = np.mgrid[:96, :128]
CLIP = np.stack(
    [np.stack([COLUMNS + 40 + 8 * n, ROWS + 60, 200 - COLUMNS], axis=-1).astype(np.uint8) for n in range(7)]
)


def encoded(ffmpeg, syntax):
    height, width = CLIP.shape[1:3]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "25", "-i", "pipe:0"]
    output = [*ENCODERS[syntax], "-pix_fmt", "yuv420p", "pipe:1"]
    command = [ffmpeg, "-v", "error", *source, *output]
    ran = subprocess.run(command, input=CLIP.tobytes(), capture_output=True, check=False)
    if ran.returncode != 0:
        pytest.skip("this ffmpeg has no such encoder")
    return ran.stdout


def written(codestream, syntax=MPEG4, **elements):
    stream = io.BytesIO()
    write_dicom(
        stream,
        CLIP,
        transfer_syntax=syntax,
        photometric="YBR_PARTIAL_420",
        codestreams=[codestream + b"\0" * (len(codestream) % 2)],
        offset_table=False,
        lossy=True,
        elements=elements,
    )
    stream.seek(0)
    return stream


@pytest.mark.parametrize("syntax", ENCODERS)
def test_video_is_decoded_frame_by_frame_in_any_order(syntax, system_tool, tmp_path):
    stream = written(encoded(system_tool("ffmpeg"), syntax), syntax)
    with open_dicom(stream, "file 1", work=tmp_path) as opened:
        frames = opened.frames()
        assert len(frames) == 7
        for index in (0, 1, 5, 2, 6, 6):
            difference = np.abs(frames.frame(index).astype(int) - CLIP[index])
            assert difference.mean() < 4
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("elements", [{"NumberOfFrames": 6}, {"NumberOfFrames": 8}, {"Rows": 98}], ids=str)
def test_video_of_other_frames_than_the_header_says_is_refused(elements, system_tool, tmp_path):
    stream = written(encoded(system_tool("ffmpeg"), MPEG2), MPEG2, **elements)
    with (
        open_dicom(stream, "file 1", work=tmp_path) as opened,
        pytest.raises(CaseError, match="another size"),
    ):
        opened.frames()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "codestream",
    [
        b"\0" * 1000,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
    ],
    ids=["nothing", "a playlist", "a list of files"],
)
def test_what_is_no_video_is_refused(codestream, system_tool, capfd):
    system_tool("ffmpeg")
    with (
        open_dicom(written(codestream), "file 1") as opened,
        pytest.raises(CaseError, match="cannot be decoded"),
    ):
        opened.frames()
    assert "".join(capfd.readouterr()) == ""


def test_without_ffmpeg_the_hint_names_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with open_dicom(written(b"\0" * 1000), "file 1") as opened:
        assert (opened.header.frames, opened.header.lossy) == (7, "01")
        with pytest.raises(CaseError, match="video") as caught:
            opened.frames()
    assert "ffmpeg" in caught.value.hint
