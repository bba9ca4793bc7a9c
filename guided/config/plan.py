"""A checked configuration: errors are found here, in a moment and without torch, before a weight
is loaded."""

from __future__ import annotations

import logging
import math
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial, wraps
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from omegaconf import DictConfig, OmegaConf

from guided.animation.depth import Maps
from guided.animation.film import Film, read_film
from guided.canvas.enlarging import check_upscaler, read_redraw, read_upscale, read_upscaler
from guided.canvas.init import Init, Photo, cropped, read_init, read_skip, round_down
from guided.canvas.known import Known, read_composition, read_restore
from guided.canvas.mask import Mask, read_mask, times
from guided.canvas.mask_settings import MaskSettings
from guided.canvas.outpaint import Outpaint, read_outpaint
from guided.canvas.seamless import RINGS, check_edges, read_tile
from guided.config import other_names, presets, understanding, varying
from guided.config.catalog import ranking
from guided.config.schema import Config, build, build_all, resolved
from guided.devices import check_memory, check_precision, check_threads, read_devices
from guided.diffusion.jumps import Jumps
from guided.errors import BadInput, as_integer, check_number, is_number, nearest, not_one_of, shown
from guided.generators.settings import GeneratorSettings
from guided.generators.sizes import LARGEST, Sizes
from guided.images import check_picture, open_mask
from guided.interfaces import (
    CutoutSettings,
    GuideSettings,
    NeededWeights,
    Output,
    SamplerSettings,
)
from guided.models import clip_config, open_clip_registry
from guided.models.cards import (
    MOST_RESTARTS,
    ClipCard,
    GeneratorCard,
    SecondaryCard,
    WeightsCard,
    film_cards,
    is_path,
    keep_in,
)
from guided.models.recognise import shapes
from guided.outputs.manner_names import NONE, read_manner
from guided.outputs.still import Still
from guided.paths import program
from guided.prompts import region_prompts, regions
from guided.prompts.prompt import Prompt, by_region, is_wanted, meant_for
from guided.prompts.styles import Artist, Style, StyleMix
from guided.prompts.wildcards import Wildcards
from guided.schedule import AUTO, always_zero
from guided.text import ENGLISH
from guided.timeline import MOST_STEPS
from guided.untrusted import allowed_files
from guided.untrusted.typed_paths import expand

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
Build = Callable[[DictConfig, str], Any]
FILMED = ("still", "metrics", "progress")  # outputs that each frame of a film has
ROOM = 0.7  # share of the side of an object that a region should have
CROPPED = 0.15  # share of an init picture that may be lost to the shape of the canvas in silence
FEW_STEPS = 12  # fewer make no picture
SMALL = 128 * 128  # pixels of a picture for which one thread is enough
SIZE = re.compile(r"\s*(\d{1,9})(?:\.0*)?\s*[x×*]\s*(\d{1,9})(?:\.0*)?\s*")  # 768x512


# What a field of a plan affects. The prompts, the seed and the like, which decide steps too, are
# told apart by picture (Pipeline.fingerprint).
NEITHER = {"steps": False, "memory": False}
STEPS = {"steps": True, "memory": False}
MEMORY = {"steps": False, "memory": True}
MADE = 256  # lists of prompts that a plan keeps
STEPS_AND_MEMORY = {"steps": True, "memory": True}


def once(make: Callable[[Plan, int], list[Prompt]]) -> Callable[[Plan, int], list[Prompt]]:
    """Return a method of Plan that makes the prompts of an image once, to be used many times."""

    @wraps(make)
    def made(plan: Plan, seed: int) -> list[Prompt]:
        key = make.__name__, seed
        if key not in plan.made:
            if len(plan.made) >= MADE:  # of earlier images, which are not asked for again
                plan.made.clear()
            plan.made[key] = make(plan, seed)
        return plan.made[key]

    return made


