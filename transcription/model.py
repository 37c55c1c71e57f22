"""Where the recogniser's model comes from: a folder of the settings, or a download whose digest is known."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import yaml

BUNDLED = Path(__file__).with_name("model")
"""Our own small model, for demonstration: used where no better one was brought. Its README says how good it is."""
_NAME = "name"
_UNPACKED_LIMIT = 6 * 1024**3
_CHUNK = 1 << 20


class ModelMissing(Exception):
    """There is no model; the message says how to get one."""


class ModelRefused(Exception):
    """A model could not be fetched or is not what it should be; nothing was changed."""


def find_model(path: Path) -> Path:
    """The folder of a Vosk model. Raises ModelMissing."""
    how = "run `hotline model fetch`, or name a folder in HOTLINE_VOSK_MODEL"
    if not (path / "am" / "final.mdl").is_file() or not (path / "conf").is_dir():
        raise ModelMissing(f"{path} holds no Vosk model: {how}.")
    return path


def name_of(folder: Path) -> str:
    """A model's name: as its file `name` says, which a fetched or bundled one has, else its folder's."""
    file = folder / _NAME
    return file.read_text(encoding="utf-8").strip() if file.is_file() else folder.name


def info(path: Path) -> Mapping[str, str]:
    """What is known of a model: name, size, its README's first line, whether its vocabulary can be adapted."""
    folder = find_model(path)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    readme = next(iter(sorted(folder.glob("README*"))), None)
    return {
        "name": name_of(folder),
        "folder": str(folder),
        "megabytes": f"{size / 1e6:.1f}",
        "about": readme.read_text(encoding="utf-8", errors="replace").strip().splitlines()[0].lstrip("# ")
        if readme
        else "",
        "vocabulary": "adaptable" if is_adaptable(folder) else "fixed",
    }


def is_adaptable(folder: Path) -> bool:
    """Whether the model's graph is composed at run time, so that a grammar can narrow its vocabulary."""
    return (folder / "graph" / "HCLr.fst").is_file()


def known() -> Mapping[str, Mapping[str, Any]]:
    """Models that can be fetched by name."""
    models: Mapping[str, Mapping[str, Any]] = yaml.safe_load(Path(__file__).with_name("models.yaml").read_text())
    return models


def fetch(source: str, sha256: str, destination: Path, report: Callable[[str], None]) -> Path:
    """Bring a model's zip from an address or a file, check it, and unpack it as `destination`.

    Raises ModelRefused, and leaves `destination` as it was, when anything is wrong.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".fetch-") as temporary:
        archive = Path(temporary) / "model.zip"
        digest = hashlib.sha256()
        try:
            with archive.open("wb") as file:
                for chunk in _chunks(source, report):
                    digest.update(chunk)
                    file.write(chunk)
        except (OSError, httpx2.HTTPError) as error:
            raise ModelRefused(f"{source} cannot be had: {error}") from error
        if digest.hexdigest() != sha256.lower():
            raise ModelRefused(f"{source} is not the expected file: its SHA-256 is {digest.hexdigest()}")
        report("The digest is right; unpacking.")
        folder = _unpack(archive, Path(temporary) / "model")
        (folder / _NAME).write_text(folder.name + "\n", encoding="utf-8")
        if destination.exists():
            shutil.rmtree(destination)
        folder.rename(destination)
    return destination


def _chunks(source: str, report: Callable[[str], None]) -> Iterator[bytes]:
    if urlsplit(source).scheme not in ("http", "https"):
        with Path(source.removeprefix("file://")).open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
        return
    report(f"Fetching {source}")
    with httpx2.stream("GET", source, follow_redirects=True, timeout=60) as response:
        response.raise_for_status()
        yield from response.iter_bytes(_CHUNK)


def _unpack(archive: Path, target: Path) -> Path:
    """Unpack a zip that holds one model; the folder that is it."""
    try:
        with zipfile.ZipFile(archive) as bundle:
            if sum(entry.file_size for entry in bundle.infolist()) > _UNPACKED_LIMIT:
                raise ModelRefused("the model is larger than any model")
            for entry in bundle.infolist():
                if not (target / entry.filename).resolve().is_relative_to(target.resolve()):
                    raise ModelRefused("the archive reaches outside its folder")
            bundle.extractall(target)
    except zipfile.BadZipFile as error:
        raise ModelRefused("the file is no zip archive") from error
    for folder in (target, *(path for path in sorted(target.iterdir()) if path.is_dir())):
        if (folder / "am" / "final.mdl").is_file():
            return folder
    raise ModelRefused("the archive holds no Vosk model")
