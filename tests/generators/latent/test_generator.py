"""Latent diffusion: the same latents as diffusers' own pipeline where no guide acts, gradients of
the guides by finite differences, and from any state on, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from guided.config.catalog import card_for
from guided.diffusion.multistep_samplers import DPMSolver
from guided.diffusion.samplers import DDIM, DDPM
from guided.generators.latent.card import DecoderCard, LatentCard
from guided.generators.latent.generator import DiffusionInLatents
from guided.generators.latent.network import TinyDecoder
from guided.generators.latent.noise import latent_timeline
from guided.generators.latent.settings import Latent
from guided.generators.latent.text import EncodedTexts
from guided.generators.settings import LoadContext
from guided.guides.base import LossGuide
from guided.interfaces import Guide, Request, State, Step
from guided.memory.estimate import held, measure_step
from guided.models.model_cache import ModelCache
from guided.oom import MemoryPolicy
from guided.prompts.prompt import Prompt
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.doubles import randomised
from tests.generators.latent import published
from tests.generators.pixels.test_generator import Noisy
from tests.generators.same_bits import assert_alone_as_in_a_batch, assert_resumes

CPU = torch.device("cpu")
SIZE, STEPS = (16, 16), 5  # of pictures; latents have half the sides
KINDS = {
    "1, folder": (False, "folder", {}),
    "2, folder": (True, "folder", {"prediction_type": "v_prediction"}),
    "1, single file": (False, "file", {}),
    "2, single file": (True, "file", {}),
}


@pytest.fixture(scope="module", params=KINDS)
def made(request, tmp_path_factory) -> tuple[Any, LatentCard]:
    """A pipeline of diffusers, and the card of what it saved."""
    second, form, scheduler = KINDS[request.param]
    path = tmp_path_factory.mktemp("latent") / "model.safetensors"
    pipeline = published.pipeline(second, **scheduler)
    if form == "folder":
        pipeline.save_pretrained(path.with_suffix(""))
        return pipeline, card_for(path.with_suffix(""))
    published.save_single(pipeline, path)
    return pipeline, card_for(path)


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> LatentCard:
    path = tmp_path_factory.mktemp("latent") / "folder"
    published.pipeline().save_pretrained(path)
    return card_for(path)


CACHE = ModelCache()


def generator(
    card: LatentCard, sampler: Any = None, decoder: Any = None, **settings: Any
) -> DiffusionInLatents:
    context = LoadContext(
        card, None, sampler or DDIM(eta=0), CPU, torch.float32, CACHE, MemoryPolicy()
    )
    return replace(Latent(**settings).load(context), decoder=decoder)


def tiny_decoder() -> TinyDecoder:
    """With random weights; the pictures are smaller, as those of the tests' autoencoder are."""
    decoder = TinyDecoder()
    decoder.net = published.diffusers.AutoencoderTiny(
        encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1),
    )  # fmt: skip
    return randomised(decoder, 3).eval().requires_grad_(False)


def request(seeds: tuple[int, ...] = (3,), prompts: Any = None, **more: Any) -> Request:
    own = prompts or [Prompt("a castle")]
    return Request(SIZE, seeds, more.pop("steps", STEPS), prompts=[own] * len(seeds), **more)


def picture() -> Tensor:
    """(1, 3, H, W) in [-0.8, 0.8]."""
    return 1.6 * torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)) - 0.8


def towards(target: Tensor) -> dict[str, Guide]:
    return {"near": LossGuide(lambda x: (x - target).square().sum((1, 2, 3)), schedule("s", 1))}


# ---- against diffusers ---------------------------------------------------------------------


