"""The code knows shapes of rules, never a city or a document; and every service has the same rooms."""

import re
from pathlib import Path

import pytest
from changhu_common.service import Service
from changhu_policies import load_pack, pools
from changhu_standalone.deployment import SERVICES

ROOT = Path(__file__).parents[2]
CODE = [
    path
    for folder in (*ROOT.glob("libs/*/src"), *ROOT.glob("services/*/src"))
    for path in folder.rglob("*.py")
    if "packs" not in path.parts
]

# 〔2022〕, (2024) 41号: how Chinese documents are cited.
DOCUMENT = re.compile(r"〔\d{4}〕|\d+\s*号(?!码)")


def test_there_is_code_to_look_at() -> None:
    assert len(CODE) > 100


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_city_and_no_document_stands_in_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for pool in pools():
        pack = load_pack(pool)
        city = pack.name.removesuffix("市")
        pinyin = {folder.name.partition("-")[2] for folder in (ROOT / "libs").rglob(f"packs/{pool}-*")}
        for word in (pool, city, *pack.counties, *pack.counties.values(), *pinyin):
            assert word.lower() not in text.lower(), f"{word} stands in {path}"
    assert not DOCUMENT.search(text), f"a document is cited in {path}"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_has_its_rooms(service: Service) -> None:
    folder = service.migrations.parent
    package = folder / "src" / service.database
    for room in ("api", "usecases", "domain", "storage"):
        assert list((package / room).glob("[a-z]*.py")), f"{service.name} has nothing in {room}"
    assert list(service.migrations.glob("0*.py"))
    assert (folder / "README.md").exists()


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_only_use_cases_begin_a_transaction_and_nothing_else_commits(service: Service) -> None:
    package = service.migrations.parent / "src" / service.database
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "usecases" not in path.relative_to(package).parts:
            assert ".change(" not in text, f"{path} begins a transaction"
        assert ".commit(" not in text, f"{path} commits"
