"""The table of what fits which GPU, on one small size of it."""

from benchmarks.memory import Counter, within
from guided.memory.available import DRIVER, GB
from guided.memory.strategies import SPARE


def test_a_published_u_net_is_counted_and_cut_to_fit() -> None:
    counter = Counter((256, 256), {})
    others, needs = counter.network(256, False)
    assert 1.0e9 < others < 1.2e9  # 552.8 M parameters in half precision
    again, kept = needs[True].step, needs[False].step
    assert again < kept
    fixed = others + DRIVER["cuda"]
    enough = (fixed + kept * (1 + SPARE)) / GB + 0.01
    less = (fixed + (kept + again) / 2 * (1 + SPARE)) / GB
    counter.clips["blind"], counter.looked["blind"] = Blind(), (0, 0)
    told = [within(counter, ("blind",), others, needs, gb) for gb in (enough, less, 1.0)]
    assert told[0].startswith("256x256: ") and "again" not in told[0]
    assert told[1].endswith("(again)") and told[2] == ""


class Blind:
    """A CLIP that weighs nothing and needs nothing."""

    visual = None
