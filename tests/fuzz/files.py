"""Files of every kind that the program reads, and the command lines that read them."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from zlib import crc32

import yaml
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from guided.batch import prompt_files
from guided.config import schema
from guided.models import clip_config
from guided.paths import conf_folder
from guided.runs import metadata, record
from tests.fuzz import lines
from tests.fuzz.trial import FIXTURES, Case, foreign
from tests.fuzz.values import INTERPOLATIONS, LETTERS, NUMBERS, ODD, SCRIPTS, WORDS
from tests.other_programs import samples

BOM = b"\xef\xbb\xbf"
EMBEDDED = Path(schema.__file__).parent.parent / "models" / "embedded"
SCALARS = st.one_of(
    *(st.sampled_from(texts) for texts in (NUMBERS, WORDS, SCRIPTS, INTERPOLATIONS)),
    st.sampled_from((
        "0x" + "f" * 5000, "9" * 5000, "1:" + "59:" * 2000 + "59", "!!timestamp x", "!!float x",
        "!!set {a}", "!!binary x", "!!map a", "!!null a", "!x y", "&a a", "*nosuch", "0777",
        "0o9", "<<",
        ".nan", "-.inf", ".5", "190:20:30", "2001-12-14t21:59:43.10-05:00", "2026-13-45", "=",
        "|\n  a", ">-\n  a", "'it''s'", '"\\ud83d\\ude00"', '"\\ud800"', '"\\x00"', '"\\u2028"',
    )),
    st.text(LETTERS, max_size=20),
)  # fmt: skip


def names() -> st.SearchStrategy[str]:
    """Return names of settings, and texts that are none."""
    known = st.sampled_from([one.name for one in lines.settings()])
    return st.one_of(
        known, known, SCALARS, st.sampled_from(("list", "product", "defaults", "rows"))
    )


@st.composite
def flow(draw: st.DrawFn) -> str:
    """Return YAML of one value, in one line or several."""
    kind = draw(st.integers(0, 5))
    if kind < 3:
        return draw(SCALARS)
    items = draw(st.lists(SCALARS, max_size=3))
    if kind == 3:
        return f"[{', '.join(items)}]"
    return f"{{{', '.join(f'{draw(names())}: {item}' for item in items)}}}"


@st.composite
def mappings(draw: st.DrawFn, base: str = "") -> str:
    """Return YAML of a mapping: that of `base`, with values replaced and lines added."""
    rows = base.splitlines()
    for _ in range(draw(st.integers(0, 2)) if rows else 0):
        at = draw(st.integers(0, len(rows) - 1))
        key, colon, _ = rows[at].partition(":")
        rows[at] = f"{key}{colon} {draw(flow())}"
    for _ in range(draw(st.integers(0 if rows else 1, 2))):
        rows.insert(draw(st.integers(0, len(rows))), f"{draw(names())}: {draw(flow())}")
    return "\n".join(rows) + "\n"


@st.composite
def json_of(draw: st.DrawFn, base: str) -> bytes:
    """Return JSON: that of `base` with values replaced at any depth."""
    data = json.loads(base)
    odd = st.one_of(
        *(st.sampled_from(texts) for texts in (NUMBERS, WORDS, SCRIPTS, INTERPOLATIONS)),
        st.integers(), st.floats(), st.none(), st.booleans(), st.text(LETTERS, max_size=9),
        st.sampled_from(([], {}, [None], [[]], {"a": 1}, [1] * 200, {"text": "a"}, [0, 1])),
        st.sampled_from((10**400, -1, "a" * 5000, 1e308, 2**63, float("nan"), float("inf"))),
    )  # fmt: skip
    for _ in range(draw(st.integers(1, 3))):
        data = replaced(draw, data, odd)
    text = json.dumps(data, ensure_ascii=draw(st.booleans()))
    return text.encode(errors="surrogatepass")


def replaced(draw: st.DrawFn, data: object, odd: st.SearchStrategy[object]) -> object:
    """Return data with one value, at any depth, replaced, added or removed."""
    if draw(st.integers(0, 4)) and isinstance(data, dict | list) and data:
        keys = list(data) if isinstance(data, dict) else list(range(len(data)))
        key = draw(st.sampled_from(keys))
        data = dict(data) if isinstance(data, dict) else list(data)
        if draw(st.integers(0, 9)) == 0:
            del data[key]
        else:
            data[key] = replaced(draw, data[key], odd)  # type: ignore[index]
        return data
    if isinstance(data, dict) and draw(st.booleans()):
        return {**data, draw(st.sampled_from(SCRIPTS + WORDS)): draw(odd)}
    return draw(odd)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Return bytes that are cut, changed, doubled, or of another encoding."""
    data = bytearray(content)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        kind = draw(st.integers(0, 6))
        if kind == 0:
            del data[at:]
        elif kind == 1:
            data[at : at + 1] = draw(st.binary(max_size=6))
        elif kind == 2:
            value = draw(st.sampled_from((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFF)))
            data[at : at + 4] = struct.pack(draw(st.sampled_from("<>")) + "I", value)
        elif kind == 3:
            del data[at : at + draw(st.integers(1, 40))]
        elif kind == 4:
            data += data[at : at + 2000]
        elif kind == 5:
            data[at:at] = draw(
                st.sampled_from((b"\0", b"\xff", b"\xc3", b"\r\n", b"\xef\xbb\xbf"))
            )
        else:
            data = bytearray(recoded(draw, bytes(data)))
    return bytes(data)


