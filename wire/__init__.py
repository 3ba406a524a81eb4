"""What both sides must agree on: ids, layouts, topics, messages, errors.

Rules: imports nothing of ours; pure files never import `wire.shell`; one home for each contract.
"""

PRODUCT = "watchkeep"
VERSION = "0.1.0"
WIRE_VERSION = 1
"""Version of the record, seal and append contracts; a peer refuses a version it does not know."""
