"""Import: files in, validated rows, posted by (source, number). Again the same file changes nothing."""

from core.ingest.maps import COLUMNS, KINDS
from core.ingest.report import Report, safe_cell
from core.ingest.run import run

__all__ = ["COLUMNS", "KINDS", "Report", "run", "safe_cell"]