@dataclass
class Plan:
    """A checked configuration: a plan that exists can be drawn."""

    prompts: list[Prompt] = field(metadata=NEITHER)
    model: GeneratorCard = field(metadata=STEPS_AND_MEMORY)
    secondary: SecondaryCard | None = field(metadata=STEPS_AND_MEMORY)
    clips: dict[str, ClipCard] = field(metadata=STEPS_AND_MEMORY)
    cutouts: CutoutSettings = field(metadata=STEPS_AND_MEMORY)
    sampler: SamplerSettings = field(metadata=STEPS)
    guides: dict[str, GuideSettings] = field(metadata=STEPS_AND_MEMORY)
    generator: GeneratorSettings = field(metadata=STEPS_AND_MEMORY)
    outputs: dict[str, Output] = field(metadata=NEITHER)
    size: tuple[int, int] = field(metadata=STEPS_AND_MEMORY)
    steps: int = field(metadata=STEPS)
    seed: int = field(metadata=NEITHER)
    count: int = field(metadata=NEITHER)
    device: str = field(metadata=MEMORY)
    precision: str = field(metadata=MEMORY)
    folder: Path = field(metadata=NEITHER)
    styles: StyleMix = field(default_factory=StyleMix, metadata=STEPS)
    restarts: int = field(default=0, metadata=NEITHER)  # of smears
    manner: str = field(default=NONE, metadata=NEITHER)  # or auto, or a name; see manner_of
    deterministic: bool = field(default=False, metadata=STEPS_AND_MEMORY)
    threads: int | None = field(default=None, metadata=NEITHER)  # None: the CPU's cores
    memory: float | str = field(default="auto", metadata=MEMORY)  # GB, auto or off
    wildcards: Wildcards = field(default_factory=Wildcards, metadata=NEITHER)
    judges: dict[str, ClipCard] = field(default_factory=dict, metadata=MEMORY)  # that only rank
    # The texts of the prompts, if their wildcards are decided already.
    drawn: list[str] | None = field(default=None, metadata=STEPS)
    batch_size: int = field(default=1, metadata=NEITHER)
    devices: list[str] = field(default_factory=list, metadata=NEITHER)  # that share the batch
    keep: int | None = field(default=None, metadata=NEITHER)
    checkpoint: float = field(default=30.0, metadata=NEITHER)  # seconds
    name: str | None = field(default=None, metadata=NEITHER)
    init: Init | None = field(default=None, metadata=NEITHER)
    outpaint: Outpaint | None = field(default=None, metadata=NEITHER)
    mask: Mask | None = field(default=None, metadata=NEITHER)
    upscale: int | None = field(default=None, metadata=NEITHER)
    redraw: float | None = field(default=None, metadata=NEITHER)  # share of the steps, guided
    upscaler: str = field(default="", metadata=MEMORY)  # weights of the network; empty: none
    known: list[Known] = field(default_factory=list, metadata=NEITHER)
    tile: str = field(default="none", metadata=STEPS_AND_MEMORY)
    skip: int = field(default=0, metadata=STEPS)
    layout: str | None = field(default=None, metadata=STEPS)  # of regions without a place
    film: Film | None = field(default=None, metadata=NEITHER)
    noise: Tensor | None = field(default=None, metadata=NEITHER)  # None: the seed's
    # what becomes of the finished image (1, 3, H, W) in [0, 1]
    finish: Callable[[Tensor], Tensor] | None = field(default=None, metadata=NEITHER)
    varied: varying.Parts = field(default_factory=dict, metadata=NEITHER)  # over a film
    # What its methods have made of the prompts of an image, by their names and its seed.
    made: dict[tuple[str, int], list[Prompt]] = field(
        default_factory=dict, init=False, repr=False, compare=False, metadata=NEITHER
    )

    @classmethod
    def read(
        cls,
        cfg: DictConfig,
        build: Build = build,
        flags: Sequence[str] = (),
        *,
        weights: bool = True,
        recorded: bool = False,
        seed: int | None = None,
    ) -> Plan:
        """Return the plan of a configuration. Raises BadInput that names the first setting that is
        wrong.

        `build` makes an object of a node; for the many plans of a batch, it may return one that it
        made before. Hydra's `flags` name folders of the user's presets, for wildcards. Unless
        `weights`, those of the models need not be there; a `recorded` one was drawn before. The
        `seed` is of a configuration that has none; None: a random one."""
        check_names(cfg)
        keep_in(cfg.cache)
        seed = secrets.randbelow(2**32) if seed is None else seed
        plan = cls.parsed(cfg, build, flags, seed if cfg.seed is None else cfg.seed).masked(cfg)
        plan.known = plan.read_known(cfg)
        film = plan.film
        maps = [film.settings.depth] if film and isinstance(film.depth, Maps) else []
        for place in [*plan.files, *maps]:
            allowed_files.warn_of_picture(place)
        plan = plan.resolved().filmed(cfg)
        plan.check(weights)
        plan.check_size(recorded)
        plan.batch_size = min(plan.batch_size, plan.count)
        # With a mask or to restore, all comes from noise: only what is known counts.
        whole = plan.mask is not None or cfg.restore is not None
        strength = cfg.strength
        if plan.film is not None and plan.film.video and cfg.skip is None and strength is None:
            strength = plan.film.value("strength", 0)
        skip = 0 if whole and cfg.skip is None and cfg.strength is None else cfg.skip
        plan.skip = read_skip(plan.steps, plan.init, skip, strength)
        if plan.steps - plan.skip < FEW_STEPS:
            less = f" less skip={plan.skip}" if plan.skip else ""
            log.warning("steps=%d%s is too few; 20 make a sketch", plan.steps, less)
        if plan.film is None:
            plan.sampler = plan.begun()
        return plan

    @classmethod
    def parsed(cls, cfg: DictConfig, build: Build, flags: Sequence[str], seed: int) -> Plan:
        """Return the plan with its settings as they are given, each checked for itself."""
        model = build(cfg.model, "model")
        tile = read_tile(plain(cfg.tile))
        generator = build(cfg.generator, "generator")
        check_model(generator, model)
        secondary = None
        if cfg.secondary and "secondary" in generator.uses:
            secondary = build(cfg.secondary, "secondary")
            check_secondary(generator, secondary)
        if not generator.starts_from_init and cfg.init is not None:
            raise BadInput(
                f"init={shown(cfg.init)}: generator={generator.name} begins with latents at "
                "random, not with a picture: init=null"
            )
        names = ("prompt", "negative", "image_prompt", "regions", "layout")
        animation = build(cfg.animate, "animate") if cfg.animate else None
        keyed = animation is not None and animation.prompts is not None
        prompts: list[Prompt] = []
        if not keyed or any(cfg[name] for name in names):
            values = [plain(cfg[name]) for name in names]
            if animation is not None and not keyed and not any(cfg[name] for name in names):
                raise BadInput(
                    'prompt is empty: say what to draw, as in prompt="a red heart", or '
                    'animate.prompts="{0: a red rose, 40: a sunflower}"'
                )
            prompts = region_prompts.parse(*values, needed=not keyed)
        size = plain(cfg.size)
        if size is None and cfg.layout is not None and model.draws_one_object:
            count = sum(one.region is not None for one in prompts)
            size = list(regions.canvas(cfg.layout, count, generator.sizes(model).default))
        size = read_size(size, generator.sizes(model), model.name)
        film = read_film(animation, cfg.frames, cfg.fps, seed, size)
        if film is not None:
            film = replace(film, common=tuple(prompts))
            prompts = film.prompts_at(film.made[0])
        clips = build_all(cfg.clip, "clip", build)
        return cls(
            prompts=prompts,
            film=film,
            varied=varying.read(cfg, film.settings.vary or ()) if film else {},
            model=model,
            secondary=secondary,
            clips=clips,
            cutouts=build(cfg.cutouts, "cutouts"),
            sampler=build(cfg.sampler, "sampler"),
            guides=build_all(cfg.guide, "guide", build),
            generator=generator,
            outputs=build_all(cfg.output, "output", build),
            size=size,
            steps=generator.steps(model) if cfg.steps is None else cfg.steps,
            seed=seed,
            count=cfg.count,
            device=read_devices(plain(cfg.device))[0],
            devices=read_devices(plain(cfg.device)),
            precision=check_precision(cfg.precision),
            deterministic=cfg.deterministic,
            threads=check_threads(plain(cfg.threads)),
            memory=check_memory(cfg.memory),
            folder=expand("folder", cfg.folder),
            manner=read_manner(plain(cfg.manner)),
            styles=StyleMix(
                read_styles(cfg.artist, "artist", Artist, build),
                read_styles(cfg.look, "look", Style, build),
            ),
            wildcards=Wildcards.read(
                cfg.wildcards, partial(presets.names, arguments=tuple(flags))
            ),
            drawn=plain(cfg.drawn),
            judges=judges_of(cfg.rank, clips),
            restarts=read_restarts(plain(cfg.restarts), model.recommended.restarts),
            batch_size=cfg.batch_size,
            keep=cfg.keep,
            checkpoint=cfg.checkpoint,
            name=cfg.name,
            init=read_init(cfg.init, cfg.init_fit, RINGS[tile]) or first_of(film),
            tile=tile,
            upscale=read_upscale(as_integer(plain(cfg.upscale))),
            redraw=read_redraw(
                plain(cfg.upscale), cfg.upscale_strength, model.recommended.upscale_strength
            ),
            upscaler=read_upscaler(
                cfg.upscaler,
                model.upscaler if "model" in generator.uses else "",
                cfg.upscale is not None,
            ),
            layout=cfg.layout,
        )

    def read_known(self, cfg: DictConfig) -> list[Known]:
        """Return the known part of the picture; BadInput if the generator cannot keep to it."""
        cells, until = cfg.composition_cells, cfg.composition_until
        known = {
            "restore": read_restore(cfg.restore, self.init, self.size),
            "keep_composition": read_composition(
                cfg.keep_composition, cells, until, cfg.init_fit, self.size
            ),
        }
        for name, one in known.items():
            if one and not self.generator.meets_constraints:
                raise BadInput(
                    f"{name}={shown(cfg[name])} needs generator=diffusion, not "
                    f"generator={self.generator.name}"
                )
        return [one for one in known.values() if one]

    def masked(self, cfg: DictConfig) -> Plan:
        """Return the plan with the canvas that is outpainted, and the mask of what is drawn
        anew."""
        settings = MaskSettings(**plain(cfg.mask))
        nearest_side = self.generator.sizes(self.model).nearest
        outpaint = read_outpaint(
            plain(cfg.outpaint), self.size, self.init is not None, nearest_side
        )
        if outpaint and cfg.restore:
            raise BadInput(f"restore={shown(cfg.restore)} keeps the whole picture: outpaint=null")
        size, added = (outpaint.size, outpaint.mask()) if outpaint else (self.size, None)
        mask = read_mask(settings, self.init, cfg.init_fit, size, added)
        if mask is not None and not self.generator.masks:
            raise BadInput(
                f"generator={self.generator.name} draws no part of a picture alone: mask=null"
            )
        sampler = self.sampler
        if mask is not None and times(settings).highest > 1:
            if "sampler" in self.generator.uses:
                sampler = Jumps(sampler, times(settings), settings.jump)
            else:
                log.warning("mask.jumps has no effect with generator=%s", self.generator.name)
        return replace(self, outpaint=outpaint, size=size, mask=mask, sampler=sampler)

    def filmed(self, cfg: DictConfig) -> Plan:
        """Return the plan with the frames of its film as pictures. Raise BadInput for what a film
        does not go with."""
        film = self.film
        if film is None:
            return self
        alone = ("count", "batch_size", "keep", "mask", "outpaint", "restore", "keep_composition")
        usual = Config()
        for name in (*alone, "upscale"):
            value, own = plain(cfg[name]), getattr(usual, name)
            if value != (vars(own) if name == "mask" else own):
                only = own if name in ("count", "batch_size") else "null"
                raise BadInput(f"{name}={shown(value)} does not go with animate: {name}={only}")
        if not self.generator.starts_from_init:
            raise BadInput(
                "animate needs a generator that begins with a picture, as generator=diffusion, "
                f"not {self.generator.name}"
            )
        if film.settings.seeds == "warped" and self.generator.name != "diffusion":
            raise BadInput("animate.seeds=warped moves the noise of generator=diffusion")
        if self.tile != "none" and not film.keeps_edges:
            raise BadInput(
                f"tile={self.tile} with animate needs a camera in two dimensions that shifts the "
                "picture and neither turns nor enlarges it, and animate.border=wrap; or tile=none"
            )
        if self.drawn is not None and film.prompts and film.settings.frame is None:
            raise BadInput("drawn= has the prompts of one frame, not of a film: drawn=null")
        still = self.outputs.get("still")
        if not isinstance(still, Still):
            raise BadInput("animate needs pictures to make the film of: output=[still]")
        if still.format != "png":
            raise BadInput(
                f"output.still.format={still.format}: the frames of a film are PNG; that of the "
                "film is animate.format=mp4, webp or gif"
            )
        for name in film.settings.vary or ():
            frames = range(film.timing.frames)
            for frame in (min(frames, key=film.tracks[name]), max(frames, key=film.tracks[name])):
                with named(f"animate.vary at frame {frame}"):
                    self.at_frame(frame)
        outputs = {name: self.outputs[name] for name in FILMED if name in self.outputs}
        return replace(self, outputs=outputs, count=len(film.made))

    def resolved(self) -> Plan:
        """Return the plan with every setting `auto` of its parts replaced by a value."""
        facts = self.size, self.steps
        return replace(
            self,
            threads=1 if self.threads is None and self.is_small else self.threads,
            generator=self.generator.resolve_auto(*facts),
            sampler=self.sampler.resolve_auto(*facts),
            cutouts=self.cutouts.resolve_auto(*facts),
            guides={name: guide.resolve_auto(*facts) for name, guide in self.guides.items()},
            outputs={name: output.resolve_auto(*facts) for name, output in self.outputs.items()},
        )

    @property
    def is_small(self) -> bool:
        """Return whether the picture and the CLIPs are so small that a calculation gains little
        from a second thread."""
        pixels = math.prod(self.size)
        return pixels <= SMALL and all(card.is_small for card in self.clips.values())

    @property
    def generator_cards(self) -> list[WeightsCard]:
        """Return the cards of the networks that the generator loads."""
        used = {name: getattr(self, name) for name in ("model", "secondary")}
        return [card for name, card in used.items() if name in self.generator.uses and card]

    @property
    def loose_cards(self) -> list[WeightsCard]:
        """Return the cards of the networks that the generator and the film load."""
        films = film_cards(self.film.settings.networks) if self.film else []
        return [*self.generator_cards, *films]

    @property
    def rings(self) -> tuple[bool, bool]:
        """Return whether opposite edges of the picture meet (across, down)."""
        return RINGS[self.tile]

    @property
    def drawn_with(self) -> str:
        """Return the name of the model, or of the generator if that needs none."""
        return self.model.name if "model" in self.generator.uses else self.generator.name

    def affecting(self, what: Literal["steps", "memory"]) -> list[tuple[str, Any]]:
        """Return the names and values of the fields that affect the `steps` of every picture, or
        the `memory` that a step needs."""
        return [(f.name, getattr(self, f.name)) for f in fields(self) if f.metadata[what]]

    def check(self, weights: bool = True) -> None:
        """Raise BadInput for settings that are out of range or do not go together, or weights that
        are not there."""
        try:
            check_number("steps", self.steps, 1, MOST_STEPS, whole=True)
            check_number("count", self.count, 1, 10_000, whole=True)
            check_number("seed", self.seed, 0, 2**63 - 1 - self.count, whole=True)
            check_number("batch_size", self.batch_size, 1, 256, whole=True)
            check_number("checkpoint", self.checkpoint, 0)
            if self.keep is not None:
                check_number("keep", self.keep, 1, self.count, whole=True)
                self.check_keep()
        except ValueError as error:
            hint = "; seed=random draws one" if str(error).startswith("seed=") else ""
            raise BadInput(f"{error}{hint}") from error
        if self.secondary and any(side % self.secondary.DIVISOR for side in self.size):
            raise BadInput(
                f"size={list(self.size)}: secondary={self.secondary.name} needs a width and a "
                f"height that are multiples of {self.secondary.DIVISOR}"
            )
        self.check_prompts()
        for prompts in self.film.prompts.prompts[1:] if self.film and self.film.prompts else ():
            replace(self, prompts=list(prompts), drawn=None).check_prompts()
        self.generator.check(self.sampler)
        self.check_tile()
        self.check_manner()
        self.check_redraw()
        for guide in self.guides.values():
            guide.check(self.init is not None)
        self.check_outputs()
        check_upscaler(self.upscaler)
        if weights:
            check_models(self.loose_cards, self.clips | self.judges, self.guides)
        self.tell_of_small_regions()
        self.tell_of_crop()
        self.tell_ignored()
        if not self.clips and "clip" in self.guides:
            raise BadInput("clip=[] chooses no CLIP, but the guide 'clip' needs one")

    def missing(self) -> str:
        """Return which weights are missing, and the command that fetches them; empty: none."""
        try:
            check_models(self.loose_cards, self.clips | self.judges, self.guides)
        except BadInput as error:
            return str(error)
        return ""

    def tell_ignored(self) -> None:
        """Warn of prompts that nothing follows, and of pictures that nothing keeps."""
        guide = self.guides.get("clip")
        heard = {name for name, card in self.clips.items() if not always_zero(card.weight)}
        unread = not self.generator.reads_prompts
        if guide is None and unread:
            log.warning("without the guide 'clip' nothing follows the prompt; guide=[clip,...]")
        elif guide is not None:
            zero = [f"guide.clip.{guide.zero}"] * bool(guide.zero)
            zero += [f"generator.{self.generator.zero}"] * bool(self.generator.zero)
            zero += [f"clip.{name}.weight" for name in self.clips] * (not heard)
            if zero and unread:
                log.warning("nothing follows the prompt: %s 0", are(zero))
            elif guide.weak:
                log.warning(
                    "guide.clip.%s hardly guides: scales of CLIP's gradient are in the hundreds "
                    "and thousands, unlike those of classifier-free guidance",
                    guide.weak,
                )
            unheard = not any(card.lexicon for card in self.clips.values())
            if guide.contrasts and unheard and not self.model.recommended.contrast:
                log.warning(
                    "guide.clip.contrast has no effect: it needs a CLIP with a lexicon of what it "
                    "knows, as clip=embedded"
                )
        if self.prompts and not any(map(is_wanted, self.prompts)):
            log.warning(
                "every prompt has a negative weight: the picture is only kept away from them"
            )
        for asked in self.prompts:
            if heard and asked.clips and not heard.intersection(asked.clips):
                names = are([f"clip.{name}.weight" for name in asked.clips])
                log.warning("nothing follows the prompt %s: %s 0", shown(asked.text), names)
        if not any(output.keeps for output in self.outputs.values()):
            log.warning(
                "output=[%s] keeps no picture; output=[still] does", ",".join(self.outputs)
            )

    def check_size(self, recorded: bool) -> None:
        """Warn of a size at which the model draws no whole object, with the way to a picture of
        that size. Raise BadInput where a small model draws nothing but noise; a picture that is
        `recorded` is drawn again all the same."""
        windows = self.generator.windows(self.size, self.model)
        if windows == 1 and (chosen := self.generator.chosen_tiles):
            log.warning(
                "generator.tiles=%s has no effect at size=%s: one window of %s holds it",
                *(chosen, list(self.size), self.model.name),
            )
        if not self.sizes.is_far_above(self.size):
            return
        (width, height), times = self.sizes.enlarged(self.size)
        alone = not any(asked.region for asked in self.prompts)  # regions have room for objects
        refused = alone and self.sizes.is_noise(self.size) and not recorded
        expected = "expect fragments and noise, slowly"
        if self.sizes.windowed:
            expected = "it is drawn in windows, slowly, and things may be there several times"
        line = (
            f"size={list(self.size)} is far above the {list(self.sizes.comfortable or ())} that "
            f"suit {self.model.name}: {'it would draw noise' if refused else expected}; "
            f"size=[{width},{height}] output.still.enlarge={times} makes a picture of "
            f"{width * times}x{height * times}"
        )
        if refused:
            raise BadInput(line)
        log.warning(line)

    @property
    def sizes(self) -> Sizes:
        """Return the sizes that the generator draws with the model."""
        return self.generator.sizes(self.model)

    def tell_of_small_regions(self) -> None:
        """Warn of a region in which a model of single objects has no room for one."""
        if not self.model.draws_one_object or "model" not in self.generator.uses:
            return
        own = self.model.size
        for asked in region_prompts.placed(self.prompts, self.layout, self.size, self.seed):
            if asked.region is None or asked.region.mask:
                continue
            left, top, right, bottom = asked.region.pixels(self.size)
            if min((right - left) / own[0], (bottom - top) / own[1]) < ROOM:
                log.warning(
                    "a region of %dx%d is small for the %dx%d objects that %s draws: a larger "
                    "size= has room",
                    *(right - left, bottom - top, *own, self.model.name),
                )
                return

    def tell_of_crop(self) -> None:
        """Warn if much of the init picture lies outside the canvas."""
        if not isinstance(self.init, Photo) or self.init.fit != "cover":
            return
        canvas = self.outpaint.inner if self.outpaint else self.size
        lost = cropped(self.init.picture.size, canvas)
        if lost < CROPPED:
            return
        shaped = self.sizes.shaped(self.init.picture.size)
        remedy = "init_fit=stretch stretches it"
        if (less := cropped(self.init.picture.size, shaped)) < lost:
            remedy = f"{100 * less:.0f}% with size=[{shaped[0]},{shaped[1]}]"
        name = shown(Path(self.init.path).name)
        log.warning("%.0f%% of init=%s is cropped off the canvas; %s", 100 * lost, name, remedy)

    def check_redraw(self) -> None:
        """Raise BadInput if the enlarged picture cannot be drawn again."""
        if self.redraw is None:
            return
        known = "mask, restore and keep_composition, which know the picture at its own size"
        if not self.generator.meets_constraints:
            raise BadInput(f"upscale=guided needs generator=diffusion, not {self.generator.name}")
        if self.mask is not None or self.known:
            raise BadInput(f"upscale=guided does not go with {known}; upscale=2 does")
        width, height = (2 * side for side in self.size)
        if max(width, height) > LARGEST:
            raise BadInput(
                f"upscale=guided draws {width}x{height} pixels, and at most {LARGEST} a side are "
                "drawn; upscale=2 does without"
            )

    def check_manner(self) -> None:
        """Raise BadInput if a chosen manner of drawing would change what is kept, or edges that
        meet."""
        if self.manner not in (AUTO, NONE) and (kept := self.kept_parts):
            raise BadInput(
                f"manner={self.manner} renders the whole picture, which does not go with {kept}: "
                "manner=none"
            )
        if self.manner not in (AUTO, NONE) and not self.saves_pictures:
            if self.film is not None:
                raise BadInput(
                    f"manner={self.manner} renders a film, which has several frames: frames=2 or "
                    "more, or manner=none"
                )
            raise BadInput(
                f"manner={self.manner} renders finished pictures, and "
                f"output=[{','.join(self.outputs)}] saves none: output=[still]"
            )

    def check_tile(self) -> None:
        """Raise BadInput if the picture's edges are to meet and cannot."""
        if self.tile == "none":
            return
        if setting := self.generator.open_edges:
            raise BadInput(f"tile={self.tile}: with {setting} opposite edges do not meet")
        if isinstance(self.init, Photo):
            check_edges(self.tile, self.init.path, self.init.fitted(self.size))

    def check_keep(self) -> None:
        """Raise BadInput if there are no pictures to choose from."""
        if "still" not in self.outputs:
            raise BadInput(f"keep={self.keep} needs pictures to choose from: output=[still]")
        if not self.judges and len(self.clips) > 1:
            log.warning(
                "keep=%d: the CLIPs that guide a picture also judge it; rank=vit_l14, say, asks "
                "one that does not",
                self.keep,
            )

    def check_outputs(self) -> None:
        """Raise BadInput if an output cannot be made."""
        stills = [output for output in self.outputs.values() if isinstance(output, Still)]
        if self.upscale and not stills:
            raise BadInput(f"upscale={self.upscale} needs a picture to enlarge: output=[still]")
        for name, output in self.outputs.items():
            try:
                if isinstance(output, Still):
                    output.check(self.size, self.upscale or 1)
                else:
                    output.check(self.size)
            except ValueError as error:
                raise BadInput(f"output.{name}.{error}") from error

    def check_prompts(self) -> None:
        """Raise BadInput unless everything that a prompt refers to exists and its weights can be
        normalised."""
        for asked in self.prompts:
            for name in asked.clips:
                if name not in self.clips:
                    raise BadInput(not_one_of("a prompt's clips", name, self.clips))
            if asked.image:
                setting = "regions: image" if asked.region else "image_prompt"
                check_picture(setting, asked.image)
            if asked.region and asked.region.mask:
                open_mask("regions: mask", asked.region.mask, self.size)
            for line in other_names.flags_in(asked.text, self.sizes):
                log.warning("in the prompt, %s; it is drawn as words", line)
        if not all(isinstance(text, str) for text in self.drawn or ()):
            raise BadInput(f"drawn={shown(self.drawn)} must be a list of texts, or null")
        if self.drawn is not None and len(self.drawn) != len(self.prompts):
            raise BadInput(
                f"drawn has {len(self.drawn)} texts for {len(self.prompts)} prompts; drawn=null "
                "decides wildcards anew"
            )
        for asked in self.prompts if self.drawn is None else ():
            if not asked.image:
                self.wildcards.check(asked.text)
        decided = self.decided(self.seed)
        reads = {name: card.reads for name, card in self.clips.items() if not card.lexicon}
        if warning := understanding.unreadable(self.styled(self.seed), reads):
            log.warning(warning)
        for warning in understanding.warnings(decided, self.clips):
            log.warning(warning)
        words = {name: artist.text(ENGLISH) for name, artist in self.styles.artists.items()}
        words |= {name: style.text(ENGLISH) for name, style in self.styles.styles.items()}
        if warning := understanding.warning_of_presets(words, self.clips):
            log.warning(warning)
        for name in self.clips:
            self.check_weights(name)

    def check_weights(self, clip: str) -> None:
        """Raise BadInput if Disco's rule of weights divides by 0 for a CLIP at any time; warn
        where the weights sum to 0 under another rule."""
        for own in by_region(meant_for(self.prompts, clip)).values():
            self.check_sum(clip, own)

    def check_sum(self, clip: str, meant: Sequence[Prompt]) -> None:
        """Raise BadInput or warn as `check_weights` for prompts that are normalised together."""
        if all(isinstance(p.weight, int | float) and p.weight > 0 for p in meant):
            return
        for k in range(1001):
            weights = [weight for p in meant if (weight := p.at(k / 1000))]
            if weights and abs(sum(weights)) < 1e-3 * max(map(abs, weights)):
                break
        else:
            return
        if any(guide.divides_by_weights for guide in self.guides.values()):
            raise BadInput(
                "guide.clip.weights=sum divides by the sum of the prompts' weights, which is 0 "
                f"for clip={clip} at progress {k / 1000:g}; use weights=sizes or other weights"
            )
        if k == 0:
            log.warning(
                "the prompts' weights sum to 0 for clip=%s: what is asked for and what is kept "
                "away pull equally hard",
                clip,
            )

    @property
    def files(self) -> list[str]:
        """The pictures of others that it needs."""
        photos = [self.init, *(known.photo for known in self.known)]
        paths = [photo.path for photo in photos if isinstance(photo, Photo)]
        paths += [asked.image for asked in self.prompts if asked.image]
        paths += [self.mask.path] if self.mask is not None else []
        if self.film is not None:
            own = self.film.settings
            places = (own.before, own.after, own.first, own.audio, own.video)
            paths += [path for path in places if path]
        masks = [asked.region.mask for asked in self.prompts if asked.region]
        return list(dict.fromkeys(path for path in paths + masks if path))

    def frame_skip(self, film: Film, frame: int, uncovers: bool) -> int:
        """Return how many steps a frame of a film leaves out, in which something is uncovered or
        not."""
        if film.settings.border == "draw" and uncovers:
            return 0
        return min(self.steps - 1, round_down((1 - film.strength(frame)) * self.steps))

    def at_frame(self, frame: int) -> Plan:
        """Return the plan with the settings that its parts have at a frame of its film."""
        assert self.film is not None
        changes: dict[str, Any] = {}
        for where, part in varying.made(self.varied, self.film.varied(frame)).items():
            group, _, name = where.partition(".")
            if group != "clip":
                part = part.resolve_auto(self.size, self.steps)
            if name:
                group = f"{group}s"
                part = {**changes.get(group, getattr(self, group)), name: part}
            changes[group] = part
        plan = replace(self, **changes)
        return plan if frame else replace(plan, sampler=plan.begun())

    def begun(self) -> SamplerSettings:
        """Return the sampler with steps repeated within those that are taken: what the picture
        will be is decided in the first of them. Over a video all frames are drawn alike."""
        if self.film is not None and self.film.video is not None:
            return self.sampler
        return self.sampler.begun(self.skip / self.steps)

    def init_of(self, seed: int) -> Tensor | None:
        """Return the init picture of the image with this seed as it lies on the canvas,
        (1, 3, H, W) in [0, 1]; None if there is none."""
        if self.init is None:
            return None
        if self.outpaint is None:
            return self.init.image(self.size, seed)
        return self.outpaint.filled(self.init.image(self.outpaint.inner, seed))

    @once
    def prompts_of(self, seed: int) -> list[Prompt]:
        """The prompts of the image with this seed as the CLIPs are given them: decided, with
        artists and styles said, and without manners of drawing that a filter renders."""
        prompts = self.styled(seed)
        if not self.filters:
            return prompts
        return [understanding.without_manner(asked, self.clips) for asked in prompts]

    def manner_of(self, seed: int) -> str:
        """The manner of drawing in which the finished image with this seed is rendered by a
        filter; "" for none."""
        if self.manner != AUTO:
            return "" if self.manner == NONE else self.manner
        if not self.filters:
            return ""
        return understanding.manner_of(self.styled(seed), self.clips)

    @property
    def filters(self) -> bool:
        """Whether manners of drawing are filters of the finished picture, and no prompts."""
        if self.manner != AUTO:
            return self.manner != NONE
        recommended = "model" in self.generator.uses and self.model.recommended.filters_manner
        return recommended and self.saves_pictures and not self.kept_parts

    @property
    def smear(self) -> float:
        """The error of the model's predictions of a finished picture from which on it is a smear.
        0 where that says nothing: the model cannot tell, or the picture is not one of a single
        thing at the model's own size, drawn from noise."""
        if "model" not in self.generator.uses or not self.model.draws_one_object:
            return 0
        usual = self.size == tuple(self.model.size) and self.steps >= FEW_STEPS
        begun = self.film is None and self.init is None and self.noise is None
        changed = self.kept_parts or getattr(self.generator, "symmetry", "none") != "none"
        return self.model.recommended.smear if usual and begun and not changed else 0

    def thing_of(self, seed: int) -> str:
        """The one thing that the image with this seed is to show and that its CLIPs know, by its
        name in the prompt's language; "" if there is none or several, or if CLIP is to draw it in
        a manner of its own."""
        wanted = [asked for asked in self.prompts_of(seed) if is_wanted(asked)]
        if len(wanted) != 1 or wanted[0].image or wanted[0].region:
            return ""
        (asked,) = wanted
        for words in understanding.lexicons(self.clips, asked.clips):
            reading = words.read(asked.text)
            if reading.known and not reading.manner:
                return words.names[reading.known][reading.chinese]
        return ""

    @property
    def saves_pictures(self) -> bool:
        """Whether finished pictures are saved, or a film: which is written of several frames."""
        still = any(isinstance(output, Still) for output in self.outputs.values())
        return still and (self.film is None or self.film.timing.frames > 1)

    @property
    def kept_parts(self) -> str:
        """The settings by which something is kept, or meets, that a filter would change."""
        known = {"mask": self.mask, "outpaint": self.outpaint}
        kept = {**known, "restore or keep_composition": self.known}
        # A frame of a film has a mask of what the camera uncovers, and is filtered as the others.
        names = [name for name, value in kept.items() if value and self.film is None]
        return ", ".join(names + (["tile"] if self.tile != "none" else []))

    @once
    def styled(self, seed: int) -> list[Prompt]:
        """The decided prompts of the image with this seed, with artists and styles said."""
        return self.styles.applied(
            self.decided(seed), lambda words, name: self.wildcards.draw(words, seed, name)
        )

    def understood(self, seed: int) -> dict[str, str]:
        """The texts of the image with this seed that small CLIPs read otherwise, and how."""
        return understanding.understood(self.decided(seed), self.clips, self.filters)

    @once
    def decided(self, seed: int) -> list[Prompt]:
        """The prompts, their wildcards decided and their regions placed for the image with this
        seed."""
        prompts = region_prompts.placed(self.prompts, self.layout, self.size, seed)
        if self.drawn is not None:
            decided = zip(prompts, self.drawn, strict=True)
            return [replace(asked, text=text) for asked, text in decided]
        numbers = [k if asked.number is None else asked.number for k, asked in enumerate(prompts)]
        return [
            asked if asked.image else replace(asked, text=self.wildcards.draw(asked.text, seed, k))
            for k, asked in zip(numbers, prompts, strict=True)
        ]


