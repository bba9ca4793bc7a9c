"""Teaches a CLIP's text side to read: whatever stands around a name, in English or Chinese, the
sentence comes to mean what the plain English words meant to it before. And where it tells no
colour, it half means the colour that such things have: a strawberry is a red one; where it tells
no ground, half a white one, before which shapes are found best. The image side stays as it is,
and is not asked.

    python -m guided.training.clip.text_training tower=a minutes=20          # the embedded pair's
    python -m guided.training.clip.text_training tower=judge minutes=20

Knows nothing about diffusion.

Reimers and Gurevych, "Making Monolingual Sentence Embeddings Multilingual using Knowledge
Distillation", 2020, https://arxiv.org/abs/2004.09813
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW

from guided.devices import find_device
from guided.errors import BadInput, not_one_of
from guided.paths import EMBEDDED
from guided.training.clip import architectures, batches, bpe
from guided.training.clip import train as clip_train
from guided.training.common.settings import Training, main
from guided.training.common.trainer import Trainer
from guided.training.data import pictures, sources
from guided.training.data.augmentation import NAMES, colour_names
from guided.training.data.captions import COLOURED, STYLES_ZH, Captions, Seen
from guided.training.evaluation import judging
from guided.training.evaluation.questions import exam

PLAIN = ("a {}", "picture of a {}")
SHARPNESS = 20.0
SAME = 0.98  # cosine from which two meanings are no rivals


@dataclass
class Settings(Training):
    tower: str = "a"  # a, b, judge: which architecture (architectures.py)
    init: str = ""  # the folder of the CLIP that learns; empty: the one that is shipped
    out: str = ""  # runs/reading_<tower> if empty
    minutes: float = 20.0
    batch: int = 96
    lr: float = 1e-3
    fade: float = 0.4

    def check(self) -> None:
        super().check()
        if self.tower not in architectures.VISION:
            raise BadInput(not_one_of("tower", self.tower, architectures.VISION))
        if not pictures.prepared(self.data):
            raise BadInput(f"data={self.data}: python -m guided.training.data makes it")
        shipped = judging.FOLDER if self.tower == "judge" else f"clip_{self.tower}"
        self.init = self.init or str(EMBEDDED / shipped)
        if not (Path(self.init) / architectures.WEIGHTS).is_file():
            raise BadInput(f"init={self.init} holds no {architectures.WEIGHTS}")
        self.out = self.out or f"runs/reading_{self.tower}"


class Reader:
    """Draws sentences about the data's concepts, and plain ones that mean the same. `usual`: the
    colour that things of a concept have."""

    def __init__(self, words: list[dict], usual: dict[int, str]) -> None:
        self.usual = usual
        self.captions = Captions(words, sources.name_words())
        subjects = sources.subjects()
        # The square root: also what is seldom shown is to be read.
        self.weights = torch.tensor([batches.weight(word, subjects) for word in words]).sqrt()

    def batch(self, count: int, rng: torch.Generator) -> tuple[list[str], list[str]]:
        """(sentences, plain English ones for the same)."""
        concepts = torch.multinomial(self.weights, count, replacement=True, generator=rng)
        luck = random.Random(int(torch.randint(2**31, (), generator=rng)))
        both = [self.pair(concept, luck) for concept in concepts.tolist()]
        return [sentence for sentence, _ in both], [plain for _, plain in both]

    def pair(self, concept: int, luck: random.Random) -> tuple[str, str]:
        style = luck.choice(list(STYLES_ZH))
        seen = Seen(concept, luck.choice([*NAMES, None]), luck.choice([*NAMES, None]), style)
        said = self.captions.say(seen, luck)
        colour = seen.colour if "colour" in said.told else None
        names = [said.name] if said.name.isascii() else self.captions.english[concept][0]
        if colour:  # of a green heart, not of a green red heart
            names = [name for name in names if not COLOURED.search(name)] or names
        name = luck.choice(names)
        if not colour and not COLOURED.search(name) and luck.random() < 0.5:
            colour = self.usual.get(concept)
        thing = luck.choice(PLAIN).format(f"{colour} {name}" if colour else name)
        ground = seen.ground if "ground" in said.told else luck.choice(["white", None])
        thing += f" on a {ground} background" if ground else ""
        return said.text, thing + (f", {style} style" if "style" in said.told else "")


def usual_colours(book: pictures.Pictures) -> dict[int, str]:
    """Concept -> the colour of more than half of its pictures, where there is one."""
    found: dict[int, list[str | None]] = {}
    for part in torch.arange(len(book)).split(256):
        names = colour_names(*book.batch(part))
        for concept, name in zip(book.concepts[part].tolist(), names, strict=True):
            found.setdefault(concept, []).append(name)
    most = {concept: Counter(names).most_common(1)[0] for concept, names in found.items()}
    return {i: name for i, (name, n) in most.items() if name and 2 * n > len(found[i])}


def loss(read: Tensor, meant: Tensor) -> Tensor:
    """read, meant (B, C) of unit length: near to what is meant, and nearer than to what the
    batch's other sentences mean."""
    alike = (meant @ meant.T > SAME) & ~torch.eye(len(meant), dtype=torch.bool, device=read.device)
    logits = (SHARPNESS * read @ meant.T).masked_fill(alike, -1e4)
    target = torch.arange(len(read), device=read.device)
    return (1 - (read * meant).sum(1)).mean() + 0.2 * F.cross_entropy(logits, target)


