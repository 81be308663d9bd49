"""Tables of the room 'linking'."""

revision = "20261122_linking"
down_revision = "20261122_notices"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
