"""The tests. As many run at once as there are cores, so that each needs one thread of Polars."""

import os

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # read when Polars is first imported
