"""The lines of Python that compute an exported model without torch, as its card shows them."""

from __future__ import annotations

from thyrodata.baselines.recipes import Task
from thyrodata.baselines.training.settings import Fit

__all__ = ["usage"]

_READ = """\
import json

import numpy as np
import onnxruntime
from PIL import Image

with open("model.json") as file:
    about = json.load(file)
height, width = about["size"]
picture = Image.open("image.png").convert("RGB")
"""
_PLACED = {
    Fit.LETTERBOX: """\
scale = min(height / picture.height, width / picture.width)
inside = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
left, top = (width - inside[0]) // 2, (height - inside[1]) // 2
placed = Image.new("RGB", (width, height))
placed.paste(picture.resize(inside, Image.Resampling.BILINEAR), (left, top))
""",
    Fit.STRETCH: """\
placed = picture.resize((width, height), Image.Resampling.BILINEAR)
""",
}
_RUN = """\
image = np.asarray(placed, np.float32).transpose(2, 0, 1)[None] / 255
session = onnxruntime.InferenceSession("model.onnx")
"""
_SHOWN = {
    Task.CLASSIFICATION: """\
(probabilities,) = session.run(None, {"image": image})
for name, probability in zip(about["classes"], probabilities[0]):
    print(name, float(probability))
""",
    Task.SEGMENTATION: """\
(probabilities,) = session.run(None, {"image": image})  # (1, classes, height, width)
most = probabilities[0].argmax(0)  # over the placed image
for place, name in enumerate(about["classes"]):
    print(name, float((most == place).mean()))
""",
    Task.DETECTION: """\
boxes, labels, scores = session.run(None, {"image": image})  # boxes in pixels of the placed image
for box, label, score in zip(boxes, labels, scores):
    print(about["classes"][label], float(score), box.tolist())
""",
}


def usage(task: Task, fit: Fit) -> str:
    """Return Python that reads ``image.png`` and prints what the model in the same folder makes of it."""
    return _READ + _PLACED[fit] + _RUN + _SHOWN[task]
