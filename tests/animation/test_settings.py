import pytest

from guided.animation import settings
from guided.animation.settings import VARYING, Animation


def test_every_setting_that_varies_has_a_default_in_its_range():
    animation = Animation()
    for name, (low, high) in VARYING.items():
        constant = animation.keys[name].constant
        assert constant is not None
        assert low <= constant <= high


@pytest.mark.parametrize(
    ("chosen", "part"),
    [
        ({"mode": "2D"}, "mode=2D is not one of 2d, 3d"),
        ({"border": "rap"}, "did you mean 'wrap'?"),
        ({"seeds": "random"}, "seeds=random is not one of"),
        ({"interpolation": "cubik"}, "did you mean 'cubic'?"),
        ({"zoom": "0: (1), 30: (two)"}, "'two' is not one of t, s"),
        ({"angle": [1, 2]}, "must be a number, or key frames"),
        ({"format": "avi"}, "format=avi is not one of mp4, webp, gif"),
        ({"near": 300, "far": 200}, "far=200 must be a number from 300"),
        ({"translation_z": 5}, "needs animate=3d"),
        ({"mode": "video"}, "must be a video to draw over"),
        ({"video": "dance.mp4"}, "video=dance.mp4 needs animate=video"),
        ({"mode": "video", "video": "a.mp4", "zoom": 2}, "zoom=2 has no effect"),
        ({"colors": [1.0, 2.0]}, "must be six numbers"),
        ({"seeds": "warped", "mode": "3d", "depth": "maps"}, "seeds=warped needs a camera over a"),
        ({"stereo": "side_by_side"}, "stereo=side_by_side needs depths: animate=3d"),
        ({"mode": "3d", "stereo": "over_under"}, "stereo=over_under needs depths"),
        ({"stereo": "sbs"}, "stereo=sbs is not one of none, side_by_side, over_under"),
        ({"eye_distance": -1}, "eye_distance=-1 must be a number from 0"),
        ({"depth_range": [1.0]}, "must be two numbers"),
        ({"flow": "raft"}, "flow=raft is not one of lucas_kanade, dis"),
        ({"between": "fade"}, "between=fade is not one of camera, flow"),
        ({"cadence": "often"}, "'often' is not one of"),
        ({"color_memory": 2}, "color_memory=2 must be a number from 0 to 1"),
        ({"before": "1.png"}, "of a frame's record"),
        ({"colors": [1, 2, 3, 4, 5, 6]}, "animate.colors=null"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(chosen, part):
    with pytest.raises(ValueError) as caught:
        Animation(**chosen)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("chosen", "package"),
    [({"depth": "depth_anything"}, "transformers"), ({"flow": "dis"}, "opencv-python-headless")],
)
def test_missing_packages_are_told(monkeypatch, chosen, package):
    monkeypatch.setattr(settings, "find_spec", lambda name: None)
    [(name, value)] = chosen.items()
    with pytest.raises(ValueError, match=f"{name}={value} needs .*: pip install {package}; "):
        Animation(mode="3d", format="webp", **chosen)


def test_formats_may_be_several():
    assert Animation(format=["webp", "gif", "webp"]).formats == ["webp", "gif"]
    assert Animation(format="auto").formats in (["mp4"], ["webp"])


def test_a_plane_has_no_depths_of_its_own():
    assert not Animation(mode="3d").is_deep
    assert Animation(mode="3d", depth="maps").is_deep
    assert not Animation(depth="maps").is_deep
