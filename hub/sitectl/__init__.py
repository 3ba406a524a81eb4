"""`watchkeep site`: the operator's side of the directory, over HTTP."""
