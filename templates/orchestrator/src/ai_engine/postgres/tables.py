"""The tables, as the newest migration leaves them. Every row belongs to a tenant, which is first in every key."""

from sqlalchemy import (
    BigInteger,
    Column,
    Computed,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

LANGUAGE = "english"
"""The configuration of Postgres' full text search: which words are one (cost, costs), and which say nothing (the)."""

metadata = MetaData()

profiles = Table(
    "profiles",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("phone", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("message_count", Integer, nullable=False, server_default="0"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Index("conversations_latest", "tenant", "updated_at"),
)

messages = Table(
    "messages",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("conversation_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("role", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("words", TSVECTOR, Computed(f"to_tsvector('{LANGUAGE}', text)", persisted=True)),
    ForeignKeyConstraint(
        ["tenant", "conversation_id"], ["conversations.tenant", "conversations.id"], ondelete="CASCADE"
    ),
    Index("messages_words", "words", postgresql_using="gin"),
)

collections = Table(
    "collections",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("resource", Text, primary_key=True),
    Column("made", BigInteger, nullable=False),
)
"""How many items a resource ever had: an id is never given twice."""

items = Table(
    "items",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("resource", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("fields", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column(
        "words",
        TSVECTOR,
        Computed(f"jsonb_to_tsvector('{LANGUAGE}', fields, '[\"string\"]')", persisted=True),
    ),
    Index("items_words", "words", postgresql_using="gin"),
)
