"""A grant opens its region and organisation, and nothing next to them."""

from uuid import UUID

import pytest
from changhu_common.ids import named_id
from changhu_common.roles import Caller, Grant, Role, RoleMissing, Scope
from changhu_common.scoped_rows import within
from sqlalchemy import ColumnElement, String, Uuid, column, table
from sqlalchemy.dialects.postgresql.base import PGDialect

POOL, COUNTY, OTHER_COUNTY, OTHER_POOL = "211100", "211102", "211121", "330300"
PROVIDER, OTHER_PROVIDER = named_id("organisation", 1), named_id("organisation", 2)
PERSON, WARD, STRANGER = (named_id("person", n) for n in range(3))


def scope(*grants: Grant, person: UUID | None = None, wards: frozenset[UUID] = frozenset()) -> Scope:
    return Caller(subject="s", name="n", grants=grants, person=person, wards=wards).scope


def test_a_pools_grant_covers_the_pool_and_its_counties() -> None:
    seen = scope(Grant(Role.ENROLLMENT_CLERK, POOL))
    assert seen.covers(pool=POOL)
    assert seen.covers(pool=POOL, county=COUNTY, organisation=PROVIDER)
    assert not seen.covers(pool=OTHER_POOL)
    assert not seen.covers(pool=OTHER_POOL, county="330302")


def test_a_countys_grant_covers_that_county_alone() -> None:
    seen = scope(Grant(Role.ENROLLMENT_CLERK, COUNTY))
    assert seen.covers(pool=POOL, county=COUNTY)
    assert not seen.covers(pool=POOL, county=OTHER_COUNTY)
    assert not seen.covers(pool=POOL)


def test_an_organisations_grant_covers_nothing_of_another_or_of_none() -> None:
    seen = scope(Grant(Role.PROVIDER_STAFF, POOL, PROVIDER))
    assert seen.covers(pool=POOL, county=COUNTY, organisation=PROVIDER)
    assert not seen.covers(pool=POOL, county=COUNTY, organisation=OTHER_PROVIDER)
    assert not seen.covers(pool=POOL, county=COUNTY)


def test_two_grants_do_not_lend_each_other_their_region() -> None:
    seen = scope(Grant(Role.ASSESSOR, COUNTY), Grant(Role.PROVIDER_STAFF, OTHER_COUNTY, PROVIDER))
    assert not seen.covers(pool=POOL, county=OTHER_COUNTY, organisation=OTHER_PROVIDER)


def test_an_insured_person_sees_himself_and_his_wards_and_no_region() -> None:
    seen = scope(Grant(Role.INSURED_PERSON, POOL), person=PERSON, wards=frozenset({WARD}))
    assert seen.covers(pool=POOL, county=COUNTY, person=PERSON)
    assert seen.covers(pool=OTHER_POOL, person=WARD)
    assert not seen.covers(pool=POOL, county=COUNTY, person=STRANGER)
    assert not seen.covers(pool=POOL, county=COUNTY)


def test_a_clerk_who_is_insured_too_does_not_see_himself_out_of_his_region_as_a_clerk() -> None:
    clerk = Caller("s", "n", (Grant(Role.ENROLLMENT_CLERK, POOL), Grant(Role.INSURED_PERSON, POOL)), PERSON)
    narrowed = clerk.narrowed([Role.ENROLLMENT_CLERK])
    assert narrowed.grants == (Grant(Role.ENROLLMENT_CLERK, POOL),)
    assert not narrowed.scope.covers(pool=OTHER_POOL, person=PERSON)


def test_a_caller_without_any_of_the_roles_is_told_their_names() -> None:
    caller = Caller("s", "n", (Grant(Role.CASHIER, POOL),))
    with pytest.raises(RoleMissing, match="会计、稽核"):
        caller.narrowed([Role.ACCOUNTANT, Role.AUDITOR])


@pytest.mark.parametrize("region", ["", "2111", "21110２", "211102; --", "%%%%%%"])
def test_a_region_is_six_digits(region: str) -> None:
    with pytest.raises(ValueError, match="six-digit"):
        Grant(Role.CASHIER, region)


def test_a_caregiver_without_an_organisation_would_see_everybodys_and_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="in an organisation"):
        Grant(Role.CAREGIVER, COUNTY)


def test_a_role_is_its_code_and_knows_its_name() -> None:
    assert Role("cashier") is Role.CASHIER
    assert (f"{Role.CASHIER}", Role.CASHIER.term) == ("cashier", "出纳")


def sql(condition: ColumnElement[bool]) -> str:
    dialect = PGDialect()  # type: ignore[no-untyped-call]
    return str(condition.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


ROWS = table("row", column("region", String), column("organisation", Uuid), column("person", Uuid)).c


def test_a_query_keeps_each_region_with_its_organisation() -> None:
    seen = scope(Grant(Role.ASSESSOR, COUNTY), Grant(Role.PROVIDER_STAFF, POOL, PROVIDER))
    assert sql(within(seen, region=ROWS.region, organisation=ROWS.organisation)) == (
        f"row.region LIKE '2111%%' AND row.organisation = '{PROVIDER}' OR row.region LIKE '211102%%'"
    )


def test_a_query_without_the_organisations_column_shows_nothing_to_an_organisation() -> None:
    assert sql(within(scope(Grant(Role.PROVIDER_STAFF, POOL, PROVIDER)), region=ROWS.region)) == "false"


def test_a_query_shows_an_insured_person_his_own_rows_and_his_wards() -> None:
    seen = scope(Grant(Role.INSURED_PERSON, POOL), person=PERSON, wards=frozenset({WARD}))
    shown = sql(within(seen, region=ROWS.region, person=ROWS.person))
    assert "region" not in shown
    assert str(PERSON) in shown
    assert str(WARD) in shown
