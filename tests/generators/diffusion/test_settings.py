"""Settings of guided diffusion: their ranges, their forms, and how they reach the generator."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from guided.diffusion.multistep_samplers import PLMS, DPMSolver
from guided.diffusion.samplers import DDIM, DDPM
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.errors import BadInput
from guided.generators.diffusion import settings as module
from guided.generators.diffusion.settings import CHOICES, Diffusion
from guided.generators.settings import LoadContext
from guided.models import load
from guided.models.cards import ModelCard, SecondaryCard
from guided.models.jit import JiTCard
from guided.models.model_cache import ModelCache
from guided.oom import MemoryPolicy
from tests.doubles import randomised, smallest_unet

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clamp": -1}, "clamp=-1"),
        ({"clamp": "much"}, "clamp=much"),
        ({"reach": "auto"}, "reach=auto"),
        ({"reach": -0.1}, "reach=-0.1"),
        ({"secondary": 2}, "secondary=2"),
        ({"every": 0}, "every=0"),
        ({"every": 1.5}, "every=1.5"),
        ({"every": 1001}, "every=1001"),
        ({"rho": -1}, "rho=-1"),
        ({"mu": 101}, "mu=101"),
        ({"iterations": 0}, "iterations=0"),
        ({"iterations": 1.5}, "iterations=1.5"),
        ({"smoothing": -0.1}, "smoothing=-0.1"),
        ({"samples": 0}, "samples=0"),
        ({"relative": "auto"}, "relative=auto"),
        ({"spherical": 1.1}, "spherical=1.1"),
        ({"through": "straight", "mu": 1}, "through=straight is rho=0"),
        ({"checkpointing": 1}, "checkpointing=1"),
        ({"compile": "auto"}, "compile=auto"),
        ({"symmetry_at": 1.2}, "symmetry_at"),
        ({"symmetry": "left"}, "symmetry=left is not one of none, horizontal, .*rotate:6"),
        ({"symmetry": "rotate:1"}, "symmetry=rotate:1 must be from rotate:2 to rotate:64"),
        ({"symmetry": 6}, "symmetry=6 is not one of"),
        ({"symmetry_at": [0.2, "x"]}, "symmetry_at"),
        *[({name: "other"}, f"{name}=other is not one of") for name in CHOICES],
    ],
)
def test_what_is_out_of_range_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        Diffusion(**changes)


@pytest.mark.parametrize("name, value", [(n, v) for n, values in CHOICES.items() for v in values])
def test_every_choice_is_taken(name, value):
    assert getattr(Diffusion(**{name: value}), name) == value


def test_numbers_may_change_with_progress_or_be_left_out():
    settings = Diffusion(clamp=[[0, 1], [0.5, 3]], reach=None, every=[[0, 4], [0.25, 2]])
    assert [settings.clamp(p) for p in (0, 0.49, 0.5, 1)] == [1, 1, 3, 3]
    assert [settings.every(p) for p in (0, 0.25, 1)] == [4, 2, 2]
    assert settings.reach is None
    assert Diffusion(clamp=None).clamp is None
    assert Diffusion(clamp="auto").clamp == "auto"


@pytest.mark.parametrize("share", [0, 0.25, 1])
def test_one_time_of_symmetry_is_a_list_of_one(share):
    assert Diffusion(symmetry_at=share).symmetry_at == Diffusion(symmetry_at=[share]).symmetry_at


def test_a_rotated_picture_is_symmetric_at_its_end_unless_times_are_set():
    assert max(Diffusion(symmetry="rotate:6").symmetry_at) == 1
    assert max(Diffusion(symmetry="rotate:6", symmetry_at=0.4).symmetry_at) == 0.4
    for symmetry in ("none", "horizontal", "both"):
        assert Diffusion(symmetry=symmetry).symmetry_at == (0.1, 0.3, 0.5)


@pytest.mark.parametrize("given, recompute", [(True, True), (False, False), ("auto", None)])
def test_recomputing_is_decided_by_the_user_or_by_memory(given, recompute):
    assert Diffusion(checkpointing=given).recompute is recompute


def test_a_compiler_is_looked_for_only_when_it_is_needed(monkeypatch):
    def missing():
        raise ValueError("compile=true needs a compiler")

    monkeypatch.setattr(module, "check_compiler", missing)
    Diffusion(compile=False)
    with pytest.raises(ValueError, match="needs a compiler"):
        Diffusion(compile=True)


# ---- loading -------------------------------------------------------------------------------


@pytest.fixture
def context(tmp_path: Path) -> LoadContext:
    """A small random network and the secondary model, in files."""
    net = randomised(UNet(smallest_unet()))
    save_file(net.state_dict(), tmp_path / "unet.safetensors")
    torch.save(SecondaryModel().state_dict(), tmp_path / "secondary.pth")
    return LoadContext(
        model=ModelCard(
            name="small", file=str(tmp_path / "unet.safetensors"), unet=smallest_unet()
        ),
        secondary=SecondaryCard(name="second", file=str(tmp_path / "secondary.pth")),
        sampler=DDIM(),
        device=CPU,
        dtype=torch.float32,
        cache=ModelCache(),
        memory_policy=MemoryPolicy(),
    )


def test_settings_reach_the_generator(context):
    settings = Diffusion(
        clamp=0.3, reach=0.4, sees="blend", secondary=0, through="straight", every=3,
        between="nothing", symmetry="both", symmetry_at=[0.2, 0.6],
    )  # fmt: skip
    loaded = settings.load(context)
    method, target = loaded.method, loaded.target
    assert (method.clamp(0.5), method.reach(0.5), loaded.interval.every(0.5)) == (0.3, 0.4, 3)
    assert (target.sees, target.rho(0.5), target.mu(0.5)) == ("blend", 0, 1)
    assert loaded.interval.between == "nothing"
    assert loaded.memory_policy is context.memory_policy
    assert loaded.sampler is context.sampler and loaded.card is context.model
    assert not loaded.target.uses_secondary(0.5)  # its share is 0 all along
    assert Diffusion().load(context).target.uses_secondary(0.5)


def test_settings_of_the_method_reach_the_generator(context):
    settings = Diffusion(
        rho=0.5, mu=[[0, 2], [0.5, 3]], iterations=4, smoothing=0.1, samples=2, relative=0.3,
        spherical=[[0, 0.2], [0.9, 0]], clamp=None,
    )  # fmt: skip
    loaded = settings.load(context)
    assert (loaded.target.rho(0), loaded.target.mu(0), loaded.target.mu(0.6)) == (0.5, 2, 3)
    method = loaded.method
    assert [f(0) for f in (method.iterations, method.smoothing, method.samples)] == [4, 0.1, 2]
    assert (method.relative(0), method.spherical(0), method.spherical(1)) == (0.3, 0.2, 0)
    assert method.clamp is None and not loaded.auto_clamp
    assert Diffusion(clamp="auto").load(context).auto_clamp


@pytest.mark.parametrize("sampler", [PLMS(), DPMSolver(), DDIM(eta=0)])
def test_turned_noise_needs_a_sampler_that_draws_some(sampler):
    Diffusion().check(sampler)
    Diffusion(spherical=0.3).check(DDIM(eta=[[0, 1], [0.5, 0]]))
    for noisy in (DDPM(), DPMSolver(eta=1)):
        Diffusion(spherical=0.3).check(noisy)
    with pytest.raises(BadInput, match=r"^generator.spherical turns .*sampler=ddpm"):
        Diffusion(spherical=0.3).check(sampler)


def test_repetitions_without_what_they_repeat_are_told(caplog):
    Diffusion(samples=2, smoothing=0.1, iterations=3, mu=[[0, 0], [0.5, 1]]).check(DDIM())
    Diffusion().check(DDIM())
    assert not caplog.text
    Diffusion(samples=2, iterations=[[0, 1], [0.5, 2]]).check(DDIM())
    assert "generator.samples has no effect while generator.smoothing is 0" in caplog.text
    assert "generator.iterations has no effect while generator.mu is 0" in caplog.text


def test_networks_are_loaded_once_for_rows_that_share_a_cache(context):
    first, second = Diffusion().load(context), Diffusion(clamp=9).load(context)
    assert first.networks().keys() == {"U-Net", "secondary"}
    for name, network in first.networks().items():
        assert second.networks()[name] is network
        assert not any(parameter.requires_grad for parameter in network.parameters())


def test_without_a_secondary_model_there_is_one_network(context):
    from dataclasses import replace

    loaded = Diffusion().load(replace(context, secondary=None))
    assert set(loaded.networks()) == {"U-Net"}
    assert not loaded.target.uses_secondary(0.5)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_compiled_network_is_loaded_by_another_way(context, monkeypatch, compiled):
    """The compiler itself is not run: tests/models/test_load.py does."""
    ways = []
    for name in ("load_unet", "load_compiled"):
        monkeypatch.setattr(load, name, spy(name, ways))
    monkeypatch.setattr(module, "check_compiler", lambda: None)
    Diffusion(compile=compiled).load(context)
    assert ways == ["load_compiled" if compiled else "load_unet"]


def spy(name, ways):
    """Return a loader that notes that it was called."""

    def loader(card, device, dtype):
        ways.append(name)
        return UNet(card.unet)

    return loader


# ---- networks that take one size only ------------------------------------------------------


@pytest.mark.parametrize("tiles", ["auto", "blend", "shift"])
def test_all_above_the_only_size_of_a_network_is_drawn_in_windows(tiles: str) -> None:
    card, settings = JiTCard(name="j", file="j.pt", size=[256, 256]), Diffusion(tiles=tiles)
    sizes = settings.sizes(card)
    assert (sizes.step, sizes.range, sizes.default) == (1, (256, 8192), (256, 256))
    assert sizes.windowed and not sizes.is_noise((2048, 2048))
    assert settings.windows((256, 256), card) == 1
    assert settings.windows((300, 256), card) == 2
    assert settings.windows((512, 512), card) == (9 if tiles != "shift" else 4)


def test_without_windows_only_that_size_is_drawn() -> None:
    card = JiTCard(name="j", file="j.pt", size=[256, 256])
    assert Diffusion(tiles="off").windows((256, 256), card) == 1
    with pytest.raises(BadInput, match=r"^generator.tiles=off: j takes 256x256 only"):
        Diffusion(tiles="off").windows((257, 256), card)
