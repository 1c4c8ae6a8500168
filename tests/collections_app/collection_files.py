"""What the tests of collection files share: a collection that is exported, and ways to damage its file."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collections_app import portable
from collections_app.models import Import
from collections_app.portable.values import MANIFEST, MEMBERS

Change = Callable[[dict[str, bytes]], object]


def rewritten(path: Path, change: Change, *, seals: bool = True, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Return a copy of a collection file whose members were changed, with its manifest's sizes and digests in step."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    if seals:
        manifest = json.loads(members[MANIFEST])
        for name in MEMBERS:
            if name in members:
                manifest["members"][name] = {
                    "size": len(members[name]),
                    "sha256": hashlib.sha256(members[name]).hexdigest(),
                }
        members[MANIFEST] = json.dumps(manifest).encode()
    changed = path.with_name(f"changed-{path.name}")
    with zipfile.ZipFile(changed, "w", compression=compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return changed


def manifest_with(**changes: Any) -> Change:
    """Return a change of values in the manifest; `a__b=1` is what is called b in a."""

    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members[MANIFEST])
        for path, value in changes.items():
            *parts, last = path.split("__")
            within = manifest
            for part in parts:
                within = within[int(part) if part.isdecimal() else part]
            within[last] = value
        members[MANIFEST] = json.dumps(manifest).encode()

    return change


def lines_with(member: str, change: Callable[[list[dict[str, Any]]], Any]) -> Change:
    """Return a change of the objects of a member of lines."""

    def change_lines(members: dict[str, bytes]) -> None:
        lines = [json.loads(line) for line in members[member].splitlines()]
        change(lines)
        members[member] = b"".join(json.dumps(line).encode() + b"\n" for line in lines)

    return change_lines


def import_file(path: Path, **options: Any) -> tuple[Import, portable.Taken]:
    """Take a collection file as the command does."""
    with portable.open_collection_file(path) as file:
        plan = portable.plan_import(file, **options)
        portable.check(file, plan)
        act = portable.begin(file, plan, filename=path.name, user=None)
        taken = portable.take(file, act.collection, visibility=plan.visibility, uses_vectors=plan.uses_vectors)
    return act, taken
