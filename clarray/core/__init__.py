"""Floor 0: facts about dtypes, operations, layouts and devices; no OpenCL."""
