"""A checked configuration: whatever can be wrong with it is found here, in a moment and without
torch, before a weight is loaded.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from guided.canvas.init import Init, Photo, read_init, read_skip
from guided.config import presets
from guided.config.catalog import ranking
from guided.config.overrides import name_of
from guided.config.schema import Config, build, build_all, resolved
from guided.devices import check_memory, check_precision, read_devices
from guided.errors import BadInput, check_number, nearest, not_one_of, shown
from guided.generators.settings import GROUPS, LARGEST, GeneratorSettings, Sizes
from guided.images import check_picture
from guided.interfaces import CutoutSettings, GuideSettings, Output, SamplerSettings
from guided.models.cards import (
    ClipCard,
    ModelCard,
    SecondaryCard,
    WeightsCard,
    keep_in,
    locate,
)
from guided.paths import program
from guided.prompts import prompt
from guided.prompts.prompt import Prompt, meant_for
from guided.prompts.styles import Artist, Style, StyleMix
from guided.prompts.wildcards import Wildcards
from guided.schedule import Schedule
from guided.text import unreadable
from guided.untrusted import allowed_files
from guided.untrusted.typed_paths import expand

log = logging.getLogger(__name__)
Build = Callable[[DictConfig, str], Any]
SIZE = re.compile(r"\s*(\d{1,9})\s*[x×*]\s*(\d{1,9})\s*")  # 768x512


@dataclass
class Plan:
    """A checked configuration: whatever can be wrong with it has been found by now."""

    prompts: list[Prompt]
    model: ModelCard
    secondary: SecondaryCard | None
    clips: dict[str, ClipCard]
    cutouts: CutoutSettings
    sampler: SamplerSettings
    guides: dict[str, GuideSettings]
    generator: GeneratorSettings
    outputs: dict[str, Output]
    size: tuple[int, int]
    steps: int
    seed: int
    count: int
    device: str
    precision: str
    folder: Path
    manner: StyleMix = field(default_factory=StyleMix)
    deterministic: bool = False
    memory: float | str = "auto"  # GB, auto or off
    wildcards: Wildcards = field(default_factory=Wildcards)
    judges: dict[str, ClipCard] = field(default_factory=dict)  # that only rank
    drawn: list[str] | None = None  # the prompts' texts, if their wildcards are decided already
    batch_size: int = 1
    devices: list[str] = field(default_factory=list)  # that share the batch
    keep: int | None = None
    checkpoint: float = 30.0  # seconds
    name: str | None = None
    init: Init | None = None
    skip: int = 0

    @classmethod
    def read(cls, cfg: DictConfig, build: Build = build, flags: Sequence[str] = ()) -> Plan:
        """BadInput names the first setting that is not right. `build` makes an object of a node,
        for the many plans of a batch perhaps the one that it made before; Hydra's `flags` say
        where presets of one's own are, for wildcards."""
        known = [f.name for f in fields(Config)]
        for key in cfg:  # `+name=` gets past Hydra's own check
            if key not in known:
                raise BadInput(f"'{key}' is not a setting{nearest(str(key), known)}")
        if cfg.trust is not None:  # the command's own was taken off it
            raise BadInput(
                "trust= counts on the command line only, beside from=, prompts=, resume="
            )
        keep_in(cfg.cache)
        model = build(cfg.model, "model")
        generator = build(cfg.generator, "generator")
        plan = cls(
            prompts=prompt.parse(plain(cfg.prompt), plain(cfg.negative), plain(cfg.image_prompt)),
            model=model,
            secondary=build(cfg.secondary, "secondary")
            if cfg.secondary and "secondary" in generator.uses
            else None,
            clips=build_all(cfg.clip, "clip", build),
            cutouts=build(cfg.cutouts, "cutouts"),
            sampler=build(cfg.sampler, "sampler"),
            guides=build_all(cfg.guide, "guide", build),
            generator=generator,
            outputs=build_all(cfg.output, "output", build),
            size=read_size(plain(cfg.size), generator.sizes(model), model.name),
            steps=generator.steps(model) if cfg.steps is None else cfg.steps,
            seed=secrets.randbelow(2**32) if cfg.seed is None else cfg.seed,
            count=cfg.count,
            device=read_devices(plain(cfg.device))[0],
            devices=read_devices(plain(cfg.device)),
            precision=check_precision(cfg.precision),
            deterministic=cfg.deterministic,
            memory=check_memory(cfg.memory),
            folder=expand("folder", cfg.folder),
            manner=StyleMix(
                read_styles(cfg.artist, "artist", Artist, build),
                read_styles(cfg.look, "look", Style, build),
            ),
            wildcards=Wildcards.read(
                cfg.wildcards, partial(presets.names, arguments=tuple(flags))
            ),
            drawn=plain(cfg.drawn),
            judges=ranking(cfg.rank),
            batch_size=cfg.batch_size,
            keep=cfg.keep,
            checkpoint=cfg.checkpoint,
            name=cfg.name,
            init=read_init(cfg.init, cfg.init_fit),
        )
        for picture in plan.files:
            allowed_files.tell_of_picture(picture)
        plan = plan.resolved()
        plan.check()
        plan.skip = read_skip(plan.steps, plan.init, cfg.skip, cfg.strength)
        if plan.steps - plan.skip < 12:
            less = f" less skip={plan.skip}" if plan.skip else ""
            log.warning("steps=%d%s is too few; 20 make a sketch", plan.steps, less)
        return plan

    def resolved(self) -> Plan:
        """Return the plan with every setting `auto` of its parts replaced by a value."""
        facts = self.size, self.steps
        return replace(
            self,
            generator=self.generator.resolve_auto(*facts),
            sampler=self.sampler.resolve_auto(*facts),
            cutouts=self.cutouts.resolve_auto(*facts),
            guides={name: guide.resolve_auto(*facts) for name, guide in self.guides.items()},
            outputs={name: output.resolve_auto(*facts) for name, output in self.outputs.items()},
        )

    @property
    def generator_cards(self) -> list[WeightsCard]:
        """Return the cards of the networks that the generator loads."""
        used = {name: getattr(self, name) for name in ("model", "secondary")}
        return [card for name, card in used.items() if name in self.generator.uses and card]

    @property
    def upscaler(self) -> str:
        """Return the name of the upscaler's weights; empty: none."""
        return self.model.upscaler if "model" in self.generator.uses else ""

    @property
    def drawn_with(self) -> str:
        """Return the name of the model, or of the generator if that needs none."""
        return self.model.name if "model" in self.generator.uses else self.generator.name

    def tell_unused(self, words: Sequence[str]) -> None:
        """Warn of each of the typed `words` that sets something that the generator does not
        use."""
        for word in words:
            group = re.split(r"[.=]", name_of(word))[0]
            if group in GROUPS and group not in self.generator.uses:
                log.warning("%s has no effect with generator=%s", shown(word), self.generator.name)

    def check(self) -> None:
        try:
            check_number("steps", self.steps, 1, 100_000, whole=True)
            check_number("count", self.count, 1, 10_000, whole=True)
            check_number("seed", self.seed, 0, 2**63 - 1 - self.count, whole=True)
            check_number("batch_size", self.batch_size, 1, 256, whole=True)
            check_number("checkpoint", self.checkpoint, 0)
            if self.keep is not None:
                check_number("keep", self.keep, 1, self.count, whole=True)
                self.check_keep()
        except ValueError as error:
            raise BadInput(str(error)) from error
        if self.secondary and any(side % self.secondary.DIVISOR for side in self.size):
            raise BadInput(
                f"size={list(self.size)}: secondary={self.secondary.name} needs a width and a "
                f"height that are multiples of {self.secondary.DIVISOR}"
            )
        self.check_prompts()
        for guide in self.guides.values():
            guide.check(self.init is not None)
        self.check_outputs()
        if self.upscaler and locate(self.upscaler) is None:
            raise BadInput(f"model.upscaler={self.upscaler} is not there")
        check_models(self.generator_cards, self.clips | self.judges, self.guides)
        suited = self.generator.sizes(self.model).comfortable
        if suited and self.size[0] * self.size[1] > 4 * suited[0] * suited[1]:
            log.warning(
                "size=%s is far above the %s that suit %s: expect fragments of several pictures",
                list(self.size),
                list(suited),
                self.model.name,
            )
        if not self.clips and "clip" in self.guides:
            raise BadInput("clip=[] chooses no CLIP, but the guide 'clip' needs one")

    def check_keep(self) -> None:
        if "still" not in self.outputs:
            raise BadInput(f"keep={self.keep} needs pictures to choose from: output=[still]")
        if not self.judges and len(self.clips) > 1:
            log.warning(
                "keep=%d: the CLIPs that guide a picture also judge it; rank=vit_l14, say, asks "
                "one that does not",
                self.keep,
            )

    def check_outputs(self) -> None:
        for name, output in self.outputs.items():
            try:
                output.check(self.size)
            except ValueError as error:
                raise BadInput(f"output.{name}.{error}") from error

    def check_prompts(self) -> None:
        """What a prompt refers to is there, and its weights can be normalised."""
        for asked in self.prompts:
            for name in asked.clips:
                if name not in self.clips:
                    raise BadInput(not_one_of("a prompt's clips", name, self.clips))
            if asked.image:
                check_picture("image_prompt", asked.image)
        if not all(isinstance(text, str) for text in self.drawn or ()):
            raise BadInput(f"drawn={shown(self.drawn)} must be a list of texts, or null")
        if self.drawn is not None and len(self.drawn) != len(self.prompts):
            raise BadInput(
                f"drawn has {len(self.drawn)} texts for {len(self.prompts)} prompts; drawn=null "
                "decides wildcards anew"
            )
        drawn = self.prompts_of(self.seed)  # every wildcard has its list
        texts = [(asked.text, asked.clips) for asked in drawn if not asked.image]
        if warning := unreadable(texts, {name: card.reads for name, card in self.clips.items()}):
            log.warning(warning)
        for name in self.clips:
            self.check_weights(name)

    def check_weights(self, clip: str) -> None:
        """Where Disco's rule is chosen, what it divides by must not be 0 at any time at which
        this CLIP is asked something; elsewhere that is only worth a word."""
        meant = meant_for(self.prompts, clip)
        if all(not isinstance(p.weight, Schedule) and p.weight > 0 for p in meant):
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
        photo = [self.init.path] if isinstance(self.init, Photo) else []
        return photo + [asked.image for asked in self.prompts if asked.image]

    def prompts_of(self, seed: int) -> list[Prompt]:
        """The prompts of the image with this seed: decided, and with artists and styles said."""
        return self.manner.applied(
            self.decided(seed), lambda words, name: self.wildcards.draw(words, seed, name)
        )

    def decided(self, seed: int) -> list[Prompt]:
        """The prompts, their wildcards decided for the image with this seed."""
        if self.drawn is not None:
            decided = zip(self.prompts, self.drawn, strict=True)
            return [replace(asked, text=text) for asked, text in decided]
        return [
            asked if asked.image else replace(asked, text=self.wildcards.draw(asked.text, seed, k))
            for k, asked in enumerate(self.prompts)
        ]