def recoded(draw: st.DrawFn, data: bytes) -> bytes:
    """Return text in another encoding, or with other ends of lines."""
    text = data.decode("utf-8", "replace")
    code = draw(
        st.sampled_from(("utf-16", "utf-16-be", "utf-8-sig", "latin-1", "utf-32", "gbk", ""))
    )
    return text.encode(code, "replace") if code else data.replace(b"\n", b"\r\n")


def encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def case(words: list[str], **files: bytes) -> Case:
    """Return a case; `__` in the names of files is a full stop."""
    return Case(tuple(words), tuple((k.replace("__", "."), v) for k, v in files.items()))


@st.composite
def rows(draw: st.DrawFn, kind: str) -> Case:
    """Return a file of prompts."""
    if kind == "txt":
        text = "\n".join(draw(st.lists(ODD, min_size=1, max_size=4)))
    elif kind == "csv":
        head = ["prompt", *draw(st.lists(names(), max_size=3))]
        sign = draw(st.sampled_from(",;\t|"))
        body = draw(st.lists(st.lists(ODD, min_size=1, max_size=len(head)), max_size=3))
        text = "\n".join(sign.join(cells) for cells in [head, *body])
    elif kind == "json":
        base = '[{"prompt": "a sun", "seed": 3, "guide.clip.scale": 500}, "a moon"]'
        text = draw(json_of(base)).decode(errors="replace")
    else:
        listed = draw(st.lists(mappings("prompt: a sun"), min_size=1, max_size=3))
        text = "".join("- " + one.strip("\n").replace("\n", "\n  ") + "\n" for one in listed)
        crossed = draw(mappings("list: [a, {seed: 3}]\nproduct: {steps: [20, 30]}"))
        text = draw(st.sampled_from((text, crossed)))
    kind = kind if f".{kind}" in prompt_files.KINDS else "yaml"  # which JSON is, too
    name = f"fuzzed.{kind}"
    return Case((f"prompts={name}",), ((name, draw(damaged(encoded(text)))),))


@st.composite
def wildcards(draw: st.DrawFn) -> Case:
    """Return a list of words."""
    content = draw(damaged(encoded("\n".join(draw(st.lists(ODD, min_size=1, max_size=5))))))
    name = f"t{crc32(content):x}"  # lists are read once in a process
    return Case(("wildcards=words", f"prompt=a __{name}__"), ((f"words/{name}.txt", content),))


