"""What a question and an answer are made of beside their text, and the bytes of pictures and files."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "5"
down_revision = "4"


def upgrade(op: Operations) -> None:
    """Add the columns, which stay empty for turns of text alone, and the tables of bytes."""
    op.add_column("turns", sa.Column("question_parts", sa.JSON))
    op.add_column("turns", sa.Column("answer_parts", sa.JSON))
    op.create_table(
        "blobs",
        sa.Column("owner", sa.String(128), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("touched_at", sa.Float, nullable=False),
    )
    op.create_index("blobs_touched", "blobs", ["touched_at"])
    op.create_table(
        "blob_pieces",
        sa.Column("owner", sa.String(128), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(["owner", "sha256"], ["blobs.owner", "blobs.sha256"], ondelete="CASCADE"),
    )
    op.create_table(
        "turn_blobs",
        sa.Column("conversation_id", sa.String(64), primary_key=True),
        sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id", "index", "version"],
            ["turns.conversation_id", "turns.index", "turns.version"],
            ondelete="CASCADE",
        ),
    )
    op.create_index("turns_of_blob", "turn_blobs", ["owner", "sha256"])