def check_models(
    cards: Sequence[WeightsCard],
    clips: Mapping[str, ClipCard],
    guides: Mapping[str, GuideSettings],
) -> None:
    """Raise BadInput that names all weights that are missing and the command that fetches them:
    those of the generator's cards, of CLIPs and of guides."""
    needed = {name: guide.networks() for name, guide in guides.items()}
    weights = [*cards, *chain(*needed.values())]
    texts = [text for card in (*weights, *clips.values()) if (text := card.missing())]
    if not texts:
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


def read_styles(nodes: DictConfig, group: str, kind: type, build: Build) -> dict[str, Any]:
    """What the presets of a group say; those that only set something else say nothing."""
    found = build_all(nodes, group, build)
    for name, preset in found.items():
        if not isinstance(preset, kind):
            raise BadInput(f"{group}.{name} must be a guided.prompts.styles.{kind.__name__}")
    return found


def plain(node: Any) -> Any:
    return resolved(node, "") if OmegaConf.is_config(node) else node


def read_size(size: Any, sizes: Sizes, name: str) -> tuple[int, int]:
    """Return (width, height) of [768, 512], 512 or 768x512; raise BadInput unless the generator,
    with the model `name`, draws it."""
    if isinstance(size, str) and (found := SIZE.fullmatch(size)):
        size = [int(found[1]), int(found[2])]
    if isinstance(size, int) and not isinstance(size, bool):
        size = [size, size]
    size = list(sizes.default) if size is None else size
    whole = isinstance(size, list) and all(type(side) is int for side in size)
    if not whole or len(size) != 2:
        raise BadInput(
            f"size={shown(size)} must be [width, height], as in size=[768,512], or size=512"
        )
    fitting = [sizes.nearest(side) for side in size]
    if fitting != size:
        step = sizes.step
        raise BadInput(
            f"size={size}: {name} draws widths and heights from {step} to {LARGEST} that are "
            f"multiples of {step}; the nearest is size=[{fitting[0]},{fitting[1]}]"
        )
    return size[0], size[1]