CARD = FIXTURES / "mine" / "model" / "own.yaml"
CARDS = {  # of each kind, and the words beside them
    CARD: ("model=./card.yaml",),
    conf_folder() / "model" / "vqgan_wikiart_16384.yaml": ("generator=codes", "model=./card.yaml"),
    conf_folder() / "model" / "codes_small.yaml": ("generator=codes", "model=./card.yaml"),
    conf_folder() / "model" / "stylegan2_ffhq.yaml": ("generator=stylegan", "model=./card.yaml"),
    conf_folder() / "model" / "ddpm_cat.yaml": ("model=./card.yaml",),
    conf_folder() / "model" / "jit_b16.yaml": ("model=./card.yaml",),
    conf_folder() / "secondary" / "imagenet2.yaml": ("secondary=./card.yaml",),
}


@st.composite
def cards(draw: st.DrawFn) -> Case:
    """Return a card of a model of any kind."""
    path = draw(st.sampled_from((CARD, *CARDS)))
    content = draw(damaged(encoded(draw(mappings(path.read_text(encoding="utf-8"))))))
    return case(["prompt=a", *CARDS[path]], card__yaml=content)


@st.composite
def clip_cards(draw: st.DrawFn) -> Case:
    """Return a card of a CLIP."""
    base = (FIXTURES / "mine" / "clip" / "eye.yaml").read_text(encoding="utf-8")
    content = draw(damaged(encoded(draw(mappings(base)))))
    return case(["prompt=a", "clip=[./card.yaml]"], card__yaml=content)


VARIED = ("generator", "sampler", "cutouts", "guide", "output", "batch")


@st.composite
def presets(draw: st.DrawFn) -> Case:
    """Return a preset of any group."""
    root = FIXTURES / "mine"
    own = sorted(root.rglob("*.yaml"))
    theirs = [path for name in VARIED for path in sorted((conf_folder() / name).glob("*.yaml"))]
    path = draw(st.sampled_from(own) | st.sampled_from(theirs))
    group = path.parent.name
    text = draw(mappings(path.read_text(encoding="utf-8")))
    several = schema.settings()[group].several
    word = f"{group}=[fuzzed]" if several else f"{group}=fuzzed"
    content = draw(damaged(encoded(text)))
    words = ("--config-dir", "own", "prompt=a", word)
    return Case(words, ((f"own/{group}/fuzzed.yaml", content),))


@st.composite
def palettes(draw: st.DrawFn) -> Case:
    """Return a palette as a preset of the guide."""
    colours = draw(st.lists(SCALARS | st.sampled_from(("#c8102e", '"#fff"', "red")), max_size=4))
    text = (
        f"palette:\n  _target_: guide/palette\n  colours: [{', '.join(colours)}]\n  scale: 300\n"
    )
    content = draw(damaged(encoded(draw(st.sampled_from((text, draw(mappings(text))))))))
    words = ("--config-dir", "own", "prompt=a", "guide=[clip,colours]")
    return Case(words, (("own/guide/colours.yaml", content),))


@cache
def recorded() -> str:
    """Return the settings of a picture as YAML."""
    return record.as_yaml(record.read(FIXTURES / "heart.png"))


@st.composite
def pictures(draw: st.DrawFn, kind: str) -> Case:
    """Return a picture with a record, or the bytes of one damaged."""
    text = draw(mappings(recorded())) if draw(st.integers(0, 3)) else recorded()
    texts = {"parameters": draw(ODD), "guided": text}
    image = Image.new("RGB", (8, 8))
    data = metadata.encode(image, kind, None, {k: metadata.encodable(v) for k, v in texts.items()})
    if text == recorded() or draw(st.integers(0, 5)) == 0:
        data = draw(damaged(data))
    name = f"fuzzed.{kind}"
    more = draw(st.sampled_from(((), ("seed=3",), ("show=true",), ("look=draft",))))
    return Case((f"from={name}", *more), ((name, data),))


