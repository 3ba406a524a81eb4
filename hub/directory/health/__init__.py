"""Watching over a site: whether every camera's video becomes durable in time, and who is there."""
