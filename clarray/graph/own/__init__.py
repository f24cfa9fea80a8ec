"""Operations of a user's own, and graphs that are operations."""
