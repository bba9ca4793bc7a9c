"""Sinusoids of the time against guided-diffusion's."""

import pytest
import torch
from guided_diffusion import unet as oracle

from guided.diffusion.timestep_embedding import timestep_embedding


@pytest.mark.parametrize("t", [0.0, 417.5, 954.1667, 999.0])
@pytest.mark.parametrize("dim", [32, 96, 192, 33])
def test_timestep_embedding_is_bit_for_bit_the_one_checkpoints_were_trained_with(
    dim: int, t: float
) -> None:
    times = torch.tensor([t])
    assert torch.equal(timestep_embedding(times, dim), oracle.timestep_embedding(times, dim))
