"""Brings Asterisk into a folder of its own: Debian's packages, unpacked, never installed. The host stays as it is.

Debian 12 has no Asterisk; a later suite has, built against later libraries, which come along into the prefix.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

SUITES = ("forky", "sid", "bullseye")
"""Newest first; Asterisk was left out of two stable releases, so that more than one is tried."""
_LEFT_OUT = ("./usr/share/doc/*", "./usr/share/man/*", "./usr/share/locale/*", "./usr/share/i18n/*")
_ADVICE = "install Asterisk 20 or newer with the system's own means and set HOTLINE_PBX_PREFIX=/"


class PbxInstallError(Exception):
    """Asterisk could not be brought; the message says what to do instead."""


def is_installed(prefix: Path) -> bool:
    """Whether an Asterisk is in the prefix."""
    return (prefix / "usr/sbin/asterisk").is_file()


def install(prefix: Path, suites: Sequence[str] = SUITES, *, report: Callable[[str], None]) -> None:
    """Bring Asterisk into `prefix`. Raises PbxInstallError; then the prefix is as it was."""
    if prefix == Path("/"):
        raise PbxInstallError(f"There is no Asterisk on this system: {_ADVICE}.")
    if not all(map(shutil.which, ("apt-get", "dpkg-deb", "tar"))):
        raise PbxInstallError(f"Asterisk can only be brought on Debian and its kin; elsewhere {_ADVICE}.")
    archive = _archive()
    draft = prefix.with_name(f".{prefix.name}.{os.getpid()}")
    prefix.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for suite in suites:
        report(f"Bringing Asterisk from Debian {suite} into {prefix}; nothing else on this machine is changed.")
        try:
            _unpack(archive, suite, draft)
        except subprocess.CalledProcessError as error:
            failures.append(f"{suite}: {_last_line(error.stderr)}")
            continue
        else:
            if not is_installed(draft):
                failures.append(f"{suite}: no asterisk in it")
                continue
            # Only a whole Asterisk ever has the prefix's name.
            shutil.rmtree(prefix, ignore_errors=True)
            draft.rename(prefix)
            return
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    raise PbxInstallError(f"Asterisk could not be brought ({'; '.join(failures)}): {_ADVICE}.")


def _archive() -> str:
    """The Debian archive that this machine's apt uses."""
    ask = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian", "Label: Debian"]
    for attempt in range(2):
        found = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.split()
        if found:
            return found[0]
        if attempt == 0:
            subprocess.run(["apt-get", "-qq", "update"], capture_output=True, check=False)
    raise PbxInstallError(f"apt knows no Debian archive: run `apt-get update`, or {_ADVICE}.")


def _unpack(archive: str, suite: str, target: Path) -> None:
    """Fetch and unpack with an apt state of its own, inside the target."""
    state = target / ".apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    (state / "sources.list").write_text(f"deb [signed-by={keyring}] {archive} {suite} main\n")
    options = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::State::Lists": state / "lists",
        "Dir::Cache": state / "cache",
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "APT::Install-Recommends": "0",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "1",
    }
    apt = ["apt-get", "-qq", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    _run([*apt, "update"])
    _run([*apt, "-y", "--download-only", "install", "asterisk"])
    left_out = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    for package in sorted((state / "cache/archives").glob("*.deb")):
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as reader:
            unpack = ["tar", "-x", "-C", str(target), "--keep-directory-symlink", "--no-same-owner", *left_out]
            subprocess.run(unpack, stdin=reader.stdout, check=True, capture_output=True)
        if reader.returncode:
            raise subprocess.CalledProcessError(reader.returncode, "dpkg-deb", stderr=b"a package cannot be read")
    shutil.rmtree(state)


def _run(command: Sequence[object]) -> None:
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def _last_line(output: bytes | None) -> str:
    lines = (output or b"").decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
