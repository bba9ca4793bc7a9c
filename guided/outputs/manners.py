"""Manners of drawing, as filters of finished pictures: an ink wash, stained glass, neon, ...

Every filter takes premultiplied colour (B, 3, S, S) and alpha (B, 1, S, S) in [0, 1], and returns
pictures (B, 3, S, S) in [0, 1] on a ground of its own. It is non-photorealistic rendering in the
sense of Rosin and Collomosse, "Image and Video-Based Artistic Stylisation", 2013,
https://doi.org/10.1007/978-1-4471-4519-6, with filters small enough to train on as well
(guided.training.data.manners).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from guided.images import LUMA

GRID = 128  # pixels of the side at which the ground is found
NEAR, FAR = 0.06, 0.18  # from the ground's colour: where the object begins and where it is all
PLAIN = 0.6  # share of the border that has the colour of the ground, if there is a plain one
SHAPES = ("silhouette", "paper cut")  # of which nothing is left but the shape
CHUNK = 1 << 16  # pixels whose nearest points are found at once
LARGE = 96  # pixels of the side above which patterns are finer

Filter = Callable[[Tensor, Tensor, Generator], Tensor]


def rendered(image: Tensor, manner: str, seed: int) -> Tensor:
    """Return a picture (1, 3, H, W) in [0, 1] in a manner, by its English name. What is
    random in it, as the stars of a night, comes from the seed."""
    height, width = image.shape[2:]
    side = max(height, width)
    left, top = (side - width) // 2, (side - height) // 2
    margins = (left, side - width - left, top, side - height - top)
    alpha, ground = separated(image)
    if manner in SHAPES and alpha.min() == 1:  # the dark parts, where no object is apart
        light = luma(image)
        alpha = (0.5 + 8 * (light.mean() - light)).clamp(0, 1)
        colour = image * alpha
    else:
        colour = (image - ground * (1 - alpha)).clamp(0, 1)
    colour, alpha = (F.pad(part, margins, mode="replicate") for part in (colour, alpha))
    rng = Generator().manual_seed(seed)
    made = FILTERS[manner](colour, alpha, rng).clamp(0, 1)
    return made[:, :, top : top + height, left : left + width]


def separated(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the alpha (1, 1, H, W) of what stands on the ground of a picture (1, 3, H, W), and
    the ground's colour (1, 3, 1, 1). Without a plain ground all of the picture stands."""
    edge = torch.cat([image[0, :, 0], image[0, :, -1], image[0, :, :, 0], image[0, :, :, -1]], 1)
    ground = edge.median(1).values.view(1, 3, 1, 1)
    gap = (image - ground).abs().amax(1, keepdim=True)
    border = (edge - ground.view(3, 1)).abs().amax(0)
    if (border < NEAR).float().mean() < PLAIN:
        return torch.ones_like(gap), ground
    alpha = ((gap - NEAR) / (FAR - NEAR)).clamp(0, 1)
    # Parts of the object that have the ground's colour are not connected with the border.
    height, width = image.shape[2:]
    shape = (min(GRID, height), min(GRID, width))
    free = (F.adaptive_avg_pool2d(alpha, shape) < 0.5).float()
    inside = 1 - connected(free)
    inside = -F.max_pool2d(-inside, 3, 1, 1)  # not up to its soft edge
    inside = F.interpolate(inside, size=image.shape[2:], mode="bilinear")
    return torch.maximum(alpha, inside), ground


def connected(free: Tensor) -> Tensor:
    """Return where (1, 1, H, W) of 0 and 1 is 1 and connected with the border through such
    pixels."""
    reached = torch.zeros_like(free)
    for line in (reached[..., 0, :], reached[..., -1, :], reached[..., 0], reached[..., -1]):
        line.fill_(1)
    reached = reached * free
    for _ in range(free.numel()):
        wider = F.max_pool2d(reached, 3, 1, 1) * free
        if torch.equal(wider, reached):
            break
        reached = wider
    return reached


