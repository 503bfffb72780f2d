"""A slip in any city's folder does not load, and says where."""

import shutil
from pathlib import Path

import pytest
from changhu_policies import PACKS, PackInvalid, read_folder

SLIPS = [
    ("530400", "enrollment", "to: 2028-08-31", "to: 2028-07-31",
     "contribution.rate['resident', 'government']", "gap: no value between 2028-07-31 and 2028-09-01"),
    ("530400", "enrollment", "to: 2029-08-31", "to: 2029-09-30",
     "contribution.rate['resident', 'person']", "overlap: two values on 2029-09-01"),
    ("530400", "settlement", "category: [resident, minor]\n    mode: institution",
     "category: [resident, pensioner]\n    mode: institution",
     "benefit.ratio", "unknown category here: pensioner"),
    ("530400", "settlement", "category: [resident, minor]\n    mode: institution",
     "category: [resident]\n    mode: institution", "benefit.ratio", "gap: nothing for minor, institution"),
    ("530400", "enrollment", "category: minor, value: []", "category: minor, value: [person]",
     "contribution.rate", "gap: nothing for minor"),
    ("530400", "enrollment", "divided_by: 12", "divided_by: 0", "contribution.base.2", "cannot be divided by 0"),
    ("530400", "enrollment", "sibling", "cousin", "contribution.family_relations.0", "must be one of"),
    ("530400", "enrollment", "    - poverty_monitored\n", "", "contribution.payer_by_mark", "does not place"),
    ("330300", "enrollment", '"330381", ', "", "contribution.base", "gap: nothing for 330381"),
    ("330300", "enrollment", '"330371"]', '"330399"]', "contribution.base", "unknown county here: 330399"),
    ("330300", "pool", '{county: "330383", value: 50000', '{county: "330383", value: 5.0',
     "pool.insured_goal.11", "must be a whole number"),
    ("330300", "enrollment", "to: 2022-12-31", "to: 2023-01-01", "contribution.collection", "overlap"),
    ("441500", "assessment", "value: 5, clause: 起草说明三(二)3", "value: 5", "organization_staff_min", "its clause"),
]  # fmt: skip


@pytest.mark.parametrize(("pool", "file", "old", "new", "place", "reason"), SLIPS)
def test_a_slip_is_found_and_named(
    tmp_path: Path, pool: str, file: str, old: str, new: str, place: str, reason: str
) -> None:
    source = next(PACKS.glob(f"{pool}-*"))
    folder = Path(shutil.copytree(source, tmp_path / source.name))
    path = folder / f"{file}.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(PackInvalid) as refusal:
        read_folder(folder)
    said = [f"{error.field}: {error.reason}" for error in refusal.value.errors]
    assert any(place in each and reason in each for each in said), said
