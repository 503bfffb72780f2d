"""A minor is insured through a guardian, and a relative's account pays while that relative consents."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from changhu_common.roles import Role
from httpx import Response

from tests.support.running import Running

Who = dict[str, str]
YUXI = "530402"


@pytest.fixture(autouse=True)
def _drafts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHANGHU_DRAFT_POOLS", "530400")


@pytest.fixture
def clerk(enrollment: Running) -> Who:
    return enrollment.token(Role.ENROLLMENT_CLERK, region="530400")


@pytest.fixture
def send(enrollment: Running, clerk: Who, people: SimpleNamespace) -> Callable[..., Awaitable[Response]]:
    """Ask to register somebody of a pool that insures minors and lets relatives pay."""

    async def sent(
        n: int, category: str, *, born: int = 1980_01_01, marks: tuple[str, ...] = (), **coverage: Any
    ) -> Response:
        told = {"category": category, "start": "2026-01-01", "base_fen": None, **coverage}
        number = people.number(n, born=born)
        return await enrollment.post(
            "/persons", clerk, people.person(n, resident_number=number, county=YUXI, marks=marks, coverage=told)
        )

    return sent


async def person_of(answer: Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["person_id"])


async def test_a_minor_without_a_fit_guardian_is_refused(enrollment: Running, send: Any, clerk: Who) -> None:
    alone = await send(1, "minor", born=2015_01_01)
    assert (alone.status_code, alone.json()["code"]) == (422, "guardian.missing")
    assert alone.json()["errors"][0]["field"] == "guardian_id"
    parent = await person_of(await send(2, "employee"))
    told = {"guardian_id": parent, "guardian_relation": "parent"}
    child = await person_of(await send(1, "minor", born=2015_01_01, **told))
    sibling = await send(3, "minor", born=2016_01_01, guardian_id=child)
    assert sibling.json()["code"] == "guardian.unfit"
    nobody = await send(3, "minor", born=2016_01_01, guardian_id="00000000-0000-7000-8000-000000000000")
    assert nobody.status_code == 404
    (named,) = (await enrollment.get(f"/persons/{child}/guardians", clerk)).json()
    assert named == {"person_id": child, "guardian_id": parent, "relation": "parent", "since": "2026-01-01"}


async def test_an_orphan_is_registered_without_a_guardian(send: Any) -> None:
    assert (await send(1, "minor", born=2015_01_01, marks=["orphan"])).status_code == 201


async def test_another_guardian_takes_over_from_a_day_on(enrollment: Running, send: Any, clerk: Who) -> None:
    mother, aunt = [await person_of(await send(n, "employee")) for n in (1, 2)]
    child = await person_of(await send(3, "minor", born=2015_01_01, guardian_id=mother, guardian_relation="parent"))
    at = f"/persons/{child}/guardians"
    body = {"guardian_id": aunt, "relation": "other", "since": "2026-06-01"}
    assert (await enrollment.post(at, clerk, body)).json() == {"person_id": child, **body}
    found = (await enrollment.get(at, clerk)).json()
    assert [(each["guardian_id"], each["relation"]) for each in found] == [(aunt, "other"), (mother, "parent")]
    own = await enrollment.post(at, clerk, {**body, "guardian_id": child})
    assert (own.status_code, own.json()["code"]) == (422, "guardian.unfit")


async def test_a_relation_without_the_guardian_is_refused(send: Any) -> None:
    answer = await send(1, "minor", born=2015_01_01, guardian_relation="parent")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "guardian_id")


async def test_a_relatives_account_pays_from_consent_to_revocation(enrollment: Running, send: Any, clerk: Who) -> None:
    holder, person = [await person_of(await send(n, each)) for n, each in ((1, "employee"), (2, "resident"))]
    at = f"/persons/{person}/family-accounts"
    body = {"holder_id": holder, "relation": "child", "consented_on": "2026-06-01", "reference": "授权书"}
    made = await enrollment.post(at, clerk, body)
    assert (made.status_code, bool(made.json()["clause"])) == (201, True)
    assert (await enrollment.get(f"/persons/{person}", clerk)).json()["family_account"] is True
    assert (await enrollment.post(at, clerk, body)).json()["code"] == "family_account.already_registered"
    revocation = f"/family-accounts/{made.json()['family_account_id']}/revocation"
    early = await enrollment.post(revocation, clerk, {"revoked_on": "2026-05-31"})
    assert early.json()["code"] == "family_account.day_invalid"
    ended = await enrollment.post(revocation, clerk, {"revoked_on": "2026-06-30"})
    assert (ended.status_code, ended.json()["revoked_on"]) == (200, "2026-06-30")
    assert (await enrollment.get(f"/persons/{person}", clerk)).json()["family_account"] is False
    again = await enrollment.post(revocation, clerk, {"revoked_on": "2026-06-30"})
    assert again.json()["code"] == "family_account.already_revoked"
    assert len((await enrollment.get(at, clerk)).json()) == 1


async def test_an_account_pays_by_consent_alone(enrollment: Running, send: Any, clerk: Who) -> None:
    person = await person_of(await send(1, "resident"))
    answer = await enrollment.post(f"/persons/{person}/details", clerk, {"family_account": True})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "family_account")
    assert (await enrollment.get(f"/persons/{person}", clerk)).json()["family_account"] is False


async def test_whose_account_cannot_pay_is_told(enrollment: Running, send: Any, clerk: Who) -> None:
    resident, other = [await person_of(await send(n, "resident")) for n in (1, 2)]
    body = {"holder_id": other, "relation": "spouse", "consented_on": "2026-06-01"}
    at = f"/persons/{resident}/family-accounts"
    for more, code in (
        ({}, "family_account.holder_unfit"),
        ({"holder_id": resident}, "family_account.holder_unfit"),
        ({"relation": "cousin"}, "input.invalid"),
        ({"consented_on": "2026-07-02"}, "family_account.day_invalid"),
    ):
        answer = await enrollment.post(at, clerk, {**body, **more})
        assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_where_the_document_names_no_relations_the_missing_value_is_named(
    enrollment: Running, people: SimpleNamespace
) -> None:
    clerk = enrollment.token(Role.ENROLLMENT_CLERK, region="330300")
    ids = []
    for n in (1, 2):
        answer = await enrollment.post("/persons", clerk, people.person(n, county="330382"))
        ids.append(await person_of(answer))
    body = {"holder_id": ids[0], "relation": "spouse", "consented_on": "2026-06-01"}
    answer = await enrollment.post(f"/persons/{ids[1]}/family-accounts", clerk, body)
    assert (answer.json()["code"], answer.json()["parameter"]) == ("policy.missing", "contribution.family_relations")
