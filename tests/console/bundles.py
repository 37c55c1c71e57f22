"""What a browser has to load before a page of the built console shows anything."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

_LINKED = re.compile(r'(?:src|href)="/(assets/[^"]+\.(?:js|css))"')
_IMPORTED = re.compile(r"""(?:import|from)\s*["']\./([^"']+\.js)["']""")


@dataclass(frozen=True)
class Bundle:
    """Files by their paths in dist/."""

    files: frozenset[str]
    gzip_bytes: int


def bundle(dist: Path, page: str) -> Bundle:
    """The files that a page links, and what those import at once; what is loaded on demand is not in it."""
    open_ = set(_LINKED.findall((dist / page).read_text(encoding="utf-8")))
    assert open_, f"{page} links no asset"
    files: set[str] = set()
    while open_:
        name = open_.pop()
        files.add(name)
        if name.endswith(".js"):
            text = (dist / name).read_text(encoding="utf-8")
            open_ |= {f"assets/{one}" for one in _IMPORTED.findall(text)} - files
    return Bundle(frozenset(files), sum(len(gzip.compress((dist / name).read_bytes())) for name in files))
