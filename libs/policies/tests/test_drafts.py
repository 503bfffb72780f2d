import pytest
from changhu_policies import DraftNotAdmitted, admitted_pools, load_pack, pools, refuse_draft
from changhu_policies.drafts import SETTING

DRAFTS = [pool for pool in pools() if load_pack(pool).draft]


@pytest.mark.parametrize("pool", DRAFTS)
def test_a_draft_runs_only_where_the_deployment_names_it(pool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "")
    assert pool not in admitted_pools()
    with pytest.raises(DraftNotAdmitted) as refusal:
        refuse_draft(pool)
    assert (refusal.value.code, refusal.value.members) == ("policy.draft", {"pool": pool})
    for named in (pool, f"999999, {pool}", "all"):
        monkeypatch.setenv(SETTING, named)
        refuse_draft(pool)
        assert pool in admitted_pools()


def test_a_document_in_force_always_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    assert set(admitted_pools()) == set(pools()) - set(DRAFTS)
    refuse_draft("211100")


@pytest.mark.parametrize("pool", pools())
def test_the_version_of_a_draft_says_so(pool: str) -> None:
    assert load_pack(pool).version.startswith("draft-") is (pool in DRAFTS)
