"""Looking inside: graphs as text and pictures, profiles, checks while a function runs, and what errors tell."""