@st.composite
def run_files(draw: st.DrawFn, name: str) -> Case:
    """Return a folder of a run in which one file is odd."""
    folder = FIXTURES / "half"
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    if name == "run.yaml":
        content = encoded(draw(mappings(files[name].decode())))
    elif name == "manifest.json":
        content = draw(json_of(files[name].decode()))
    else:
        line = files[name].decode().splitlines()[0]
        content = b"\n".join(draw(st.lists(json_of(line), min_size=1, max_size=3)))
    if draw(st.integers(0, 3)) == 0:
        content = draw(damaged(content))
    kept = ("manifest.json", "run.yaml", "metrics.jsonl", "image_0000.png")
    made = tuple((f"odd/{one}", files[one]) for one in kept if one != name)
    word = draw(st.sampled_from(("from=odd", "resume=odd", "gallery=odd", "gallery=.")))
    return Case((word,), ((f"odd/{name}", content), *made))


FILMS: tuple[dict[str, object], ...] = (
    {},
    {"animation_mode": "2D", "zoom": "0: (1), 10: (1.05)", "angle": "0: (0)", "max_frames": 20,
     "text_prompts": {"0": ["a sun"], "10": ["a moon", "fog:-1"]}},
    {"animation_mode": "3D", "translation_z": "0: (10.0)", "rotation_3d_y": "0: (sin(t))",
     "max_frames": 20, "key_frames": True},
    {"animation_mode": "Video Input", "video_init_path": "film.mp4", "extract_nth_frame": 2},
)  # fmt: skip


@st.composite
def imported_json(draw: st.DrawFn) -> Case:
    """Return a settings file of Disco Diffusion."""
    film = draw(st.sampled_from(FILMS))
    content = draw(json_of(json.dumps(json.loads(foreign()) | film)))
    content = draw(damaged(content)) if draw(st.integers(0, 3)) == 0 else content
    return case(["import=fuzzed.txt"], fuzzed__txt=content)


@st.composite
def imported_yaml(draw: st.DrawFn) -> Case:
    """Return a settings file of DiscoArt."""
    data = json.loads(foreign())
    content = encoded(draw(mappings(yaml.safe_dump(data, width=10_000))))
    content = draw(damaged(content)) if draw(st.integers(0, 3)) == 0 else content
    return case(["import=fuzzed.yml"], fuzzed__yml=content)


@st.composite
def imported_others(draw: st.DrawFn) -> Case:
    """Return a settings file of another program."""
    _, data, _ = draw(st.sampled_from(samples.DATA))
    content = draw(json_of(json.dumps(data)))
    content = draw(damaged(content)) if draw(st.integers(0, 3)) == 0 else content
    return case(["import=fuzzed.json"], fuzzed__json=content)


@st.composite
def imported_pictures(draw: st.DrawFn) -> Case:
    """Return a picture of another program with odd settings."""
    _, texts, _ = draw(st.sampled_from(samples.TEXTS))
    info, exif, picture = PngInfo(), Image.Exif(), io.BytesIO()
    for name, text in texts.items():
        kind = draw(st.integers(0, 3))
        json_text = text.startswith("{") and kind < 3
        whole = json_of(text) if json_text else damaged(text.encode())
        odd = draw(whole).decode(errors="replace").replace("\0", "") if kind else text
        info.add_itxt(name, odd)
        exif.get_ifd(metadata.EXIF_IFD)[metadata.USER_COMMENT] = odd.encode(errors="replace")
    format = draw(st.sampled_from(("PNG", "JPEG", "WEBP")))
    texts_of = {"pnginfo": info} if format == "PNG" else {"exif": exif.tobytes()[-60_000:]}
    Image.new("RGB", (4, 4)).save(picture, format, **texts_of)
    content = picture.getvalue()
    content = draw(damaged(content)) if draw(st.integers(0, 3)) == 0 else content
    return case(["import=fuzzed.png"], fuzzed__png=content)


