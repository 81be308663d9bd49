"""Tables of the room 'log'."""

revision = "20261122_log"
down_revision = "20261122_series_mirror"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
