from plumbline.database import run_migrations

run_migrations()
