"""What the database refuses as double is a refusal that somebody can read."""

from collections.abc import Iterator
from contextlib import contextmanager

from changhu_common.errors import Refusal
from psycopg.errors import ExclusionViolation, UniqueViolation
from sqlalchemy.exc import IntegrityError


@contextmanager
def refusing_double(refusal: Refusal) -> Iterator[None]:
    """Raise the refusal where a unique key or an exclusion constraint is broken inside."""
    try:
        yield
    except IntegrityError as broken:
        if isinstance(broken.orig, ExclusionViolation | UniqueViolation):
            raise refusal from broken
        raise
