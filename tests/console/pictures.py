"""Pictures of pages for the manual, and the checks that every page has to pass."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page

from casebook.console.build import CONSOLE_DIR

MOST_BYTES = 60_000
_AXE = CONSOLE_DIR / "node_modules/axe-core/axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_COLOURS = (64, 32, 16, 8)
_PIXELS = """async (png) => {
  const picture = await createImageBitmap(await (await fetch('data:image/png;base64,' + png)).blob())
  const canvas = new OffscreenCanvas(picture.width, picture.height)
  const context = canvas.getContext('2d')
  context.drawImage(picture, 0, 0)
  const bytes = context.getImageData(0, 0, picture.width, picture.height).data
  let text = ''
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768))
  return { width: picture.width, height: picture.height, rgba: btoa(text) }
}"""


def faults(page: Page) -> list[str]:
    """What axe-core finds that is serious or critical (WCAG 2.2 A and AA), a line each."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(
        "async (rules) => (await axe.run(document, {runOnly: rules})).violations", _RULES
    )
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in ("serious", "critical")
    ]


def overflows(page: Page) -> bool:
    """Whether the page has to be scrolled sideways."""
    wider: bool = page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth")
    return wider


def save_picture(painter: Page, png: bytes, path: Path) -> int:
    """Write a picture with few colours, its length in bytes. `painter` is a blank page, whose canvas reads the PNG."""
    read: dict[str, Any] = painter.evaluate(_PIXELS, base64.b64encode(png).decode())
    rgba = np.frombuffer(base64.b64decode(read["rgba"]), np.uint8).reshape(read["height"], read["width"], 4)
    rgb = rgba[:, :, :3]
    for colours in _COLOURS:
        content = _png(rgb, colours)
        if len(content) < MOST_BYTES:
            break
    path.write_bytes(content)
    return len(content)


def _png(rgb: np.ndarray[Any, np.dtype[np.uint8]], colours: int) -> bytes:
    """The most frequent colours, every other one as the nearest of them."""
    packed = (rgb.astype(np.uint32) * np.array([65536, 256, 1], np.uint32)).sum(axis=2).ravel()
    known, place, times = np.unique(packed, return_inverse=True, return_counts=True)
    # Of colours that are almost the same only one gets a place: edges of letters would fill the palette.
    palette: list[int] = []
    taken: set[int] = set()
    for one in known[np.argsort(-times.astype(np.int64), kind="stable")]:
        coarse = int(one) & 0xF0F0F0
        if coarse not in taken or times[np.searchsorted(known, one)] > packed.size // 200:
            taken.add(coarse)
            palette.append(int(one))
        if len(palette) == colours:
            break
    parts = np.array([[one >> 16, one >> 8 & 255, one & 255] for one in palette], np.int32)
    each = np.stack([known >> 16, known >> 8 & 255, known & 255], axis=1).astype(np.int32)
    nearest = np.array([((parts - one) ** 2).sum(axis=1).argmin() for one in each], np.uint8)
    pixels = nearest[place].reshape(rgb.shape[:2])
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", rgb.shape[1], rgb.shape[0], 8, 3, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", head),
            _chunk(b"PLTE", parts.astype(np.uint8).tobytes()),
            _chunk(b"IDAT", zlib.compress(lines, 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
