"""Files of any supported kind to canonical events."""