def own_judge(clips: Mapping[str, ClipCard]) -> ClipCard | None:
    """Return the card of the judge that comes with small CLIPs; None if one of the CLIPs is large,
    and asked for more than it knows."""
    if not all(card.lexicon for card in clips.values()):
        return None
    return next((own for card in clips.values() if (own := card.own_judge())), None)


def read_restarts(restarts: Any, usual: int) -> int:
    """Return how often a smear is drawn again: `usual` for auto. Raise BadInput for anything but a
    whole number from 0."""
    if restarts == AUTO:
        return usual
    try:
        check_number("restarts", restarts, 0, MOST_RESTARTS, whole=True)
    except ValueError as error:
        raise BadInput(f"{error}, or auto") from error
    return int(restarts)


def judges_of(rank: Any, clips: Mapping[str, ClipCard]) -> dict[str, ClipCard]:
    """Return the CLIPs that rank pictures: that of rank=, or the judge that comes with small
    CLIPs. Empty: the CLIPs that guide."""
    own = own_judge(clips) if rank == AUTO else None
    return {own.name: own} if own else ranking(rank)


def are(names: Sequence[str]) -> str:
    """Return names as the subject of a sentence, with its verb."""
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"


def check_model(generator: GeneratorSettings, model: GeneratorCard) -> None:
    """Raise BadInput if the generator draws with models of another kind."""
    if "model" in generator.uses and not isinstance(model, generator.card):
        raise BadInput(
            f"model={model.name} is for generator={model.generator}, not for "
            f"generator={generator.name}; choose another model, or generator={model.generator}"
        )


