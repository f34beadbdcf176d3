"""What the pool's fork server imports while the job still reads its rows, so that every worker begins at once."""

import contextlib

from millrace.lean import JOBS, leave_out

leave_out(JOBS)
with contextlib.suppress(ImportError):
    import sklearn.ensemble
    import sklearn.tree  # noqa: F401

    import millrace_training.automl.fitting  # noqa: F401