def theirs(pipeline: Any, steps: int, scale: float, negative: str | None) -> list[Tensor]:
    """The latents after each step of a StableDiffusionPipeline with DDIM."""
    found = []

    def keep(pipe: Any, step: int, time: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        found.append(tensors["latents"].clone())
        return tensors

    pipeline(
        "a castle in the fog",
        negative_prompt=negative,
        height=16,
        width=16,
        num_inference_steps=steps,
        guidance_scale=scale,
        generator=torch.Generator().manual_seed(7),
        output_type="latent",
        callback_on_step_end=keep,
    )
    return found


@pytest.mark.parametrize(
    ("steps", "scale", "negative"),
    [(10, 7.5, None), (25, 3.0, "a smiling face"), (4, 1.0, None)],
    ids=["usual", "negative", "without classifier-free guidance"],
)
def test_without_guides_every_latent_is_that_of_diffusers(made, steps, scale, negative) -> None:
    """With diffusers' alpha of 1 at the end, which a clean picture has."""
    pipeline, card = made
    about = {**pipeline.scheduler.config, "set_alpha_to_one": True}
    pipeline.scheduler = type(pipeline.scheduler).from_config(about)
    prompts = [Prompt("a castle in the fog")]
    prompts += [Prompt(negative, -0.5)] if negative else []
    asked = request((7,), prompts, steps=steps)
    ours = [step.x for step in generator(card, cfg=scale).generate(asked, {})]
    expected = theirs(pipeline, steps, scale, negative)
    assert len(ours) == len(expected) == steps
    for mine, other in zip(ours, expected, strict=True):
        assert (mine - other).abs().max() < 1e-4 * other.abs().max()


def test_with_the_published_schedulers_settings_only_the_last_latent_differs(made) -> None:
    pipeline, card = made
    about = {**pipeline.scheduler.config, "set_alpha_to_one": False}
    pipeline.scheduler = type(pipeline.scheduler).from_config(about)
    asked = request((7,), [Prompt("a castle in the fog")], steps=10)
    ours = [step.x for step in generator(card).generate(asked, {})]
    for mine, other in zip(ours[:-1], theirs(pipeline, 10, 7.5, None)[:-1], strict=True):
        assert (mine - other).abs().max() < 1e-4 * other.abs().max()


def test_the_finished_picture_is_what_diffusers_decodes(made) -> None:
    pipeline, card = made
    *_, last = generator(card).generate(request(), {})
    with torch.no_grad():
        expected = pipeline.vae.decode(last.x / card.vae.scaling).sample
    assert torch.allclose(last.prediction.unguided, expected, atol=1e-4 * expected.abs().max())


def test_an_init_picture_is_encoded_as_diffusers_does(made) -> None:
    pipeline, card = made
    with torch.no_grad():
        expected = pipeline.vae.encode(picture()).latent_dist.mode() * card.vae.scaling
    own = generator(card)
    encoded = own._encoded(request(init=picture()), RandomStreams([3]))
    assert encoded is not None and torch.allclose(encoded, expected, atol=1e-5)


# ---- under guides --------------------------------------------------------------------------


@pytest.mark.parametrize("through", ["decoder", "unet"])
@pytest.mark.parametrize("small", [False, True], ids=["own decoder", "secondary"])
def test_the_gradient_is_that_of_finite_differences(card, through, small) -> None:
    """Of the guides' loss: along the predicted latents, times alpha, or along the noisy ones."""
    torch.set_default_dtype(torch.float64)
    try:
        own = generator(card, through=through, decoder=tiny_decoder() if small else None)
        own = replace(own, parts=deepcopy(own.parts).double())
        own.decoder = own.decoder and own.decoder.double()
        check_gradient(own, through)
    finally:
        torch.set_default_dtype(torch.float32)


def check_gradient(own: DiffusionInLatents, through: str) -> None:
    context = torch.randn(1, 77, 32, generator=torch.Generator().manual_seed(2))
    texts = [EncodedTexts([Prompt("", 1)], {"": context})]
    line, i = latent_timeline(10), 6
    denoiser, target = own._denoiser(line, texts), own._target()
    noise = torch.Generator().manual_seed(4)
    x, along = torch.randn(2, 1, 4, 8, 8, generator=noise)
    wanted = torch.rand(1, 3, 16, 16, generator=noise)

    def loss(image: Tensor) -> Tensor:
        return (image - wanted).square().sum()

    view = target(denoiser, x, i)
    image = view.image.detach().requires_grad_()
    (seen,) = torch.autograd.grad(loss(image), image)
    found = (view.backward(seen) * along).sum()
    guess = view.prediction.guided.detach()

    def at(step: float) -> Tensor:
        with torch.no_grad():
            if through == "unet":
                return loss(target.decode(denoiser(x + step * along, i).guided))
            return line.scales(i)[0] * loss(target.decode(guess + step * along))

    expected = (at(1e-6) - at(-1e-6)) / 2e-6
    assert abs(found - expected) < 1e-4 * abs(expected)


@pytest.mark.parametrize("settings", [{}, {"through": "unet"}, {"relative": 0.6, "clamp": None}])
def test_guides_are_followed(card, settings) -> None:
    """A guide towards a picture makes the finished one more like it."""

    def distance(guides: dict[str, Guide]) -> float:
        strong = {"clamp": 3.0, **settings}
        *_, last = generator(card, **strong).generate(request(steps=20), guides)
        return float((last.prediction.unguided - target).square().mean())

    target = generator(card).parts.decode(
        torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(9))
    )
    near = LossGuide(lambda x: (2 * x - 1 - target).square().sum((1, 2, 3)), schedule("s", 100))
    assert distance({"near": near}) < 0.8 * distance({})


def test_guides_see_the_small_decoder_and_the_finished_picture_is_the_models_own(card) -> None:
    small = tiny_decoder()
    own = generator(card, decoder=small)
    steps = list(own.generate(request(), {}))
    for step in steps[:-1]:
        shown = 2 * step.prediction.seen - 1
        assert torch.allclose(step.prediction.unguided, shown, atol=1e-5)
    last = steps[-1].prediction
    assert torch.allclose(last.unguided, own.parts.decode(steps[-1].x), atol=1e-5)
    assert not torch.allclose(last.unguided, 2 * last.seen - 1, atol=0.1)