def check_secondary(generator: GeneratorSettings, secondary: SecondaryCard) -> None:
    """Raise BadInput if the generator takes secondary models of another kind."""
    if type(secondary) is not generator.secondary_card:
        raise BadInput(
            f"secondary={secondary.name} is for generator={secondary.generator}, not for "
            f"generator={generator.name}; secondary=none does without"
        )


def check_names(cfg: DictConfig) -> None:
    """Raise BadInput for names at the top that are no settings, and for `trust`, which is taken
    off a command's settings."""
    known = [f.name for f in fields(Config)]
    for name in map(str, cfg):  # `+name=` gets past Hydra's own check
        if name not in known:
            raise BadInput(f"'{name}' is not a setting{nearest(name, known)}")
    if cfg.trust is not None:
        raise BadInput("trust= counts on the command line only, beside from=, prompts=, resume=")


def check_models(
    cards: Sequence[WeightsCard],
    clips: Mapping[str, ClipCard],
    guides: Mapping[str, GuideSettings],
) -> None:
    """Raise BadInput that names all weights that are missing and the command that fetches them:
    those of the generator's and the film's cards, of CLIPs and of guides."""
    needed = {name: guide.networks() for name, guide in guides.items()}
    weights: list[NeededWeights] = [*cards, *chain(*needed.values())]
    every: list[NeededWeights | ClipCard] = [*weights, *clips.values()]
    for own in (card for card in weights if is_path(card.file)):
        if missing := own.missing():
            raise BadInput(missing)
    texts = [text for card in every if (text := card.missing())]
    if not texts:
        check_ones_own(weights, clips)
        return
    words = [f"{card.GROUP}={card.name}" for card in weights if card.missing()]
    lacking = [name for name, cards in needed.items() if any(card.missing() for card in cards)]
    words += [f"guide=[{','.join(lacking)}]"] if lacking else []
    names = [name for name, card in clips.items() if card.missing()]
    words += [f"clip=[{','.join(names)}]"] if names else []
    unsure = any(card.missing() and not card.sha256 and card.urls for card in weights)
    words += ["trust=true"] if unsure else []
    fetch = f"{program()} models=download {' '.join(words)}"
    raise BadInput(f"{'; '.join(texts)}. Fetch with: {fetch}")


