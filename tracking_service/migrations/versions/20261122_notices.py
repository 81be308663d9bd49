"""Tables of the room 'notices'."""

revision = "20261122_notices"
down_revision = "20261122_visits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
