"""Reader studies: arms, tasks in a random order, active time, a survey, and the report."""
