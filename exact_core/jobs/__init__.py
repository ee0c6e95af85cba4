"""Background work: rows that are the truth, a queue that wakes a worker, and the worker."""
