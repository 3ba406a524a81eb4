"""Several directory servers as one: who lives, who leads, who follows, and how two journals become one again.  No I/O in here."""
