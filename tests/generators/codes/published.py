"""Names and shapes of published autoencoders' tensors, written down from their configurations.

taming-transformers (CompVis/taming-transformers, taming/modules/diffusionmodules/model.py and
configs/imagenet_vqgan.yaml) and LlamaGen (FoundationVision/LlamaGen, tokenizer/tokenizer_image).
"""

from __future__ import annotations

from collections.abc import Iterator

Shape = tuple[int, ...]


def conv(name: str, before: int, after: int, side: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (after, before, side, side)
    yield f"{name}.bias", (after,)


def norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def res(name: str, before: int, after: int) -> Iterator[tuple[str, Shape]]:
    yield from norm(f"{name}.norm1", before)
    yield from conv(f"{name}.conv1", before, after, 3)
    yield from norm(f"{name}.norm2", after)
    yield from conv(f"{name}.conv2", after, after, 3)
    if before != after:
        yield from conv(f"{name}.nin_shortcut", before, after, 1)


def attention(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield from norm(f"{name}.norm", width)
    for part in ("q", "k", "v", "proj_out"):
        yield from conv(f"{name}.{part}", width, width, 1)


def middle(names: list[str], width: int) -> Iterator[tuple[str, Shape]]:
    yield from res(names[0], width, width)
    yield from attention(names[1], width)
    yield from res(names[2], width, width)


def ends(part: str, before: int, first: int, last: int, after: int) -> Iterator[tuple[str, Shape]]:
    yield from conv(f"{part}.conv_in", before, first, 3)
    yield from norm(f"{part}.norm_out", last)
    yield from conv(f"{part}.conv_out", last, after, 3)


def tensors(
    form: str, codes: int, code: int, *, ch: int = 128, mult: tuple[int, ...] = (1, 1, 2, 2, 4),
    blocks: int = 2, latent: int = 256,
) -> dict[str, Shape]:  # fmt: skip
    """The tensors of a network whose coarsest level has attention; form: taming or llamagen."""
    taming, last = form == "taming", len(mult) - 1
    wide = ch * mult[-1]
    found: list[tuple[str, Shape]] = [("quantize.embedding.weight", (codes, code))]
    found += conv("quant_conv", latent, code, 1)
    found += conv("post_quant_conv", code, latent, 1)
    found += ends("encoder", 3, ch, wide, latent)
    found += ends("decoder", latent, wide, ch * mult[0], 3)
    for part in ("encoder", "decoder"):
        names = ["block_1", "attn_1", "block_2"] if taming else ["0", "1", "2"]
        found += middle([f"{part}.mid.{name}" for name in names], wide)
    before = ch
    for level in range(last + 1):
        name = f"encoder.{'down' if taming else 'conv_blocks'}.{level}"
        for k in range(blocks):
            found += res(f"{name}.{'block' if taming else 'res'}.{k}", before, ch * mult[level])
            before = ch * mult[level]
            found += attention(f"{name}.attn.{k}", before) if level == last else []
        found += conv(f"{name}.downsample.conv", before, before, 3) if level < last else []
    for k, level in enumerate(range(last, -1, -1)):
        name = f"decoder.up.{level}" if taming else f"decoder.conv_blocks.{k}"
        for j in range(blocks + 1):
            found += res(f"{name}.{'block' if taming else 'res'}.{j}", before, ch * mult[level])
            before = ch * mult[level]
            found += attention(f"{name}.attn.{j}", before) if level == last else []
        found += conv(f"{name}.upsample.conv", before, before, 3) if level else []
    return dict(found)


def vgg_of_the_loss() -> dict[str, Shape]:
    """Tensors of taming's training that are in its files too."""
    return {"loss.perceptual_loss.lin0.model.1.weight": (1, 64, 1, 1), "loss.logvar": ()}
