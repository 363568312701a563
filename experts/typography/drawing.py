"""Setting a block of text on a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experts.typography.fonts import Font
from experts.typography.layout import Block
from experts.typography.placement import Look

if TYPE_CHECKING:
    from PIL.Image import Image


def draw_text(image: Image, block: Block, font: Font, top: int, look: Look) -> Image:
    """The picture with the text on it, centred; a new picture of the same size.

    Args:
        image: Mode RGB.
        block: The lines.
        font: To set them in.
        top: Upper edge of the block in pixels.
        look: Colours and backing.
    """
    from PIL import Image as Pillow
    from PIL import ImageFilter

    result = image.copy()
    pad = max(4, block.size)
    left = (image.width - block.width) // 2
    area = (
        max(0, left - pad),
        max(0, top - pad),
        min(image.width, left + block.width + pad),
        min(image.height, top + block.height + pad),
    )
    size = (area[2] - area[0], area[3] - area[1])
    patch = result.crop(area)
    origin = (image.width / 2 - area[0], top - area[1])
    letters = _letters(size, block, font, origin, 0)
    ground = Pillow.new("RGB", size, look.ground)
    if look.backing == "panel":
        room = (image.width - block.width) / 2 - image.width * 0.02
        patch = _panelled(patch, block, origin, ground, max(1.0, min(block.size * 0.55, room)))
    elif look.backing == "outline":
        stroke = max(1, round(block.size / 14))
        patch.paste(ground, mask=_letters(size, block, font, origin, stroke))
    elif look.backing == "shadow":
        drop = max(1, round(block.size / 28))
        blurred = _letters(size, block, font, (origin[0], origin[1] + drop), drop)
        blurred = blurred.filter(ImageFilter.GaussianBlur(max(1.0, block.size / 12)))
        patch.paste(ground, mask=blurred.point([round(v * 0.55) for v in range(256)]))
    patch.paste(Pillow.new("RGB", size, look.ink), mask=letters)
    result.paste(patch, area[:2])
    return result


def _letters(
    size: tuple[int, int], block: Block, font: Font, origin: tuple[float, float], stroke: int
) -> Image:
    """A mask of the letters; ``origin`` is the middle of the block's upper edge."""
    from PIL import Image as Pillow
    from PIL import ImageDraw

    mask = Pillow.new("L", size, 0)
    draw = ImageDraw.Draw(mask)
    face = font.at(block.size)
    ascent, descent = face.getmetrics()
    # The block is as tall as its letters; a font's own line is taller by its ascent's air.
    shift = (block.size - (ascent + descent)) / 2
    for index, line in enumerate(block.lines):
        y = origin[1] + shift + index * block.line_height
        draw.text((origin[0], y), line, fill=255, font=face, anchor="ma", stroke_width=stroke)
    return mask


def _panelled(
    patch: Image, block: Block, origin: tuple[float, float], ground: Image, across: float
) -> Image:
    """The patch with a soft, see-through panel ``across`` pixels wider than the text."""
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFilter

    above = block.size * 0.38
    box = (
        origin[0] - block.width / 2 - across,
        origin[1] - above,
        origin[0] + block.width / 2 + across,
        origin[1] + block.height + above,
    )
    scale = 4  # drawn larger and shrunk, for a smooth edge
    large = Pillow.new("L", (patch.width * scale, patch.height * scale), 0)
    ImageDraw.Draw(large).rounded_rectangle(
        tuple(side * scale for side in box), radius=block.size * 0.35 * scale, fill=255
    )
    shape = large.resize(patch.size, Pillow.Resampling.BOX)
    soft = patch.filter(ImageFilter.GaussianBlur(max(1.0, block.size / 5)))
    result = patch.copy()
    result.paste(Pillow.blend(soft, ground, 0.62), mask=shape)
    return result
