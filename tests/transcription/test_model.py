"""A model is fetched whole and right, or not at all."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from transcription.model import ModelRefused, fetch, find_model, info, known


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "served" / "model.zip"
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w") as bundle:
        bundle.writestr("model-1/am/final.mdl", b"model")
        bundle.writestr("model-1/conf/mfcc.conf", "--sample-frequency=8000")
        bundle.writestr("model-1/README", "A model\nmore")
    return file


@pytest.fixture
def address(archive: Path) -> Iterator[str]:
    def handler(*args: object, **options: object) -> _Quiet:
        return _Quiet(*args, directory=str(archive.parent), **options)  # type: ignore[arg-type]

    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/model.zip"
        server.shutdown()
        thread.join(30)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("by", ["address", "file"])
def test_a_model_with_the_right_digest_is_there(archive: Path, address: str, tmp_path: Path, by: str) -> None:
    target = tmp_path / "data" / "model"
    fetch(address if by == "address" else str(archive), digest(archive), target, lambda _: None)
    assert find_model(target) == target
    assert info(target)["about"] == "A model"
    assert info(target)["name"] == "model-1"


def test_a_wrong_digest_changes_nothing(archive: Path, address: str, tmp_path: Path) -> None:
    target = tmp_path / "data" / "model"
    fetch(str(archive), digest(archive), target, lambda _: None)
    (target / "mark").touch()
    with pytest.raises(ModelRefused, match="SHA-256"):
        fetch(address, "0" * 64, target, lambda _: None)
    assert (target / "mark").exists()
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_what_is_missing_or_no_model_is_refused(address: str, tmp_path: Path) -> None:
    target = tmp_path / "data" / "model"
    with pytest.raises(ModelRefused, match="cannot be had"):
        fetch(address + ".gone", "0" * 64, target, lambda _: None)
    with pytest.raises(ModelRefused, match="cannot be had"):
        fetch(str(tmp_path / "gone.zip"), "0" * 64, target, lambda _: None)
    plain = tmp_path / "plain.zip"
    plain.write_bytes(b"no zip")
    with pytest.raises(ModelRefused, match="no zip"):
        fetch(str(plain), digest(plain), target, lambda _: None)
    for entries, words in ((("../../evil/am/final.mdl",), "outside"), (("readme.txt",), "no Vosk model")):
        bad = tmp_path / "bad.zip"
        with zipfile.ZipFile(bad, "w") as bundle:
            for entry in entries:
                bundle.writestr(entry, b"x")
        with pytest.raises(ModelRefused, match=words):
            fetch(str(bad), digest(bad), target, lambda _: None)
    assert not target.exists()


def test_known_models_have_address_and_digest() -> None:
    for model in known().values():
        assert str(model["url"]).startswith("https://")
        assert len(model["sha256"]) == 64