def ink_wash(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return grey ink that runs on warm white paper."""
    ink = blurred(alpha * (1 - 0.8 * luma(straight(colour, alpha))) + 0.5 * edges(colour, alpha))
    return paper(colour, (0.95, 0.93, 0.88), rng) * (1 - 0.92 * ink.clamp(0, 1))


def watercolour(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return pale, uneven colours with dark rims on white paper."""
    soft, cover = blurred(colour), blurred(alpha)
    wash = 0.55 + 0.3 * clouds(colour, rng)
    rim = 0.35 * edges(alpha, alpha)
    white = paper(colour, (0.98, 0.98, 0.97), rng)
    return (white * (1 - cover * wash) + soft * wash) * (1 - rim * cover)


def oil_painting(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return deep colours in diagonal strokes on a dark ground."""
    dark = 0.12 + 0.25 * torch.rand(len(colour), 3, 1, 1, generator=rng)
    strokes = 0.3 * (streaks(colour, rng) - 0.5)
    return (saturated(over(colour, alpha, dark), 1.4) * (1 + strokes) + 0.5 * strokes).clamp(0, 1)


def pencil_drawing(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return grey lines and hatching on white paper."""
    dark = alpha * (1 - luma(straight(colour, alpha)))
    line, depth, period = (0.45, 1.0, 1.3) if is_large(colour) else (0.75, 0.5, 3)
    shade = dark * (0.25 + 0.35 * hatching(colour, period))
    white = paper(colour, (0.97, 0.97, 0.96), rng)
    return white * (1 - line * edges(colour, alpha)) - depth * shade


def woodblock_print(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return few dull flat colours with dark blue outlines on beige paper."""
    beige = paper(colour, (0.92, 0.85, 0.7), rng)
    flat = over(posterised(colour, 3) * alpha, alpha, beige) * 0.75 + beige * 0.2
    line = edges(colour, alpha)
    return flat * (1 - line) + tone(flat, (0.1, 0.13, 0.28)) * line


def pixel_art(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return 12 by 12 squares of few colours; 16 by 16 in large pictures."""
    whole = over(colour, alpha, plain(colour, rng))
    count = 16 if is_large(colour) else 12
    squares = F.interpolate(whole, size=(count, count), mode="area")
    return posterised(F.interpolate(squares, size=whole.shape[2:], mode="nearest"), 5)


def stained_glass(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return bright panes of single colours between black lead."""
    deep = 0.25 + 0.6 * torch.rand(len(colour), 3, 1, 1, generator=rng)
    whole = saturated(over(colour, alpha, deep), 1.6)
    panes, lead = cells(whole, 28 if is_large(colour) else 14, rng)
    return (0.4 * panes + 0.6 * whole) * (1 - 0.9 * torch.maximum(lead, 0.7 * edges(alpha, alpha)))


def mosaic(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return square stones of uneven colours between light joints."""
    whole, size = over(colour, alpha, plain(colour, rng)), colour.shape[-1]
    count = 16 if is_large(colour) else 11
    stones = F.interpolate(whole, size=(count, count), mode="area")
    stones = stones + 0.07 * torch.randn(stones.shape, generator=rng)
    stones = F.interpolate(stones, size=(size, size), mode="nearest").clamp(0, 1)
    place = torch.arange(size) * count / size % 1 * size / count
    joint = (place < 11 / 32 * size / count).float()
    joint = torch.maximum(joint[:, None], joint[None])
    return stones * (1 - 0.6 * joint) + 0.5 * joint


def neon(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return glowing coloured lines on black."""
    light = saturated(straight(colour, alpha), 2.5)
    light = light / light.amax(1, keepdim=True).clamp(min=0.2)
    line = edges(colour, alpha) * light
    return (tone(colour, (0.03, 0.02, 0.07)) + line + 0.9 * blurred(line, 2)).clamp(0, 1)


def blueprint(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return white lines on blue paper with a grid."""
    grid = (torch.arange(colour.shape[-1]) % (colour.shape[-1] // 8) == 0).float()
    grid = 0.12 * torch.maximum(grid[:, None], grid[None])
    return torch.maximum(
        paper(colour, (0.1, 0.25, 0.62), rng) + grid, 0.95 * edges(colour, alpha).expand_as(colour)
    )


def sepia(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return an old brown photograph that is darker at its corners."""
    light = luma(over(colour, alpha, paper(colour, (0.85, 0.85, 0.85), rng)))
    line = torch.linspace(-1, 1, colour.shape[-1])
    corners = 1 - 0.3 * (line[:, None].square() + line[None].square()).clamp(0, 2) / 2
    return (0.12 + 0.85 * light * corners) * tone(colour, (1.0, 0.84, 0.62))


def night(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return dim bluish colours under a dark sky with stars."""
    stars = (torch.rand(len(colour), 1, 16, 16, generator=rng) > 0.97).float()
    stars = F.interpolate(stars, size=colour.shape[2:], mode="bilinear")
    sky = paper(colour, (0.06, 0.08, 0.22), rng) + 0.9 * stars * (1 - alpha)
    return over(colour * tone(colour, (0.4, 0.45, 0.75)), alpha, sky)


def pop_art(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return few loud colours with black outlines on a ground of dots."""
    loud = torch.tensor([(1, 0.85, 0.1), (0.1, 0.8, 0.9), (0.95, 0.2, 0.55), (0.3, 0.85, 0.3)])
    ground = loud[torch.randint(4, (len(colour),), generator=rng)][:, :, None, None]
    wave = (torch.arange(colour.shape[-1]) * 2 * torch.pi * 8 / colour.shape[-1]).sin()
    ground = torch.where(wave[:, None] * wave[None] > 0.2, torch.ones(()), ground)
    whole = posterised(saturated(over(colour, alpha, ground), 1.8), 3)
    return whole * (1 - edges(colour, alpha))


def chalk_drawing(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return pale dusty lines and areas on a blackboard."""
    share = 0.25 if is_large(colour) else 0.5
    pale = 1 - share + share * straight(colour, alpha)
    dust = 0.4 + 0.6 * torch.rand(alpha.shape, generator=rng)
    fill = (0.55 if is_large(colour) else 0.35) * luma(straight(colour, alpha))
    amount = (edges(colour, alpha) + alpha * fill) * dust
    board = paper(colour, (0.13, 0.19, 0.17), rng)
    return board + (pale - board) * amount.clamp(0, 1)


def line_art(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return black lines on white."""
    return (1 - 1.2 * edges(colour, alpha)).clamp(0, 1).expand_as(colour)


def black_and_white(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return a grey photograph of strong contrast."""
    ground = torch.rand(len(colour), 1, 1, 1, generator=rng)
    if is_large(colour):  # dark behind what is light, and light behind what is dark
        mean = luma(colour).sum((1, 2, 3), True) / alpha.sum((1, 2, 3), True).clamp(min=1)
        ground = 0.1 + 0.2 * ground + 0.6 * (mean < 0.5)
    light = luma(over(colour, alpha, ground.expand(-1, 3, -1, -1)))
    return (0.5 + 1.4 * (light - 0.5)).clamp(0, 1).expand_as(colour)


def silhouette(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return a black shape on a light ground of one colour."""
    light = 0.55 + 0.45 * torch.rand(len(colour), 3, 1, 1, generator=rng)
    return over(0.04 * alpha.expand_as(colour), alpha, light)


def pastel(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return pale soft colours on a pale ground."""
    ground = 0.82 + 0.16 * torch.rand(len(colour), 3, 1, 1, generator=rng)
    pale = 0.55 * alpha + 0.45 * blurred(colour)
    return over(pale, alpha, ground) + 0.05 * (clouds(colour, rng) - 0.5)


def embroidery(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return stitches of thread on linen."""
    linen = paper(colour, (0.9, 0.86, 0.77), rng) * (1 - 0.1 * hatching(colour, 2))
    return over(saturated(colour, 1.2) * (0.72 + 0.33 * hatching(colour, 4)), alpha, linen)


def paper_cut(colour: Tensor, alpha: Tensor, rng: Generator) -> Tensor:
    """Return a shape cut out of red paper, with its inner lines left open."""
    inside = 1 - F.max_pool2d(1 - alpha, 3, 1, 1)
    left = alpha * (1 - (1.5 * edges(colour, alpha) * inside).clamp(0, 1))
    white = paper(colour, (0.98, 0.96, 0.92), rng)
    return white + (tone(colour, (0.8, 0.08, 0.1)) - white) * left


FILTERS: dict[str, Filter] = {
    "ink wash": ink_wash,
    "watercolour": watercolour,
    "oil painting": oil_painting,
    "pencil drawing": pencil_drawing,
    "woodblock print": woodblock_print,
    "pixel art": pixel_art,
    "stained glass": stained_glass,
    "mosaic": mosaic,
    "neon": neon,
    "blueprint": blueprint,
    "sepia": sepia,
    "night": night,
    "pop art": pop_art,
    "chalk drawing": chalk_drawing,
    "line art": line_art,
    "black and white": black_and_white,
    "silhouette": silhouette,
    "pastel": pastel,
    "embroidery": embroidery,
    "paper cut": paper_cut,
}


def over(colour: Tensor, alpha: Tensor, ground: Tensor) -> Tensor:
    """Return premultiplied colour over a ground."""
    return colour + (1 - alpha) * ground


def is_large(image: Tensor) -> bool:
    """Return whether patterns are finer than in the small pictures of training."""
    return image.shape[-1] > LARGE


def luma(image: Tensor) -> Tensor:
    """Return the luma (B, 1, S, S) of (B, 3, S, S)."""
    return torch.einsum("c,bchw->bhw", torch.tensor(LUMA), image)[:, None]


def straight(colour: Tensor, alpha: Tensor) -> Tensor:
    """Return colour that is not premultiplied."""
    return (colour / alpha.clamp(min=0.05)).clamp(0, 1)


def edges(colour: Tensor, alpha: Tensor) -> Tensor:
    """Return how much is an edge (B, 1, S, S): one pixel of 32 wide, or less in large pictures, of
    colour or of the shape."""
    whole = torch.cat([over(colour, alpha, torch.ones(1, 1, 1, 1)), alpha], 1)
    reach = 2 * max(1, whole.shape[-1] // (64 if is_large(whole) else 48)) + 1
    padded = F.pad(whole, [reach // 2] * 4, mode="replicate")
    span = F.max_pool2d(padded, reach, 1) + F.max_pool2d(-padded, reach, 1)
    return (2.2 * (span.amax(1, keepdim=True) - 0.12)).clamp(0, 1)


def blurred(image: Tensor, times: int = 1) -> Tensor:
    """Return the image under a blur of 3 pixels of 32, or less in large pictures."""
    reach = 2 * (image.shape[-1] // (56 if is_large(image) else 32)) + 1
    for _ in range(times):
        padded = F.pad(image, [reach // 2] * 4, mode="replicate")
        image = F.avg_pool2d(padded, reach, 1)
    return image


def saturated(image: Tensor, amount: float) -> Tensor:
    """Return the image with `amount` times its saturation."""
    grey = luma(image)
    return (grey + (image - grey) * amount).clamp(0, 1)


def posterised(image: Tensor, levels: int) -> Tensor:
    """Return the image with `levels` values of each channel."""
    return (image * (levels - 1)).round() / (levels - 1)


def tone(image: Tensor, rgb: tuple[float, float, float]) -> Tensor:
    """Return one colour in the image's shape."""
    return torch.tensor(rgb).view(1, 3, 1, 1).expand_as(image)


def paper(image: Tensor, rgb: tuple[float, float, float], rng: Generator) -> Tensor:
    """Return paper of about a colour, in the image's shape."""
    shift = 0.02 * torch.randn(len(image), 3, 1, 1, generator=rng)
    return (tone(image, rgb) + shift).clamp(0, 1)


def plain(image: Tensor, rng: Generator) -> Tensor:
    """Return grounds (B, 3, 1, 1), half of them white and half of any colour."""
    any_colour = torch.rand(len(image), 3, 1, 1, generator=rng)
    white = torch.rand(len(image), 1, 1, 1, generator=rng) < 0.5
    return torch.where(white, torch.ones(()), any_colour)


def clouds(image: Tensor, rng: Generator) -> Tensor:
    """Return smooth noise (B, 1, S, S) in [0, 1]."""
    coarse = torch.rand(len(image), 1, 6, 6, generator=rng)
    return F.interpolate(coarse, size=image.shape[2:], mode="bilinear", align_corners=True)


def streaks(image: Tensor, rng: Generator) -> Tensor:
    """Return noise (B, 1, S, S) in [0, 1] that is drawn out along a diagonal."""
    noise = torch.rand(len(image), 1, 24, 24, generator=rng)
    long = torch.stack([torch.roll(noise, (i, i), (2, 3)) for i in range(4)]).mean(0)
    return F.interpolate(0.5 + 1.5 * (long - 0.5), size=image.shape[2:], mode="bilinear")


def hatching(image: Tensor, period: float) -> Tensor:
    """Return diagonal lines (S, S) in [0, 1], `period` pixels of 32 apart."""
    size = image.shape[-1]
    place = torch.arange(size) * 32 / size
    return 0.5 + 0.5 * ((place[:, None] + place[None]) * 2 * torch.pi / period).sin()


def cells(image: Tensor, count: int, rng: Generator) -> tuple[Tensor, Tensor]:
    """Return the image in `count` Voronoi cells of one colour each, and their borders (B, 1, S,
    S)."""
    batch, _, size, _ = image.shape
    points = torch.rand(batch, count, 2, generator=rng)
    line = (torch.arange(size) + 0.5) / size
    place = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).view(1, -1, 2)
    nearest = [
        torch.cdist(part.expand(batch, -1, -1), points).topk(2, largest=False)
        for part in place.split(CHUNK, 1)
    ]
    two = torch.cat([distance for distance, _ in nearest], 1)
    owner = torch.cat([which[..., 0] for _, which in nearest], 1)[:, None].expand(-1, 3, -1)
    sums = torch.zeros(batch, 3, count).scatter_add(2, owner, image.flatten(2))
    pixels = torch.zeros(batch, 3, count).scatter_add(2, owner, torch.ones(owner.shape))
    mean = sums / pixels.clamp(min=1)
    gap = (0.3 if is_large(image) else 0.9) / 32
    border = (two[..., 1] - two[..., 0] < gap).float().view(batch, 1, size, size)
    return mean.gather(2, owner).view_as(image), border
