"""Why a job's function ends before it has finished, as exceptions that pass through it."""


class JobCancelled(Exception):
    """Somebody asked for the end of this job."""


class JobInterrupted(Exception):
    """The worker stops; the job goes back to the queue."""


class JobOverdue(Exception):
    """The job has taken longer than it may."""


class JobLost(Exception):
    """The row says that another worker has the job now; nothing may be written any more."""
