"""PostgreSQL finds exactly the rows that the scope covers."""

from itertools import combinations, product

from changhu_common.ids import named_id
from changhu_common.roles import Caller, Grant, Role
from changhu_common.scoped_rows import within
from changhu_standalone.postgres import EmbeddedPostgres
from sqlalchemy import String, Uuid, column, select, table
from sqlalchemy.dialects.postgresql.base import PGDialect

REGIONS = ("211100", "211102", "211121", "330300", "330302")
ORGANISATIONS = (None, named_id("organisation", 1), named_id("organisation", 2))
PERSONS = (named_id("person", 1), named_id("person", 2))
ROWS = table("seen", column("region", String), column("organisation", Uuid), column("person", Uuid))


def test_the_query_and_the_value_see_the_same(postgres: EmbeddedPostgres) -> None:
    things = list(product(REGIONS, ORGANISATIONS, PERSONS))
    every_grant = [
        Grant(role, region, organisation)
        for role in (Role.ASSESSOR, Role.INSURED_PERSON)
        for region in REGIONS[:4]
        for organisation in ORGANISATIONS
    ]
    dialect = PGDialect()  # type: ignore[no-untyped-call]
    with postgres.connect() as connection:
        connection.execute("CREATE TEMPORARY TABLE seen (region text, organisation uuid, person uuid)")
        connection.cursor().executemany("INSERT INTO seen VALUES (%s, %s, %s)", things)
        for grants in [(), *combinations(every_grant, 2)]:
            scope = Caller("s", "n", grants, person=PERSONS[0]).scope
            condition = within(scope, region=ROWS.c.region, organisation=ROWS.c.organisation, person=ROWS.c.person)
            query = select(ROWS).where(condition).compile(dialect=dialect, compile_kwargs={"literal_binds": True})
            found = connection.execute(str(query).replace("%%", "%").encode()).fetchall()
            expected = [
                (region, organisation, person)
                for region, organisation, person in things
                if scope.covers(pool=region[:4] + "00", county=region, organisation=organisation, person=person)
            ]
            assert sorted(found, key=str) == sorted(expected, key=str), grants