def test_prompts_and_their_weights_change_the_picture(card) -> None:
    def drawn(*prompts: Prompt) -> Tensor:
        *_, last = generator(card).generate(request(prompts=prompts), {})
        return last.x

    castle = drawn(Prompt("a castle"))
    assert not torch.allclose(castle, drawn(Prompt("a tree")), atol=1e-3)
    for same in (
        [Prompt("a castle", 2.0)],
        [Prompt("a castle"), Prompt("fog", clips=("vit_b32",))],
        [Prompt("a castle"), Prompt("x.png", image="x.png")],
    ):
        assert torch.equal(castle, drawn(*same))


def test_what_a_mask_keeps_is_the_init_picture(card) -> None:
    asked = request(init=picture(), mask=torch.zeros(1, 1, 16, 16))
    assert asked.mask is not None
    asked.mask[..., 7:] = 1
    steps = list(generator(card).generate(asked, {"noisy": Noisy()}))
    kept = asked.mask.expand(1, 3, -1, -1) == 0
    for step in steps:
        assert torch.equal(step.prediction.unguided[kept], picture()[kept])
    encoded = generator(card)._encoded(asked, RandomStreams([3]))
    x = steps[-1].x
    assert torch.allclose(x[..., :3], encoded[..., :3], atol=1e-5)
    assert not torch.allclose(x[..., 3:], encoded[..., 3:], atol=1e-1)


# ---- resuming, batches and memory ----------------------------------------------------------

CASES: dict[str, tuple[Any, dict[str, Any], Request]] = {
    "usual": (DDIM(eta=0), {}, request()),
    "fresh noise": (DDPM(), {}, request()),
    "second order": (DPMSolver(), {}, request()),
    "three images": (DDIM(eta=0.5), {"every": 2}, request((3, 4, 5))),
    "an init picture": (DDIM(eta=0), {}, request((3, 4), init=picture(), skip=1)),
    "a mask": (
        DDIM(eta=0), {}, request(init=picture(), mask=torch.ones(1, 1, 16, 16).tril()),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_from_any_state_on_every_bit_is_that_of_a_run_that_never_stopped(
    name: str, card: LatentCard, tmp_path: Path
) -> None:
    sampler, settings, asked = CASES[name]

    def steps(saved: State | None) -> Iterator[Step]:
        return generator(card, sampler, **settings).generate(asked, {"noisy": Noisy()}, saved)

    assert_resumes(steps, asked.drawn, tmp_path)


@pytest.mark.parametrize("init", [None, picture()], ids=["noise", "init"])
def test_an_image_of_a_batch_has_every_bit_that_it_has_alone(card, init) -> None:
    def steps(seeds: tuple[int, ...]) -> Iterator[Step]:
        return generator(card).generate(request(seeds, init=init), {"noisy": Noisy()})

    assert_alone_as_in_a_batch(steps)


@pytest.mark.parametrize("through", ["decoder", "unet"])
def test_recomputing_activations_needs_less_memory_and_draws_the_same(card, through) -> None:
    counted, pictures = [], []
    for recompute in (False, True):
        made = generator(card, through=through)
        made.memory_policy.checkpointing = recompute
        *_, last = made.generate(request(steps=2), towards(torch.zeros(1, 3, 16, 16)))
        pictures.append(last.prediction.unguided)
        meta = made.on_meta()
        large = Request((64, 64), (3,), 2)
        guides = towards(torch.zeros(1, 3, 64, 64, device="meta"))
        owned = held(*meta.networks().values())
        counted.append(measure_step(meta, guides, large, "cpu", owned, 0.0))
    made.parts.checkpointing = False
    assert torch.equal(*pictures)
    assert 0 < counted[1].activations < 0.7 * counted[0].activations


def test_through_the_unet_more_memory_is_counted_than_through_the_decoder(card) -> None:
    def activations(**settings: Any) -> int:
        meta = generator(card, **settings).on_meta()
        guides = towards(torch.zeros(1, 3, 64, 64, device="meta"))
        owned = held(*meta.networks().values())
        return measure_step(
            meta, guides, Request((64, 64), (3,), 2), "cpu", owned, 0.0
        ).activations

    assert activations(through="unet") > 1.5 * activations()


def test_running_out_of_memory_first_recomputes_activations(card, caplog) -> None:
    failures = [MemoryError()]

    class Large(Noisy):
        def __call__(self, image: Tensor, progress: float, rng: RandomStreams):
            if failures:
                raise failures.pop()
            return super().__call__(image, progress, rng)

    made = generator(card)
    next(made.generate(request(), {"large": Large()}))
    assert made.memory_policy.checkpointing and "generator.checkpointing=true" in caplog.text
    made.parts.checkpointing = False


def test_networks_are_told_apart(card) -> None:
    made = generator(card, decoder=tiny_decoder())
    assert list(made.networks()) == ["U-Net", "autoencoder", "text encoder", "secondary"]
    assert made.phase(0.5) != generator(card, cfg=1).phase(0.5)
    assert DecoderCard.generator == LatentCard.generator == "latent"
