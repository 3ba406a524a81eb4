"""Backups of the directory's journal: full and incremental files, their schedules, retention, proof and restore."""
