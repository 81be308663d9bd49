"""Alembic's entry: run on the connection that `ingest.migrate` holds."""

from plumbline.database import run_migrations

run_migrations()
