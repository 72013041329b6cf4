"""The first tables: profiles, conversations with their messages, and items.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "profiles",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
    )
    op.create_table(
        "conversations",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("phone", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("message_count", sa.Integer, nullable=False, server_default="0"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("conversations_latest", "conversations", ["tenant", "updated_at"])
    op.create_table(
        "messages",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("conversation_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", TSVECTOR, sa.Computed("to_tsvector('english', text)", persisted=True)),
        sa.ForeignKeyConstraint(
            ["tenant", "conversation_id"], ["conversations.tenant", "conversations.id"], ondelete="CASCADE"
        ),
    )
    op.create_index("messages_words", "messages", ["words"], postgresql_using="gin")
    op.create_table(
        "collections",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("resource", sa.Text, primary_key=True),
        sa.Column("made", sa.BigInteger, nullable=False),
    )
    words = sa.Computed("jsonb_to_tsvector('english', fields, '[\"string\"]')", persisted=True)
    op.create_table(
        "items",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("resource", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True),
        sa.Column("fields", JSONB, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", TSVECTOR, words),
    )
    op.create_index("items_words", "items", ["words"], postgresql_using="gin")


def downgrade() -> None:
    """Drop the tables with what they hold."""
    for table in ("items", "collections", "messages", "conversations", "profiles"):
        op.drop_table(table)
