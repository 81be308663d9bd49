"""Tables of the room 'visits'."""

revision = "20261122_visits"
down_revision = "20261122_log"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