OTHERS = {
    "preprocessor_config.json": '{"size": 224, "image_mean": [0.5, 0.5, 0.5], "do_resize": true}',
    "tokenizer_config.json": '{"tokenizer_class": "BertTokenizer", "do_lower_case": true}',
    "config.json": '{"model_type": "chinese_clip", "text_config": {"hidden_size": 64}, '
    '"vision_config": {"image_size": 32, "patch_size": 8}, "projection_dim": 8}',
}


@st.composite
def clip_folders(draw: st.DrawFn) -> Case:
    """Return a folder of a CLIP with an odd configuration."""
    ours = (EMBEDDED / "clip_a" / clip_config.OPEN_CLIP).read_text(encoding="utf-8")
    files: dict[str, bytes] = {}
    if draw(st.integers(0, 3)):
        files[clip_config.OPEN_CLIP] = draw(json_of(ours))
    for name, base in OTHERS.items():
        if draw(st.booleans()):
            files[name] = draw(json_of(base))
    if draw(st.integers(0, 5)) == 0 and files:
        name = draw(st.sampled_from(sorted(files)))
        files[name] = draw(damaged(files[name]))
    files["open_clip_model.safetensors"] = b"\x02\0\0\0\0\0\0\0{}"
    words = draw(st.sampled_from((("clip=[./eye]",), ("rank=./eye", "count=2", "keep=1"))))
    return Case(("prompt=a", *words), tuple((f"eye/{k}", v) for k, v in files.items()))


def tensor_file(header: bytes, data: bytes = b"\0" * 64) -> bytes:
    return struct.pack("<Q", len(header)) + header + data


@st.composite
def safetensors(draw: st.DrawFn) -> Case:
    """Return a file of weights with an odd header."""
    names = {
        "time_embed.0.weight": [16, 4], "time_embed.0.bias": [16], "out.0.weight": [4],
        "input_blocks.0.0.weight": [4, 3, 3, 3], "out.2.weight": [3, 4, 3, 3],
        "middle_block.0.in_layers.0.weight": [4], "time_embed.2.weight": [16, 16],
        "input_blocks.1.0.in_layers.2.weight": [8, 4, 3, 3],
    }  # fmt: skip
    header = {key: {"dtype": "U8", "shape": s, "data_offsets": [0, 1]} for key, s in names.items()}
    base = json.dumps({"__metadata__": {"a": "b"}, **header})
    data = tensor_file(draw(json_of(base)))
    data = draw(damaged(data)) if draw(st.integers(0, 2)) == 0 else data
    return weights_case(draw, "weights.safetensors", data)


def weights_case(draw: st.DrawFn, name: str, data: bytes) -> Case:
    """Return a case that reads weights in one of several ways."""
    first = (
        ("prompt=a", f"model=./{name}"),
        ("prompt=a", f"clip=[ViT-B-32::./{name}]"),
        ("@guided.models.weights:read", name),
    )
    return Case(draw(st.sampled_from(first)), ((name, data),))


@cache
def pickled() -> bytes:
    """Return a small checkpoint as torch writes it."""
    import torch

    buffer = io.BytesIO()
    tensors = {
        "time_embed.0.weight": torch.zeros(16, 4),
        "input_blocks.0.0.weight": torch.ones(4, 3),
    }
    torch.save({"state_dict": tensors, "step": 3}, buffer)
    return buffer.getvalue()


@st.composite
def checkpoints(draw: st.DrawFn) -> Case:
    """Return a damaged checkpoint."""
    name = draw(st.sampled_from(("weights.pt", "weights.ckpt", "weights.PTH", "weights.bin")))
    return weights_case(draw, name, draw(damaged(pickled())))


