"""The cases of a comparison: Disco Diffusion's default picture and smaller ones, with
full-size architectures and random weights, so that nothing has to be downloaded."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from guided.diffusion.unet_config import UNetConfig


@dataclass(frozen=True)
class Case:
    """A picture's size and the models that draw it."""

    name: str
    size: tuple[int, int]  # width, height
    image_size: int  # of the U-Net's family: 256 or 512
    channels: int  # of its finest level; the published models have 256
    clips: tuple[str, ...]  # of open_clip
    secondary: bool
    batches: int  # sets of 16 cutouts
    steps: int = 250

    @property
    def unet(self) -> UNetConfig:
        """The U-Net of guided-diffusion's 256 or 512 family."""
        return UNetConfig(
            image_size=self.image_size,
            num_channels=self.channels,
            attention_resolutions=[32, 16, 8],
            num_head_channels=64 if self.channels >= 256 else 32,
            resblock_updown=True,
        )


DISCO = ("ViT-B-32-quickgelu", "ViT-B-16-quickgelu", "RN50-quickgelu")
ALL = {
    case.name: case
    for case in (
        Case("tiny", (64, 64), 256, 32, ("ViT-S-32",), False, 1),
        Case("256-narrow", (256, 256), 256, 64, DISCO[:1], False, 1),
        Case("256-narrow-secondary", (256, 256), 256, 64, DISCO[:1], True, 1),
        Case("256", (256, 256), 256, 256, DISCO[:1], True, 4),
        Case("512", (512, 512), 512, 256, DISCO, True, 4),
        Case("512-through-unet", (512, 512), 512, 256, DISCO, False, 4),
        Case("1280x768", (1280, 768), 512, 256, DISCO, True, 4),
        Case("1280x768-through-unet", (1280, 768), 512, 256, DISCO, False, 4),
    )
}


def fitting(device: torch.device) -> list[str]:
    """Return the names of the cases that a device draws in minutes."""
    if device.type == "cpu":
        return ["embedded", "256-narrow", "256-narrow-secondary"]
    memory = torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else 0
    return ["embedded", *(["256", "512", "1280x768"] if memory > 12e9 else ["256-narrow", "256"])]