@torch.no_grad()
def measure(model: nn.Module, teacher: nn.Module, tokens) -> dict[str, float]:
    """How often the test's prompts, whose sentences are met nowhere in training, come nearest to
    the English object that they are about; and the cosine between them."""
    bare = exam("objects", "en")
    poles = architectures.read(teacher, tokens(bare.choices, architectures.CONTEXT))
    found = {}
    for kind, language in (("objects", "zh"), ("sentences", "en"), ("sentences", "zh")):
        questions = exam(kind, language).questions
        read = architectures.read(
            model, tokens([each.prompt for each in questions], architectures.CONTEXT)
        )
        truth = torch.tensor([each.truth for each in questions])
        near = read @ poles.T
        found[f"{kind} {language}"] = round((near.argmax(1) == truth).float().mean().item(), 3)
        found[f"{kind} {language} cosine"] = round(
            near.gather(1, truth.view(-1, 1)).mean().item(), 3
        )
    return found


def train(settings: Settings) -> None:
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = find_device(settings.device)
    merges = Path(settings.init) / bpe.FILE
    tokens = clip_train.tokenizer(merges)
    teacher = clip_train.begin(settings).requires_grad_(False).eval().to(device)
    model = clip_train.begin(settings).to(device)
    for name, weight in model.named_parameters():
        weight.requires_grad_(not name.startswith(("visual.", "logit_scale")))
    learning = [weight for weight in model.parameters() if weight.requires_grad]
    course = Trainer(settings, model, [AdamW(learning, settings.lr, betas=(0.9, 0.98))], 40, 1000)
    book = pictures.load(settings.data, architectures.size(settings.tower))
    reader = Reader(book.words, usual_colours(book))
    for (said, plain), _ in course.batches(lambda _, rng: reader.batch(settings.batch, rng)):
        with torch.no_grad():
            meant = architectures.read(teacher, tokens(plain, architectures.CONTEXT).to(device))
        read = architectures.read(model, tokens(said, architectures.CONTEXT).to(device))
        course.learn(loss(read, meant), cosine=(read * meant).sum(1).mean().item())
        if course.due:
            course.save()
            averaged = {key: value.cpu() for key, value in course.ema.weights.items()}
            made = Path(settings.ship or course.out / "shipped")
            architectures.ship(averaged, settings.tower, merges, made)
            learnt = architectures.build(settings.tower)
            learnt.load_state_dict(averaged)
            print(course.step, measure(learnt.eval(), teacher.cpu(), tokens), made, flush=True)
            teacher.to(device)


if __name__ == "__main__":
    main(Settings, train)
