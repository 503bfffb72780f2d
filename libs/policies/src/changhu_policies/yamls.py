"""A pack's file says each thing once: a key written twice is an error, never the last one wins."""

from pathlib import Path
from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Strict(_Loader):  # type: ignore[misc]  # the C loader where there is one: ten times as fast
    pass


def _mapping_once(loader: Any, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        if key_node.tag == MERGE:  # "<<" brings in another mapping, which this one may override
            continue
        key = loader.construct_object(key_node, deep=True)
        if key in seen:
            raise yaml.constructor.ConstructorError(None, None, f"{key!r} is written twice", key_node.start_mark)
        seen.add(key)
    mapping: dict[Any, Any] = yaml.constructor.SafeConstructor.construct_mapping(loader, node, deep=True)
    return mapping


# YAML 1.1 takes `on`, `no`, `y` for booleans; here only true and false are.
_Strict.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if first in "tTfF" or not tag.endswith(":bool")]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}
_Strict.add_constructor("tag:yaml.org,2002:map", _mapping_once)


def read_yaml(path: Path) -> Any:
    """The content of one YAML file; a ValueError names the file and the place of what is wrong with it."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Strict)  # noqa: S506  # a safe loader
    except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
        raise ValueError(f"{path.name}: {' '.join(str(error).split())}") from error
