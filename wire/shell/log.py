"""Structured logs: one line per event, `key=value` on a terminal or JSON, credentials redacted in every field.

Rules: the root logger gets exactly one handler; `redact` runs on the finished line, so that no library's
message can carry a credential past it; control characters are escaped, so that no camera can forge a line.
Nobody waits for whoever reads it (patient_log.py).
"""

import json
import logging
import sys
import time
from typing import Any

from ..errors import redact
from .patient_log import PatientHandler

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
"""What a record always has, and uvicorn's second copy of its text for coloured terminals."""
_RENAMED = {"uvicorn.error": "uvicorn"}
"""uvicorn's one logger for everything, which reads like an error."""
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {10: "\\n", 0x2028: "\\n", 0x2029: "\\n"}


class _Formatter(logging.Formatter):
    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._json = as_json

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        fields: dict[str, Any] = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        text, name = record.getMessage(), _RENAMED.get(record.name, record.name)
        if record.exc_info:
            fields["trace"] = self.formatException(record.exc_info)
        if self._json:
            head = {"time": stamp, "level": record.levelname.lower(), "logger": name, "text": text}
            line = json.dumps(head | fields, default=str)
        else:
            pairs = "".join(f" {key}={value}" for key, value in fields.items())
            line = f"{stamp} {record.levelname.lower():7} {name.removeprefix('watchkeep.')}: {text}{pairs}"
        return redact(line).translate(_CONTROLS)


def setup(*, as_json: bool = False, level: str = "INFO") -> None:
    """Install our handler on the root logger; call once, from a command."""
    handler = PatientHandler(sys.stderr)
    handler.setFormatter(_Formatter(as_json=as_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for chatty in ("zeroconf", "amqtt", "transitions", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