def check_ones_own(cards: Sequence[NeededWeights], clips: Mapping[str, ClipCard]) -> None:
    """Raise BadInput if a file of weights that the user names is no file of tensors, or if a
    CLIP's folder describes a larger model than its weights."""
    for card in (card for card in cards if is_path(card.file)):
        with named(f"{card.GROUP}={card.name}"):
            shapes(Path(card.file).expanduser())
    for name, clip in clips.items():
        with named(f"clip={name}", clip.arch):
            if clip.has_own_weights():
                if not any(key.endswith("logit_scale") for key in shapes(clip.place())):
                    raise BadInput(f"{clip.place()} holds no CLIP: there is no logit_scale in it")
            elif (folder := clip.folder()) and clip_config.names_timm(folder):
                from guided.clip.folder import check_amount

                check_amount(folder)


@contextmanager
def named(setting: str, arch: str = "") -> Iterator[None]:
    """Put a setting's name before the message of a BadInput, and a hint at OpenAI's weights of
    that architecture of a CLIP behind it."""
    try:
        yield
    except BadInput as error:
        openai = arch and "openai" in open_clip_registry.tags(arch)
        hint = f"; clip=[{arch}::openai] are OpenAI's weights" if openai else ""
        raise BadInput(f"{setting}: {error}{hint}") from error


