import shutil
from pathlib import Path

import pytest
from changhu_policies import PACKS, PackInvalid, build_pack, load_pack, pools, read_folder

POOL = "211100"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = next(PACKS.glob(f"{POOL}-*"))
    return Path(shutil.copytree(source, tmp_path / source.name))


def add(folder: Path, file: str, text: str) -> None:
    path = folder / f"{file}.yaml"
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def put(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / f"{file}.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def complaints(folder: Path) -> str:
    with pytest.raises(PackInvalid) as refusal:
        read_folder(folder)
    return " | ".join(f"{error.field}: {error.reason}" for error in refusal.value.errors)


@pytest.mark.parametrize("pool", pools())
def test_every_pack_loads(pool: str) -> None:
    assert load_pack(pool).pool == pool


def test_a_comment_does_not_change_the_version(folder: Path) -> None:
    add(folder, "settlement", "\n# a remark\n")
    assert build_pack(read_folder(folder)).version == load_pack(POOL).version


def test_a_gap_between_two_values_is_found(folder: Path) -> None:
    put(folder, "fund-ledger", "  clause: 三(九)\n  status: missing\n", GAP)
    assert "gap: no value between 2021-12-31 and 2023-01-01" in complaints(folder)


def test_an_overlap_of_two_values_is_found(folder: Path) -> None:
    put(folder, "fund-ledger", "  clause: 三(九)\n  status: missing\n", GAP.replace("2021-12-31", "2023-06-30"))
    assert "overlap: two values on 2023-01-01" in complaints(folder)


GAP = """
  - {value: 5%, clause: 三(九), status: stated, to: 2021-12-31}
  - {value: 6%, clause: 三(九), status: stated, from: 2023-01-01}
ignored:
  value: 1
"""


def test_somebody_left_out_is_found(folder: Path) -> None:
    put(folder, "enrollment", "{category: [employee, flexible], value: own", "{category: [employee], value: own")
    assert "contribution.base: gap: nothing for flexible" in complaints(folder)


def test_a_category_that_the_pool_does_not_insure_is_found(folder: Path) -> None:
    put(folder, "enrollment", "mark: bankrupt_firm_retiree", "mark: bankrupt_firm_retiree, share: person")
    put(folder, "enrollment", "{category: [employee, flexible], value: own", "{category: [resident], value: own")
    assert "unknown category here: resident" in complaints(folder)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("mode: community", "mode: moon", "unknown mode here: moon"),
        ("value: 80%", "value: 0.8", "must be written as a text"),
        ("value: 80%", "value: 180%", "between 0 and 100%"),
        ("value: 80%, clause: 二(六)3", "value: 80%", "every value names its clause"),
        ("value: 80%, clause: 二(六)3, status: stated", "value: 80%, clause: x, status: sure", "status must be"),
        ("value: 80%, clause: 二(六)3, status: stated", "value: 80%, clause: x, status: assumed", "what was read"),
        ("value: 80%,", "", "a missing value has no value, every other has one"),
        ("mode: home,", "mode: home, colour: red,", "unknown members: colour"),
        ("mode: home,", "mode: home, share: person,", "cannot vary by share"),
        ("mode: home,", "mode: home, category: employee,", "all entries must vary by the same qualifiers"),
        ("mode: home,", "mode: home, from: 2026-01-01, to: 2025-01-01,", "from and to must be days"),
        ("benefit.deductible:", "benefit.deductable:", "no parameter of this file is called so"),
        ("benefit.deductible:", "handling.commission:", "no parameter of this file is called so"),
        ("value: national-2025", "value: national-1999", "no such catalogue"),
        ("benefit.deductible: {", "benefit.ratio: {", "'benefit.ratio' is written twice"),
    ],
)  # fmt: skip
def test_a_slip_is_found_and_named(folder: Path, old: str, new: str, complaint: str) -> None:
    put(folder, "settlement", old, new)
    assert complaint in complaints(folder)


def test_a_file_that_is_not_there_or_no_yaml_is_found(folder: Path) -> None:
    (folder / "assessment.yaml").unlink()
    (folder / "settlement.yaml").write_text("a: [", encoding="utf-8")
    said = complaints(folder)
    assert "assessment" in said
    assert "settlement" in said


def test_a_parameter_that_every_pack_needs_is_found_missing(folder: Path) -> None:
    put(folder, "settlement", "benefit.deductible: {value: none, clause: 二(六)3, status: stated}", "")
    assert "benefit.deductible: every pack says it, be it as missing" in complaints(folder)


def test_a_folder_is_named_after_its_code(folder: Path) -> None:
    put(folder, "pool", 'code: "211100"', 'code: "211101"')
    assert "named after the code" in complaints(folder)
