"""The steps from one schema of the PostgreSQL journal to the next, run by Alembic."""
