"""The tables that every service has beside its own: outbox, inbox, parked events, answered requests, audit.

They stand in the service's own database, so that state, audit row, event and the memory of the
request are one transaction.
"""

from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

# The runtime role may add rows to these and never change or remove one.
APPEND_ONLY = ("audit", "inbox", "request")


@dataclass(frozen=True, slots=True)
class Spine:
    """The five tables, in one service's metadata."""

    outbox: Table
    inbox: Table
    parked: Table
    request: Table
    audit: Table


def new_metadata() -> MetaData:
    """Metadata with names for every constraint, so that a migration can speak of them."""
    return MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def add_spine(metadata: MetaData) -> Spine:
    """Define the five tables in a service's metadata."""
    moment = DateTime(timezone=True)
    outbox = Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("event_id", Uuid, nullable=False, unique=True),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("created_at", moment, nullable=False, server_default=func.now()),
        Column("published_at", moment),
    )
    # What is still to be told is few among many that were.
    Index("ix_outbox_unpublished", outbox.c.id, postgresql_where=text("published_at IS NULL"))
    inbox = Table(
        "inbox",
        metadata,
        Column("event_id", Uuid, nullable=False),
        Column("received_at", moment, nullable=False, server_default=func.now()),
        PrimaryKeyConstraint("event_id"),
    )
    parked = Table(
        "parked",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("topic", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("error", Text, nullable=False),
        Column("parked_at", moment, nullable=False, server_default=func.now()),
        Column("replay_asked_at", moment),
    )
    Index("ix_parked_place", parked.c.topic, parked.c.partition, parked.c.offset, unique=True)
    Index("ix_parked_key", parked.c.topic, parked.c.key)
    request = Table(
        "request",
        metadata,
        Column("caller", Text, nullable=False),
        Column("route", Text, nullable=False),
        Column("key", Text, nullable=False),
        Column("body_hash", LargeBinary, nullable=False),
        Column("status", Integer, nullable=False),
        Column("answer", JSONB, nullable=False),
        Column("answered_at", moment, nullable=False, server_default=func.now()),
        PrimaryKeyConstraint("caller", "route", "key"),
    )
    audit = Table(
        "audit",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("at", moment, nullable=False),
        Column("actor", Text, nullable=False),
        Column("origin", Text, nullable=False),
        Column("action", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("subject_id", Text, nullable=False),
        Column("before", JSONB(none_as_null=True)),
        Column("after", JSONB(none_as_null=True)),
    )
    Index("ix_audit_subject", audit.c.subject, audit.c.subject_id)
    return Spine(outbox=outbox, inbox=inbox, parked=parked, request=request, audit=audit)
