"""Which adapter a command is about: by name, by folder, or by a file name that only one definition knows."""

from __future__ import annotations

import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from adapters.characters.register import EMPTY, GaijiRegister, load_register
from adapters.suite.subject import Pair, Subject, find_folder, load_pair, load_subject, shipped
from bus.core.errors import ConfigurationError
from bus.core.types import Finding
from schemas.catalog import load_edition
from schemas.model import Edition

Name = Annotated[str, typer.Argument(metavar="VENDOR/UNIT", help="例 a/juki / for example a/juki")]
AdapterOption = Annotated[str, typer.Option("--adapter", "-a", help="アダプター 例 a/juki / adapter definition")]
FolderOption = Annotated[Path | None, typer.Option("--folder", help="定義フォルダー / a definition folder of your own")]
MappingOption = Annotated[str, typer.Option("--mapping", help="対応定義 例 jumin（既定はファイル名から） / mapping")]
GaijiOption = Annotated[Path | None, typer.Option("--gaiji", help="外字登録簿（CSV） / gaiji register")]
EditionOption = Annotated[str, typer.Option("--edition", help="標準の版 / edition of the standard")]


def edition(version: str = "1.0") -> Edition:
    """The edition; its own errors speak for themselves."""
    return load_edition(version)


def register(path: Path | None) -> GaijiRegister:
    """The gaiji register given, or none."""
    return load_register(path) if path is not None else EMPTY


def subject(name: str, folder: Path | None, version: str = "1.0") -> Subject:
    """A definition, whole and sound; raises ConfigurationError with every problem."""
    return load_subject(find_folder(name, folder), edition(version))


def for_file(file: Path, name: str, folder: Path | None, mapping: str) -> Pair:
    """The pair of layout and mapping that ``file`` belongs to; raises ConfigurationError CB7030."""
    loaded = edition()
    # with dozens of definitions, only those that know a file of this name are read whole
    names = [name] if name or folder else [one for one in shipped() if _knows(find_folder(one), file.name)]
    subjects = [load_subject(find_folder(one, folder), loaded) for one in names]
    found: list[tuple[Subject, Pair]] = []
    for one in subjects:
        wanted = _by_pattern(one, file.name)
        found += [(one, pair) for pair in one.pairs if (named(pair, mapping) if mapping else pair.name in wanted)]
        shared = [] if mapping else [path for path in wanted if path.startswith("../")]
        found += [(one, pair) for path in shared if (pair := load_pair(one.folder / path, loaded)) is not None]
    if len(found) == 1:
        return found[0][1]
    choices = [f"--adapter {one.folder.parent.name}/{one.folder.name} --mapping {p.name}" for one, p in found]
    if not choices:
        choices = [f"--mapping {pair.name}" for one in subjects for pair in one.pairs]
        choices = choices or [f"--adapter {one}" for one in shipped()]
    finding = Finding("CB7030", path=file.name, expected=" | ".join(choices), got=f"{len(found)} 候補 / candidates")
    raise ConfigurationError("CB7030", (finding,))


def _knows(folder: Path, file: str) -> bool:
    """Whether a definition's flows or samples have a file of this name; a definition that cannot be read has none."""
    if (folder / "samples" / file).is_file():
        return True
    try:
        flows = tomllib.loads((folder / "adapter.toml").read_text("utf-8")).get("flow", [])
    except (OSError, ValueError):
        return False
    return any(fnmatchcase(file, str(flow.get("pattern", ""))) for flow in flows if flow.get("pattern"))


def named(pair: Pair, mapping: str) -> bool:
    """Whether ``--mapping`` means this pair: ``mapping/jumin.toml`` or just ``jumin``."""
    return mapping in {pair.name, Path(pair.name).stem}


def chosen(one: Subject, mapping: str) -> list[Pair]:
    """The pairs that ``--mapping`` names, all without it; raises ConfigurationError CB7030 when there is none."""
    found = [pair for pair in one.pairs if not mapping or named(pair, mapping)]
    if found:
        return found
    known = " | ".join(Path(pair.name).stem for pair in one.pairs)
    raise ConfigurationError("CB7030", [Finding("CB7030", path="--mapping", expected=known, got=mapping)])


def _by_pattern(one: Subject, file: str) -> set[str]:
    """Mappings of flows whose file pattern fits the name, and of samples with this name."""
    found = {
        flow.text("mapping") or flow.text("request_mapping")
        for flow in one.definition.flows
        if flow.text("pattern") and fnmatchcase(file, flow.text("pattern"))
    }
    return found | {sample.pair.name for sample in one.samples if sample.pair and sample.path.name == file}
