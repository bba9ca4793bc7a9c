"""Which settings of the mask are set."""

from guided.canvas.mask_settings import MaskSettings


def test_what_is_set_is_known_by_name():
    assert MaskSettings().changed == MaskSettings("sky.png", grow=0).changed == []
    assert MaskSettings("sky.png", invert=True, blur=2.0).changed == ["invert", "blur"]
    assert MaskSettings(jumps=[[0, 1], [0.5, 4]], jump=5).changed == ["jumps", "jump"]