@cache
def encoders() -> tuple[Callable[[], bytes], ...]:
    """Return functions that encode a small picture in every format and mode."""
    modes = {
        "PNG": ("RGB", "RGBA", "L", "LA", "P", "1", "I;16"),
        "JPEG": ("RGB", "L", "CMYK"), "WEBP": ("RGB", "RGBA"), "GIF": ("P", "L"), "BMP": ("RGB",),
        "TIFF": ("RGB", "F", "I;16", "CMYK", "LAB"), "PPM": ("RGB", "L"), "AVIF": ("RGB",),
    }  # fmt: skip

    def encode(kind: str, mode: str) -> bytes:
        buffer = io.BytesIO()
        Image.new(mode, (9, 7)).save(buffer, kind)
        return buffer.getvalue()

    pairs = [(kind, mode) for kind, some in modes.items() for mode in some]
    return tuple((lambda k=kind, m=mode: encode(k, m)) for kind, mode in pairs)


@st.composite
def inits(draw: st.DrawFn) -> Case:
    """Return a damaged picture to begin with, or to be like."""
    content = draw(damaged(draw(st.sampled_from(encoders()))()))
    name = draw(st.sampled_from(("first.png", "first.jpg", "first.TIF", "first.avif", "first")))
    words = (
        ("prompt=a", f"init={name}"),
        (f"image_prompt={name}",),
        ("prompt=a", f"init={name}", "guide=[clip,likeness]", "init_fit=stretch"),
    )
    return Case(draw(st.sampled_from(words)), ((name, content),))


@st.composite
def masks(draw: st.DrawFn) -> Case:
    """Return a damaged picture that says what is drawn, where, or what is kept."""
    content = draw(damaged(draw(st.sampled_from(encoders()))()))
    name = draw(st.sampled_from(("part.png", "part.jpg", "part.TIF", "part.webp", "part")))
    words = (
        ("init=init.png", f"mask={name}", "mask.grow=3"),
        (f"init={name}", "mask=alpha", "mask.invert=true"),
        (f"regions=[{{prompt: a tree, mask: {name}}}]",),
        (f"keep_composition={name}", "composition_cells=3"),
        (f"init={name}", "restore=grey"),
        (f"init={name}", "restore=thumbnail"),
        (f"init={name}", "outpaint=[0,0,50%,0]"),
        ("guide=[clip,range,palette]", f"init={name}", "tile=x"),
    )
    return Case(("prompt=a", *draw(st.sampled_from(words))), ((name, content),))


SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10" viewBox="0 0 20 10">
<defs><linearGradient id="g"><stop offset="0" stop-color="red"/></linearGradient></defs>
<rect x="1" y="1" width="5" height="5" fill="url(#g)"/><circle cx="9" cy="5" r="3"/>
<path d="M0 0 L5 5 C1 2 3 4 5 6 Z" transform="rotate(45)" style="fill:#abc"/>
</svg>
"""
PIECES = (
    '<image href="file:///etc/passwd"/>', '<use href="#g"/>', "<script>1</script>",
    "<text>a</text>",
    '<!DOCTYPE a [<!ENTITY b "c">]>', "<style>@import 'x'</style>", "<g>" * 80, "<![CDATA[", "&b;",
    '<rect width="1e400" height="nan"/>', '<path d="M1e99 0L-1e99 1"/>', 'viewBox="0 0 0 0"',
    'width="1e9"', '<svg xmlns="http://www.w3.org/2000/svg"/>',
    '<?xml version="1.0" encoding="gbk"?>',
)  # fmt: skip


@st.composite
def drawings(draw: st.DrawFn) -> Case:
    """Return a drawing to begin with that has odd parts or is damaged."""
    text = SVG
    for piece in draw(st.lists(st.sampled_from(PIECES) | SCALARS, max_size=2)):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + piece + text[at:]
    content = draw(damaged(encoded(text)))
    return Case(("prompt=a", "init=first.svg"), (("first.svg", content),))
