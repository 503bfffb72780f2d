import re
from pathlib import Path

from changhu_policies import PACKS, load_pack, pools

ROOT = Path(__file__).parents[3]


def test_no_city_and_no_document_stands_outside_the_packs() -> None:
    packs = [load_pack(pool) for pool in pools()]
    names = {word for pack in packs for word in (pack.pool, pack.name, pack.name.removesuffix("市"))}
    names |= {pinyin for folder in PACKS.iterdir() if (pinyin := folder.name.partition("-")[2])}
    forbidden = re.compile("|".join(sorted(names)) + r"|〔20\d\d〕\d+号", re.IGNORECASE)
    sources = [path for part in ("libs", "services") for path in (ROOT / part).glob("*/src/**/*.py")]
    assert len(sources) > 10
    assert [str(path) for path in sources if forbidden.search(path.read_text(encoding="utf-8"))] == []
