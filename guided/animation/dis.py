"""Optical flow by OpenCV's DIS: Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse
Search", https://arxiv.org/abs/1603.03590
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor


def flow(before: Tensor, after: Tensor) -> Tensor:
    """Return the flow (H, W, 2) in pixels: what is at p in `after` (1, 3, H, W) was at p + flow in
    `before`."""
    cv2: Any = import_module("cv2")
    grey = [
        cv2.cvtColor((255 * image[0]).round().byte().permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY)
        for image in (after, before)
    ]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the flow depends on their number
    try:
        finder = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        return torch.from_numpy(finder.calc(*grey, None))
    finally:
        cv2.setNumThreads(threads)
