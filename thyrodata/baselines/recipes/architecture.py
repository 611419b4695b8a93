"""What a model is made of, in plain values; ``thyrodata.baselines.models.build`` makes it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Architecture",
    "DFine",
    "DeformableDetr",
    "FasterRcnn",
    "Fcos",
    "RtDetrV2",
    "Segmenter",
    "TimmClassifier",
    "TorchvisionClassifier",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimmClassifier:
    """A classifier of timm."""

    name: str
    """As timm has it. Weights are a file of timm's for that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchvisionClassifier:
    """A classifier of torchvision that timm lacks. It has no auxiliary classifiers, which GoogLeNet had."""

    name: str
    """``alexnet`` or ``googlenet``. Weights are a file of torchvision's for that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmenter:
    """An encoder and a decoder of segmentation-models-pytorch."""

    decoder: str
    """A class of the library: ``Unet``, ``UnetPlusPlus``, ``PSPNet``, ``DeepLabV3Plus``."""
    encoder: str
    """As the library has it; ``tu-NAME`` is one of timm. Weights are a file of the library's for the encoder;
    the decoder starts from chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FasterRcnn:
    """torchvision's Faster R-CNN (Ren et al., NeurIPS 2015) and a feature pyramid (Lin et al., CVPR 2017)."""

    backbone: str = "resnet50"
    """A ResNet of torchvision. Weights are a file of torchvision's for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fcos:
    """FCOS (Tian et al., ICCV 2019), torchvision's, on a feature pyramid over a backbone of timm."""

    backbone: str
    """As timm has it. Weights are a file of timm's for it."""
    width: int = 256
    """Channels of the pyramid and of the heads, a multiple of 32; as the paper has it by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeformableDetr:
    """Deformable DETR (Zhu et al., ICLR 2021), of transformers. Weights are a folder of that library's."""

    backbone: str = "resnet50"
    """A backbone of timm, or ``swin-l``: Swin-L with windows of 12 (Liu et al., ICCV 2021)."""
    layers: int = 6
    """Of the encoder and of the decoder each, at least two."""
    queries: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RtDetrV2:
    """RT-DETRv2 (Lv et al. 2024, arXiv 2407.17140) on ResNet-50, of transformers. Weights are its folder."""

    layers: int = 6
    """Of the decoder, at least two."""
    queries: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class DFine:
    """D-FINE-L (Peng et al., ICLR 2025) on HGNetV2-B4, of transformers. Weights are its folder."""

    layers: int = 6
    """Of the decoder, at least two."""
    queries: int = 300


Architecture = (
    TimmClassifier | TorchvisionClassifier | Segmenter | FasterRcnn | Fcos | DeformableDetr | RtDetrV2 | DFine
)
"""Every kind of model that can be built."""
