"""adoptcli: honest product adoption and engagement metrics from an event log."""

__version__ = "0.1.0"
