"""The directory: what a site consists of, who records what, and who answers for it.  Recording depends on none of it (invariant 9)."""
