"""Settings of cutouts are checked before anything heavy is imported."""

import subprocess
import sys

import pytest

from guided.cutouts.settings import Cutouts


@pytest.mark.parametrize(
    "settings",
    [
        dict(overview=-1),
        dict(overview=1.5),
        dict(inner="many"),
        dict(inner=[[0.5, 2], [0.2, 3]]),
        dict(power=0),
        dict(gray=1.2),
        dict(batches=0),
        dict(smallest=1.5),
        dict(size_weight=-1),
        dict(whole_weight=0),
        dict(merge=0),
        dict(merge=2.5),
        dict(micro_batch=0),
        dict(area="midle"),
        dict(flip=2),
        dict(degrees=-1),
        dict(translate=True),
        dict(noise=float("nan")),
        dict(grayscale="yes"),
        dict(jitter=7),
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_refused_by_name(settings: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        Cutouts(**settings)


@pytest.mark.parametrize(
    "overview, inner, progress",
    [
        (0, 0, "0"),
        ([[0, 4], [0.6, 0]], [[0, 2], [0.5, 0]], "0.6"),
        ([[0.2, 0], [0.3, 4]], 0, "0"),
        ({"linear": [[0, 2], [1, 0]]}, 0, r"0\.75:"),  # half a cutout is rounded to none
    ],
)
def test_cutouts_that_show_nothing_at_some_time_are_refused(
    overview: object, inner: object, progress: str
) -> None:
    with pytest.raises(ValueError, match=f"both 0 at progress {progress}"):
        Cutouts(overview=overview, inner=inner)


def test_one_kind_of_cutout_is_enough() -> None:
    Cutouts(overview=0, inner=[[0, 4], [0.5, 8]])
    Cutouts(overview=[[0, 0], [0.5, 4]], inner=[[0, 4], [0.5, 0]])


@pytest.mark.parametrize("name", ["Cutouts", "DiscoCutouts"])
def test_settings_are_checked_without_torch(name: str) -> None:
    code = (
        f"import sys; from guided.cutouts.settings import {name}; {name}(overview=3); "
        "assert 'torch' not in sys.modules and 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
