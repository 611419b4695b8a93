"""How good predictions are: figures of classification, detection and segmentation, with their definitions.

Every figure is a :class:`~thyrodata.baselines.metrics.figures.Figure`: a function of how often each unit (an
image, a patient) counts. So one code gives the value of all, of a stratum, and of each bootstrap resample. No
figure is silently 0 or 1 where it is undefined: it is ``None``, and the units that it says nothing of are
counted. Nothing here needs torch.
"""

from __future__ import annotations

__all__: list[str] = []
