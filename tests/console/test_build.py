"""Building the console: only when something changed, by a Node.js new enough, from a lock that names no registry."""

from __future__ import annotations

import json
import os
from pathlib import Path

from casebook.console.build import CONSOLE_DIR, find_node, is_fresh


def a_console(folder: Path) -> Path:
    for name in (
        "index.html",
        "public.html",
        "package.json",
        "package-lock.json",
        "vite.config.ts",
        "tsconfig.json",
        "src/main.ts",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
        os.utime(folder / name, (1000, 1000))
    (folder / "public").mkdir()
    return folder


def test_a_console_is_built_again_when_a_source_is_newer(tmp_path: Path) -> None:
    console = a_console(tmp_path)
    assert not is_fresh(console)
    (console / "dist").mkdir()
    (console / "dist/index.html").touch()
    os.utime(console / "dist/index.html", (2000, 2000))
    assert is_fresh(console)
    os.utime(console / "src/main.ts", (3000, 3000))
    assert not is_fresh(console)


def test_a_node_that_is_new_enough_is_found() -> None:
    major, minor, _ = (int(part) for part in find_node().version.split("."))
    assert (major, minor) >= (20, 19)


def test_the_lock_pins_by_digest_and_names_no_download_address() -> None:
    lock = json.loads((CONSOLE_DIR / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name
