"""A proposal is a pack that nobody runs: a whole folder like a pack's, or one that says some parameters anew.

An amendment is a folder without a pool of its own. Each parameter that it names replaces all of the
pool's entries for it; the rest stays as it is, and the whole is checked like any pack.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from changhu_common.errors import FieldError, InvalidInput

from changhu_policies.folders import IDENTITY, Content, amended, pools, read_folder, read_pack
from changhu_policies.parameters import FILES, PARAMETERS
from changhu_policies.refusals import PackInvalid
from changhu_policies.yamls import read_yaml

GOLDEN: Final = "golden"  # worked examples may stand beside; nothing here asks them


def read_proposal(named: str, *, onto: str) -> Content:
    """A pack's folder, a pool's code, or a folder that amends the pack of `onto`.

    Raises InvalidInput where there is no such thing, PackInvalid with every place that is wrong.
    """
    folder = Path(named)
    if folder.is_dir():
        said = _parameters(folder)
        if "code" in said.get("pool", {}):
            return read_folder(folder.resolve())
        return _amendment(folder, said, read_pack(_known(onto, "against")))
    return read_pack(_known(named, "draft"))


def _known(pool: str, field: str) -> str:
    if pool not in pools():
        reason = "不是政策包文件夹，也不是统筹区代码" if field == "draft" else "没有这个统筹区"
        raise InvalidInput(f"{pool}{reason}。", errors=[FieldError(field, reason)])
    return pool


def _parameters(folder: Path) -> dict[str, dict[Any, Any]]:
    """What each file says; every file must be one of a pack's."""
    said: dict[str, dict[Any, Any]] = {}
    errors = []
    for path in sorted(folder.glob("*.yaml")):
        if path.stem == GOLDEN:
            continue
        try:
            content = read_yaml(path)
            if not isinstance(content, dict):
                raise ValueError("a file says parameter: entries")
            if path.stem not in FILES:
                raise ValueError(f"no file of a pack is called so; there are {', '.join(FILES)}")
            said[path.stem] = content
        except (OSError, ValueError) as error:
            errors.append(FieldError(path.stem, str(error)))
    if not said and not errors:
        errors.append(FieldError("folder", f"no YAML file; there may be {', '.join(FILES)}"))
    if errors:
        raise PackInvalid(pool=folder.name, errors=errors)
    return said


def _amendment(folder: Path, said: dict[str, dict[Any, Any]], content: Content) -> Content:
    if errors := list(_strangers(said)):
        raise PackInvalid(pool=folder.name, errors=errors)
    entries = {name: entry for parameters in said.values() for name, entry in parameters.items()}
    return replace(amended(content, entries), draft=True)


def _strangers(said: dict[str, dict[Any, Any]]) -> Iterator[FieldError]:
    for file, parameters in said.items():
        for name in parameters:
            if name in IDENTITY:
                yield FieldError(f"{file}.{name}", "who a pool is only a whole pack says, with its code")
            elif name not in PARAMETERS or PARAMETERS[name].file != file:
                yield FieldError(f"{file}.{name}", "no parameter of this file is called so")
