"""What is wrong with a field of a request, in words for a clerk; what stands here is told in every service alike."""

from typing import Any, Final

# By pydantic's name of the fault; `{limit}` is what the field was measured by.
_REASONS: Final = {
    "missing": "必填",
    "extra_forbidden": "不认识的字段",
    "int_type": "须为整数",
    "int_parsing": "须为整数",
    "int_from_float": "须为整数, 金额以分为单位",
    "float_type": "须为数",
    "float_parsing": "须为数",
    "bool_type": "须为 true 或 false",
    "bool_parsing": "须为 true 或 false",
    "string_type": "须为文本",
    "string_too_short": "不能为空, 至少 {min_length} 个字",
    "string_too_long": "过长, 至多 {max_length} 个字",
    "string_pattern_mismatch": "格式不符",
    "list_type": "须为列表",
    "tuple_type": "须为列表",
    "too_short": "至少 {min_length} 项",
    "too_long": "至多 {max_length} 项",
    "dict_type": "须为对象",
    "model_type": "须为对象",
    "model_attributes_type": "须为对象",
    "literal_error": "只能是 {expected}",
    "enum": "只能是 {expected}",
    "uuid_type": "须为编号 (UUID)",
    "uuid_parsing": "须为编号 (UUID)",
    "date_type": "须为日期, 如 2026-07-15",
    "date_parsing": "须为日期, 如 2026-07-15",
    "date_from_datetime_parsing": "须为日期, 如 2026-07-15",
    "date_from_datetime_inexact": "须为日期, 如 2026-07-15",
    "datetime_type": "须为时间, 如 2026-07-15T09:00:00+08:00",
    "datetime_parsing": "须为时间, 如 2026-07-15T09:00:00+08:00",
    "datetime_from_date_parsing": "须为时间, 如 2026-07-15T09:00:00+08:00",
    "timezone_aware": "须写明时区, 如 2026-07-15T09:00:00+08:00",
    "greater_than": "须大于 {gt}",
    "greater_than_equal": "不能小于 {ge}",
    "less_than": "须小于 {lt}",
    "less_than_equal": "不能大于 {le}",
    "json_invalid": "不是合格的 JSON",
}


def reason_of(fault: Any) -> str:
    """The reason of one of pydantic's faults; its own words where none stand here."""
    context = fault.get("ctx", {})
    if fault["type"] == "value_error":
        return str(context["error"])
    said = _REASONS.get(fault["type"])
    return said.format(**context).replace(" or ", " 或 ") if said else str(fault["msg"])
