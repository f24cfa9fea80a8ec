"""From a rewritten graph to launches: fusion, schedules, stages, and the tapes that calls run."""
