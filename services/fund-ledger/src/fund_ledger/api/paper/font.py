"""The font of everything printed: it comes with a package, so that a print looks alike on every machine."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

FILE: Final = "NotoSansSC-Regular.ttf"
NAME: Final = "NotoSansSC"

NEVER_FIRST: Final = frozenset("，。；：、）」》”％%")


def font_path() -> Path:
    """Where the font lies; the package that brings it is not imported."""
    spec = find_spec("zhplot")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "fonts" / FILE


@cache
def font() -> str:
    """The font's name, known to whatever draws from now on; a print carries the letters that it uses."""
    pdfmetrics.registerFont(TTFont(NAME, str(font_path())))
    return NAME


def width_of(text: str, size: float) -> float:
    """How wide a text is in points."""
    return float(pdfmetrics.stringWidth(text, font(), size))


def wrapped(text: str, *, width: float, size: float) -> list[str]:
    """A text in lines that fit, broken between any two letters as Chinese is, but never before a closing mark."""
    lines, line = [], ""
    for letter in text:
        if line and width_of(line + letter, size) > width:
            kept = -1 if letter in NEVER_FIRST and len(line) > 1 else len(line)
            lines.append(line[:kept])
            line = line[kept:]
        line += letter
    return [*lines, line]
