"""What is priced, planned and done is an item of a catalogue (服务项目目录)."""

from collections.abc import Iterable

from changhu_common.errors import FieldError, Refusal
from changhu_policies import catalogues


class ItemUnknown(Refusal):
    """No catalogue has the item."""

    code = "item.unknown"
    title = "服务项目不在目录内"


def unknown_items(*, items: Iterable[str]) -> list[str]:
    """Those of the items that no catalogue has, each once."""
    known = catalogues().values()
    return [item for item in dict.fromkeys(items) if not any(item in catalogue for catalogue in known)]


def refuse_unknown_items(*, items: Iterable[str], field: str) -> None:
    """Raise ItemUnknown, naming every unknown item and where it stands."""
    told = list(items)
    if missing := unknown_items(items=told):
        raise ItemUnknown(
            f"目录中没有服务项目 {'、'.join(missing)}; 请按国家服务项目目录的编码填写。",
            errors=[FieldError(f"{field}.{n}", "目录中没有这个项目") for n, item in enumerate(told) if item in missing],
        )
