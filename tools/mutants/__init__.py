"""Mutation testing: would a test notice if a line were another?"""

import os

os.environ |= {"POLARS_MAX_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # read at import
