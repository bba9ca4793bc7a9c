"""Noise levels of a run: progress, and the forward process from one position to the next."""

import pytest

from guided.diffusion.noise_schedule import timeline


def test_progress_means_the_same_however_many_steps_there_are() -> None:
    few, many = timeline("linear", 20), timeline("linear", 500)
    assert few.progress(10) == many.progress(250) == pytest.approx(0.499)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_renoising_undoes_a_step(schedule: str) -> None:
    """Of x at i - 1 = alpha_s * image + sigma_s * noise it makes x at i, by its own definition."""
    line = timeline(schedule, 20)
    for i in range(20):
        scale, extra = line.renoise(i)
        (alpha, sigma), (alpha_s, sigma_s) = line.scales(i), line.scales(i - 1)
        assert scale * alpha_s == pytest.approx(alpha, rel=1e-12)
        assert (scale * sigma_s) ** 2 + extra**2 == pytest.approx(sigma**2, rel=1e-12)
