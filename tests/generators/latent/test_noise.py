"""Stable Diffusion's noise, against diffusers' schedulers."""

import pytest

from guided.compat.open_clip import import_late
from guided.generators.latent.noise import latent_timeline
from tests.generators.latent.published import NOISE

import_late()
diffusers = pytest.importorskip("diffusers")


@pytest.mark.parametrize("steps", [1, 4, 20, 50, 250, 500])
def test_times_and_noise_are_those_of_diffusers_where_steps_divide_a_thousand(steps: int) -> None:
    theirs = diffusers.DDIMScheduler(**NOISE)
    theirs.set_timesteps(steps)
    line = latent_timeline(steps)
    assert list(line.times[::-1]) == theirs.timesteps.tolist()
    expected = theirs.alphas_cumprod[theirs.timesteps.flip(0)].tolist()
    assert line.alpha_bar == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("steps", [3, 30, 300, 400, 999, 1000, 1500])
def test_every_number_of_steps_covers_the_process(steps: int) -> None:
    line = latent_timeline(steps)
    assert len(line) == steps and all(
        a < b for a, b in zip(line.times, line.times[1:], strict=False)
    )
    assert 0 <= line.times[0] <= 1 and 1000 - 1000 / steps - 1 <= line.times[-1] < 1000
    assert all(
        0 < later < sooner < 1
        for sooner, later in zip(line.alpha_bar, line.alpha_bar[1:], strict=False)
    )


def test_no_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="steps=0 must be at least 1"):
        latent_timeline(0)
