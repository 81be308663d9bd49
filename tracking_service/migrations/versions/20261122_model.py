"""Tables of the room 'model'."""

revision = "20261122_model"
down_revision = "20261122_linking"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
