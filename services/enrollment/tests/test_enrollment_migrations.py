"""The tables in code are those that the migrations make."""

from collections.abc import Callable

from changhu_common.service import Service
from changhu_standalone.postgres import EmbeddedPostgres
from enrollment.app import SERVICE

from tests.support.migrations import assert_migrated


def test_the_migrations_make_enrollments_tables(
    postgres: EmbeddedPostgres, service_template: Callable[[Service], str]
) -> None:
    assert_migrated(SERVICE, postgres, service_template(SERVICE))