def read_styles(nodes: DictConfig, group: str, kind: type, build: Build) -> dict[str, Any]:
    """Return the objects of the presets of a group that describe a style; presets that only set
    something else have none."""
    found = build_all(nodes, group, build)
    for name, preset in found.items():
        if not isinstance(preset, kind):
            raise BadInput(f"{group}.{name} must be a guided.prompts.styles.{kind.__name__}")
    return found


def plain(node: Any) -> Any:
    """Return a node as plain data."""
    return resolved(node, "") if OmegaConf.is_config(node) else node


def first_of(film: Film | None) -> Photo | None:
    """Return the picture that a film over a video begins with; None for others."""
    if film is None or film.video is None:
        return None
    return Photo(film.video.frame(0, film.timing.size), "cover", film.video.path)


def read_size(size: Any, sizes: Sizes, name: str) -> tuple[int, int]:
    """Return (width, height) of [768, 512], 512 or 768x512; raise BadInput unless the generator,
    with the model `name`, draws it."""
    if isinstance(size, str) and (found := SIZE.fullmatch(size)):
        size = [int(found[1]), int(found[2])]
    size = [size, size] if is_number(size) else size
    size = sizes.default if size is None else size
    size = [as_integer(side) for side in size] if isinstance(size, list | tuple) else size
    whole = isinstance(size, list) and all(type(side) is int for side in size)
    if not whole or len(size) != 2:
        raise BadInput(
            f"size={shown(size)} must be [width, height], as in size=[768,512], or size=512"
        )
    fitting = [sizes.nearest(side) for side in size]
    if fitting != size:
        step, (least, most) = sizes.step, sizes.range
        nearest = f"the nearest is size=[{fitting[0]},{fitting[1]}]"
        if least == most:
            raise BadInput(f"size={size}: {name} draws {least}x{least} only; {nearest}")
        multiples = f" that are multiples of {step}" if step > 1 else ""
        raise BadInput(
            f"size={size}: {name} draws widths and heights from {least} to "
            f"{min(LARGEST, sizes.most or LARGEST)}{multiples}; {nearest}"
        )
    return size[0], size[1]
